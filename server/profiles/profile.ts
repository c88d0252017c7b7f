/**
 * The Profile port: one heartbeat system's routes, credentials, wire format and timing, in a file.
 * A profile MUST be sans-I/O: it neither reads clocks nor touches sockets; and neither `open` nor
 * any method of a dialogue may throw, whatever the bytes.
 *
 * @module
 */

import type { CloseReason } from "../close_codes.ts";
import type { HeartbeatRules } from "../liveness/heartbeat.ts";
import type { Denial, Inbound, Notice, Publication } from "../message.ts";

/** What of a request chooses a profile. */
export interface UpgradeTarget {
  /** The path, without the query. */
  readonly path: string;
  /** What follows the `?`, decoded. */
  readonly query: URLSearchParams;
}

/** Where a request may carry a credential. */
export interface CredentialSource extends UpgradeTarget {
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The subprotocols that the client offers. */
  readonly subprotocols: readonly string[];
}

/** The credential that a request presents. */
export type Presented =
  | { readonly kind: "none" }
  /** One string: `<id>.<secret>` or a JWT. */
  | { readonly kind: "token"; readonly token: string }
  /** Id and secret apart. */
  | { readonly kind: "pair"; readonly id: string; readonly secret: string }
  /** A ticket of POST /v1/socket-tickets. */
  | { readonly kind: "ticket"; readonly ticket: string }
  /** Cannot be read; the text says why. */
  | { readonly kind: "unreadable"; readonly detail: string };

/** A token, or none where there is none or an empty one. */
export function tokenOf(token: string | null | undefined): Presented {
  return token ? { kind: "token", token } : { kind: "none" };
}

/** The token of an `Authorization: Bearer <token>` (RFC 6750 section 2.1); the scheme in any case. */
export function bearerOf({ header }: Pick<CredentialSource, "header">): string | undefined {
  return /^Bearer +(.+)$/i.exec(header("authorization") ?? "")?.[1];
}

/** Why a connection is refused at the door. */
export type DoorRefusal =
  | { readonly kind: "unauthorized"; readonly presented: Presented; readonly detail: string }
  | { readonly kind: "too_many_for_key"; readonly detail: string };

/** How the refusal looks. */
export type RefusalForm =
  /** An HTTP answer instead of the upgrade. */
  | {
    readonly kind: "http";
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }
  /** The upgrade, then these frames, then a close. */
  | {
    readonly kind: "close";
    readonly texts: readonly string[];
    readonly code: number;
    readonly reason: string;
  };

/** What a connection may do. */
export interface Rights {
  /** May it follow the channel? */
  maySubscribe(channel: string): boolean;
  /** May it publish there? */
  mayPublish(channel: string): boolean;
  /** May it hand texts to all others of its system? Whoever may publish anything may. */
  mayRelay(): boolean;
}

/** What a profile learns when a connection opens. */
export interface Visit {
  /** Its id among all nodes. */
  readonly clientId: string;
  /** What it asked for. */
  readonly target: UpgradeTarget;
  /** What it may do. */
  readonly rights: Rights;
  /** Whether a string is a key's credential; on an open hub any is. */
  readonly isKey: (credential: string) => boolean;
  /** Wall-clock ms. */
  readonly wallMs: number;
}

/** When a frame came. One object for all frames: read it during the call only. */
export interface Moment {
  /** Wall-clock ms, for answers that carry it. */
  wallMs: number;
  /** Monotonic ms, for limits. */
  nowMs: number;
}

/** How a system says goodbye where it does so otherwise than the table of close reasons. */
export interface Farewell {
  /** A last frame. */
  readonly text?: string;
  /** The close code. */
  readonly code: number;
  /** The close text, at most 123 bytes. */
  readonly reason: string;
}

/** A heartbeat that the system sends unasked, on a schedule of its own. */
export interface Beat {
  /** From the opening to the first, ms. */
  readonly firstMs: number;
  /** From one to the next, ms. */
  readonly periodMs: number;
  /** The text of the frame, always the same. */
  readonly text: string;
}

/** The usual rule: everything that arrives is a sign of life. */
export const ANY_LIFE = {
  silenceFrom: "life",
  framesAreLife: true,
  pongsAreLife: true,
  pingsAreLife: true,
} as const satisfies Partial<HeartbeatRules>;

/** One connection's side of the talk. */
export interface Dialogue {
  /** When it is pinged and what counts as life. */
  readonly rules: HeartbeatRules;
  /** The first frames, in order. */
  readonly greeting: readonly string[];
  /** Channels it follows from the start; its rights have been considered. */
  readonly follows: readonly string[];
  /** The system's own heartbeat, if it sends one. */
  readonly beat?: Beat;
  /** What a frame means. */
  decode(frame: Uint8Array, moment: Moment): Inbound;
  /** The frame of a notice, where the system has one. */
  notify(notice: Notice): string | undefined;
  /** The answer to a command that is not carried out, where the system has one. */
  deny(denial: Denial, command: { readonly ref?: string; readonly channel: string }):
    | string
    | undefined;
  /** A goodbye of the system's own. */
  farewell?(reason: CloseReason): Farewell | undefined;
  /** A control pong came. */
  pong?(): void;
}

/** One heartbeat system: which requests are its own, and how its clients talk. */
export interface Profile {
  /** Its name in routes, logs and metrics. */
  readonly name: string;
  /** Does this request ask for the profile, beside `/ws/<name>`? */
  matches(target: UpgradeTarget): boolean;
  /** The credential that a request carries, where this system's clients put it. */
  credential(source: CredentialSource): Presented;
  /** How this system refuses. */
  refuse(refusal: DoorRefusal): RefusalForm;
  /** Starts the talk with a client that got in. */
  open(visit: Visit): Dialogue;
  /** The frame of a publication, the same for all who follow it, where the system has one. */
  publication(publication: Publication): string | undefined;
}
