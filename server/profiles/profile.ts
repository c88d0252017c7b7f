/**
 * The Profile port: one heartbeat system's routes, credentials, wire format and timing, in a file.
 * A profile MUST be sans-I/O: it neither reads clocks nor touches sockets; and neither `open` nor
 * any method of a session may throw, whatever the bytes.
 *
 * @module
 */

import type {
  Credential,
  CredentialSource,
  HandshakeRejection,
  UpgradeTarget,
} from "../auth/credential.ts";
import type { Rights } from "../auth/rights.ts";
import type { CloseReason, RejectionResponse } from "../close_codes.ts";
import type { HeartbeatRules } from "../liveness/heartbeat.ts";
import type { Denial, Inbound, Notice, Publication } from "../message.ts";

/** What a profile learns when a connection opens. */
export interface HandshakeInfo {
  /** Its id among all nodes. */
  readonly clientId: string;
  /** What it asked for. */
  readonly target: UpgradeTarget;
  /** What it may do. */
  readonly rights: Rights;
  /** Wall-clock ms. */
  readonly wallMs: number;
}

/** When a frame came. One object for all frames: read it during the call only. */
export interface Timestamps {
  /** Wall-clock ms, for answers that carry it. */
  wallMs: number;
  /** Monotonic ms, for limits. */
  nowMs: number;
}

/** How a system says goodbye where it does so otherwise than the table of close reasons. */
export interface CloseFrame {
  /** A last frame. */
  readonly text?: string;
  /** The close code. */
  readonly code: number;
  /** The close text, at most 123 bytes. */
  readonly reason: string;
}

/** A heartbeat that the system sends unasked, on a schedule of its own. */
export interface TextHeartbeat {
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
export interface ProtocolSession {
  /** When it is pinged and what counts as life. */
  readonly rules: HeartbeatRules;
  /** The first frames, in order. */
  readonly initialFrames: readonly string[];
  /** Channels it follows from the start; its rights have been considered. */
  readonly initialSubscriptions: readonly string[];
  /** The system's own heartbeat, if it sends one. */
  readonly textHeartbeat?: TextHeartbeat;
  /** What a frame means. */
  decode(frame: Uint8Array, moment: Timestamps): Inbound;
  /** The frame of a notice, where the system has one. */
  notify(notice: Notice): string | undefined;
  /** The answer to a command that is not carried out, where the system has one. */
  deny(denial: Denial, command: { readonly ref?: string; readonly channel: string }):
    | string
    | undefined;
  /** A goodbye of the system's own. */
  closeFrame?(reason: CloseReason): CloseFrame | undefined;
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
  credential(source: CredentialSource): Credential;
  /** How this system refuses. */
  rejectionOf(refusal: HandshakeRejection): RejectionResponse;
  /** Starts the talk with a client that got in. */
  open(handshake: HandshakeInfo): ProtocolSession;
  /** The frame of a publication, the same for all who follow it, where the system has one. */
  publication(publication: Publication): string | undefined;
}
