/**
 * What the SDK must know of a system to keep a connection of it alive and to come back to it. Owns
 * the port that dialects implement and the marks of the SDK's own heartbeats.
 *
 * @module
 */

/** What a text frame means to the SDK. What has no such meaning is the user's. */
export type DecodedFrame =
  /** A heartbeat of the peer: the answer to ours, where the system answers. */
  | { readonly kind: "heartbeat"; readonly id?: string }
  /** The peer asks for a sign of life. */
  | { readonly kind: "ping"; readonly answer: string }
  /** The peer advises to come back on a new connection, when it says. The user reads it, too. */
  | { readonly kind: "advice"; readonly afterMs: unknown; readonly reason: string };

/** One system's frames. Frames that a system lacks are left out. */
export interface SdkProfile {
  /** How often its documentation wants a client's heartbeat, ms. */
  readonly intervalMs: number;
  /** Whether the peer answers a heartbeat; else its own heartbeats, as frequent, are the evidence. */
  readonly answers: boolean;
  /** Adds to the address what the heartbeat needs. */
  readonly prepare?: (url: URL) => void;
  /** A heartbeat. @param id begins with `HEARTBEAT_ID` */
  readonly heartbeat: (id: string) => string;
  /** Reads a frame; undefined: it is the user's. */
  readonly decode: (text: string) => DecodedFrame | undefined;
  /** Frames that subscribe to channels. @throws {TypeError} if one is no channel of the system */
  readonly subscribe?: (channels: readonly string[]) => string[];
  /** Frames that end subscriptions. @throws {TypeError} as `subscribe` */
  readonly unsubscribe?: (channels: readonly string[]) => string[];
  /** The frame of a publication. @throws {TypeError} as `subscribe` */
  readonly publish?: (channel: string, data: unknown) => string;
}

/** The fields of a JSON object; their values may be anything. */
export type Fields = Readonly<Record<string, unknown>>;

/** Ids of the SDK's own heartbeats begin so: answers to the user's own are the user's. */
export const HEARTBEAT_ID = "hb";

/** No heartbeat frame is longer: longer ones are not read twice. */
const MAX_LENGTH = 1_024;

/** Reads JSON from a stranger: what is no object, or too long for a heartbeat, has no fields. */
export function fieldsOf(text: string): Fields {
  if (text.length > MAX_LENGTH) return {};
  try {
    return JSON.parse(text) ?? {}; // of null, the one value without properties
  } catch {
    return {};
  }
}

/** Hears an answer under an id, unless the id is one of the user's. */
export function heartbeatOf(id: unknown): DecodedFrame | undefined {
  if (id === undefined) return { kind: "heartbeat" };
  return typeof id === "string" && id.startsWith(HEARTBEAT_ID)
    ? { kind: "heartbeat", id }
    : undefined;
}

/** The complaint about a channel that the system does not have. */
export function noChannel(rule: string, channel: string): TypeError {
  return new TypeError(`Cannot use this channel: ${rule}, got ${channel}`);
}
