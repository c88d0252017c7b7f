/**
 * What the SDK needs of a profile: the frames that keep a connection alive, advise a reconnect,
 * subscribe and publish. Owns the interface that profiles implement and the prefix of the SDK's
 * heartbeat ids; knows no socket.
 *
 * @module
 */

import type { MemberDetails, RequestError, Sendable } from "./events.ts";

/** What a frame means to the SDK. Any other frame is a message for the user. */
export type DecodedFrame =
  /** A heartbeat of the server; where the profile answers heartbeats, the answer to ours. */
  | { readonly kind: "heartbeat"; readonly id?: string }
  /** The server requests an answer. */
  | { readonly kind: "ping"; readonly answer: string }
  /** The server advises a new connection, and when to make it. The user receives the frame, too. */
  | { readonly kind: "advice"; readonly afterMs: unknown; readonly reason: string }
  /** The hub's first frame: it knows the heartbeat. The user receives the frame, too. */
  | { readonly kind: "welcome"; readonly clientId: unknown }
  /** The hub asks for a new token. The user receives the frame, too. */
  | { readonly kind: "expiring" }
  /** The answer to a new token. The user receives the frame, too. */
  | { readonly kind: "refresh"; readonly isAccepted: boolean }
  /** A request was refused, and when to send it again. The user receives the frame, too. */
  | { readonly kind: "busy"; readonly id: unknown; readonly afterMs: unknown }
  | AnswerFrame
  | ChannelFrame;

/** The answer to a request of the SDK. The user receives an error, too. */
export interface AnswerFrame {
  readonly kind: "answer";
  /** The request's. */
  readonly id: string;
  /** Of a publication its position, if the channel has a history; of others the frame. */
  readonly result: unknown;
  /** Why there is no result. */
  readonly error: RequestError | undefined;
}

/** What a frame may say of a member, or of all. */
export interface MemberFields extends Partial<MemberDetails> {
  /** Of the frame; undefined in a list. */
  readonly type?: string;
  /** How many members there are. */
  readonly count?: number;
}

/** A frame about one channel. The user receives it, too, unless it came before. */
export interface ChannelFrame extends MemberFields {
  readonly kind: "channel";
  readonly type: typeof CHANNEL_FRAMES[number];
  readonly channel: string;
  /** Undefined, as the offset, where the channel has no history. */
  readonly epoch?: string;
  /** Of the message; in `subscribed` of the channel's newest one. An integer from 0. */
  readonly offset: number | undefined;
  /** Whether all that followed the `since` of the request comes now. */
  readonly recovered?: unknown;
  /** Why the hub has ended the subscription itself. */
  readonly reason?: unknown;
  /** What was published. */
  readonly data?: unknown;
  /** When, wall-clock ms of the hub. */
  readonly timestamp?: unknown;
  /** The list of the members. */
  readonly members?: readonly MemberFields[];
  /** Whether the list is not complete. */
  readonly more?: unknown;
}

/** The types of requests about one channel. */
export type RequestType = "subscribe" | "publish" | "history" | "presence";

/** The frames of one profile. A frame that the profile does not have is left out. */
export interface SdkProfile {
  /** The period of a client's heartbeat according to the profile's documentation, ms. */
  readonly intervalMs: number;
  /** Whether the server answers a heartbeat. If not, it sends its own as often as the client. */
  readonly answers: boolean;
  /** Adds to the address what the heartbeat needs. */
  readonly prepare?: (url: URL) => void;
  /** A heartbeat; undefined: none is sent. @param id begins with `HEARTBEAT_ID_PREFIX` */
  readonly heartbeat?: (id: string) => Sendable;
  /** Decodes a frame, text or bytes; undefined for a message of the user. */
  readonly decode: (data: unknown) => DecodedFrame | undefined;
  /** Frames that subscribe to channels. @throws {TypeError} for a channel that the profile lacks */
  readonly subscribe?: (channels: readonly string[]) => string[];
  /** The frame of a request, where the profile has answers, positions and members. */
  readonly request?: (type: RequestType, channel: string, fields?: object) => string;
  /** Frames that end subscriptions. @throws {TypeError} as `subscribe` */
  readonly unsubscribe?: (channels: readonly string[]) => string[];
  /** The frame that presents a new token on a living connection. */
  readonly refresh?: (token: string) => string;
  /** The frame of a publication. @param fields by which the hub answers @throws {TypeError} as `subscribe` */
  readonly publish?: (channel: string, data: unknown, fields: object) => string;
}

/** A profile of the hub: its heartbeat is text. */
export interface HubProfile extends SdkProfile {
  /** A heartbeat. @param id begins with `HEARTBEAT_ID_PREFIX` */
  readonly heartbeat: (id: string) => string;
}

/** The fields of a JSON object. Their values are not validated. */
export type Fields = Readonly<Record<string, unknown>>;

/** Begins every id of the SDK: answers to other ids belong to the user. */
export const HEARTBEAT_ID_PREFIX = "hb";

/** Begins the id of every request whose answer is awaited. */
export const REQUEST_ID_PREFIX = `${HEARTBEAT_ID_PREFIX}-`;

/** The longest heartbeat frame, UTF-16 units: where a profile has no others, a longer one is not parsed. */
const MAX_LENGTH = 1_024;

/** Parses untrusted JSON: what is no text, no object, or longer has no fields. */
export function fieldsOf(text: unknown, maxLength = MAX_LENGTH): Fields {
  if (typeof text !== "string" || text.length > maxLength) return {};
  try {
    return JSON.parse(text) ?? {}; // null is the only JSON value without properties
  } catch {
    return {};
  }
}

/** The decoded answer to a heartbeat; undefined if its id is not one of the SDK's. */
export function heartbeatOf(id: unknown): DecodedFrame | undefined {
  if (id === undefined) return { kind: "heartbeat" };
  return typeof id === "string" && id.startsWith(HEARTBEAT_ID_PREFIX)
    ? { kind: "heartbeat", id }
    : undefined;
}

/** The types of the frames about one channel. */
const CHANNEL_FRAMES = [
  ...["subscribed", "unsubscribed", "message", "gap"] as const,
  ...["joined", "left", "members", "presence"] as const,
];

/** The decoded frame about a channel; undefined if it is none. */
export function channelFrameOf(fields: Fields): ChannelFrame | undefined {
  if (!(CHANNEL_FRAMES as readonly unknown[]).includes(fields.type)) return;
  const offset = Number.isSafeInteger(fields.offset) ? fields.offset : undefined;
  return { ...fields, kind: "channel", offset } as ChannelFrame;
}

/** The error for a channel that the profile does not have. */
export function noChannel(rule: string, channel: string): TypeError {
  return new TypeError(`Cannot use this channel: ${rule}, got ${channel}`);
}
