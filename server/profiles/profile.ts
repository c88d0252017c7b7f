/**
 * The Profile port: one heartbeat system's routes, credentials, wire format and timing, in a folder.
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
import type { HttpRejection } from "../base/problem.ts";
import type { CloseReason, RejectionResponse } from "../close_codes.ts";
import type { HeartbeatRules } from "../liveness/heartbeat.ts";
import type {
  Denial,
  HistoryPage,
  Inbound,
  Notice,
  Position,
  PresenceList,
  Publication,
} from "../message.ts";

/** What a profile gets when a connection opens. */
export interface HandshakeInfo {
  /** Its id among all nodes. */
  readonly clientId: string;
  /** The target of its request. */
  readonly target: UpgradeTarget;
  /** What it may do. */
  readonly rights: Rights;
  /** Wall-clock ms. */
  readonly wallMs: number;
}

/** When a frame came, and of which kind. One object for all frames: read it during the call only. */
export interface FrameInfo {
  /** Wall-clock ms, for answers that carry it. */
  wallMs: number;
  /** Monotonic ms, for limits. */
  nowMs: number;
  /** Whether it is a binary frame. */
  isBinary?: boolean;
}

/** A profile's own close frame, where it differs from the table of close reasons. */
export interface CloseFrame {
  /** A last frame. */
  readonly text?: string;
  /** The close code. */
  readonly code: number;
  /** The close text, at most 123 bytes. */
  readonly reason: string;
}

/** A text heartbeat that the server sends on a schedule of its own. */
export interface TextHeartbeat {
  /** From the start of the connection to the first, ms. */
  readonly firstMs: number;
  /** From one to the next, ms. */
  readonly periodMs: number;
  /** The text of the frame, always the same. */
  readonly text: string;
}

/** The usual rule: every frame is a sign of life. */
export const ANY_LIFE = {
  silenceFrom: "life",
  framesAreLife: true,
  pongsAreLife: true,
  pingsAreLife: true,
} as const satisfies Partial<HeartbeatRules>;

/** What came of a command. */
export interface Outcome {
  /** The channel's, where it keeps a history: of the message, or of the newest one. */
  readonly position?: Position;
  /** Whether a subscription gets all that followed its `since`; undefined without one. */
  readonly recovered?: boolean;
  /** Whether a publication is a repeat; the position is that of the first. */
  readonly duplicate?: boolean;
  /** Whether it reached the subscribers of this node alone. */
  readonly degraded?: boolean;
}

/** The protocol state of one connection. */
export interface ProtocolSession {
  /** When it is pinged and what counts as life. */
  readonly rules: HeartbeatRules;
  /** The first frames, in order. */
  readonly initialFrames: readonly string[];
  /** Channels it is subscribed to from the start, as far as its rights allow. */
  readonly initialSubscriptions: readonly string[];
  /** The system's own heartbeat, if it sends one. */
  readonly textHeartbeat?: TextHeartbeat;
  /** What a frame means. */
  decode(frame: Uint8Array, info: FrameInfo): Inbound;
  /** The frame of a notice, where the system has one. */
  notify(notice: Notice): string | undefined;
  /** The answer to a command that is not carried out, where the system has one. */
  deny(denial: Denial, command: { readonly ref?: string; readonly channel: string }):
    | string
    | undefined;
  /** Adds to an acknowledgement what the hub alone knows, where the system has a place for it. */
  complete?(ack: string, outcome: Outcome): string;
  /** The answer to a command that reads the history, where the system has one. */
  historyPage?(channel: string, page: HistoryPage & { readonly ref: string }): string;
  /** The answer to a command that lists the members of a channel, where the system has one. */
  presenceList?(channel: string, list: PresenceList & { readonly ref: string }): string;
  /** The profile's own close frame. */
  closeFrame?(reason: CloseReason): CloseFrame | undefined;
  /** A control pong came. */
  pong?(): void;
}

/** The answer to a target that a profile does not have. */
export interface NotFound extends HttpRejection {
  /** What is wrong with it, for operators. */
  readonly detail: string;
}

/** One heartbeat system: which requests belong to it, and its wire format. */
export interface Profile {
  /** Its name in routes, logs and metrics. */
  readonly name: string;
  /** Whether a request is for this profile, beside `/ws/<name>`. */
  matches(target: UpgradeTarget): boolean;
  /** The answer to a target of this system that names something it does not have. */
  notFound?(target: UpgradeTarget): NotFound | undefined;
  /** The credential that a request carries, where this system's clients put it. */
  credential(source: CredentialSource): Credential;
  /** The id of the connection that a request replaces, where this system's clients can name one. */
  replaces?(target: UpgradeTarget): string | undefined;
  /** Whether a browser that is rejected for good gets a close frame instead of an HTTP status. */
  readonly closesRejectedBrowsers?: boolean;
  /** How this profile rejects an upgrade. */
  rejectionOf(rejection: HandshakeRejection): RejectionResponse;
  /** Starts the session of an accepted client. */
  open(handshake: HandshakeInfo): ProtocolSession;
  /** The frame of a publication, the same for all subscribers, where the profile has one. */
  publication(publication: Publication): string | undefined;
}
