/**
 * The json profile: Systole's own wire format, that of the article whose pump constants the server
 * takes over. One JSON object a frame, distinguished by `type`.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import {
  BUSY_AFTER_MS,
  type Denial,
  type Inbound,
  MAX_CHANNEL_LENGTH,
  type Notice,
  type Publication,
} from "../../message.ts";
import { type Fields, isObject, parseJson } from "../../base/json.ts";
import { problemRejection } from "../../base/problem.ts";
import type { Timing } from "../../liveness/timing.ts";
import { ANY_LIFE, type FrameInfo, type Profile, type ProtocolSession } from "../profile.ts";
import {
  bearerOf,
  type Credential,
  type CredentialSource,
  tokenOf,
} from "../../auth/credential.ts";
import type { RejectionResponse } from "../../close_codes.ts";

/** Talo's heartbeat: its published browser example connects to an open hub's `/` without a ticket. */
const TALO_HEARTBEAT = "v1.heartbeat";

const TEXT = new TextDecoder();

type ErrorCode =
  | "bad_json"
  | "binary_not_supported"
  | "bad_message"
  | "unknown_type"
  | "bad_channel"
  | Denial;

/** What the profile is made of. */
export interface JsonOptions {
  /** Its timing. */
  readonly timing: Timing;
  /** Answer other JSON with an `echo`. */
  readonly echo: boolean;
}

/** Makes the profile. */
export function jsonProfile({ timing, echo }: JsonOptions): Profile {
  const { pingPeriodMs, pongWaitMs } = timing;
  const session = {
    rules: { ...timing, ...ANY_LIFE },
    initialSubscriptions: [],
    decode: (frame: Uint8Array, { wallMs, isBinary }: FrameInfo) =>
      decode(TEXT.decode(frame), { wallMs, isBinary: isBinary === true, echo }),
    notify,
    deny: (denial: Denial, { ref, channel }: { ref?: string; channel: string }) =>
      errorText(
        denial,
        DENIALS[denial](channel),
        ref,
        denial === "busy" ? BUSY_AFTER_MS : undefined,
      ),
  } satisfies Omit<ProtocolSession, "initialFrames">;
  return {
    name: "json",
    matches: () => false, // by its name, or as the default
    credential,
    closesRejectedBrowsers: true,
    rejectionOf: ({ kind, detail }): RejectionResponse =>
      kind === "unauthorized"
        ? problemRejection(STATUS_CODE.Unauthorized, detail, { "WWW-Authenticate": "Bearer" })
        : problemRejection(STATUS_CODE.TooManyRequests, detail),
    open: ({ clientId }) => ({
      ...session,
      initialFrames: [JSON.stringify({ type: "welcome", clientId, pingPeriodMs, pongWaitMs })],
    }),
    publication: ({ channel, data, timestamp }: Publication) =>
      JSON.stringify({ type: "message", channel, data, timestamp }),
  };
}

const DENIALS: Record<Denial, (channel: string) => string> = {
  forbidden: (channel) => `this key has no right for that on ${JSON.stringify(channel)}`,
  too_many_subscriptions: (channel) =>
    `cannot subscribe to ${JSON.stringify(channel)}: unsubscribe from another channel first`,
  busy: (channel) => `not published: the subscribers of ${JSON.stringify(channel)} are behind`,
};

/** Browsers set no headers: they offer the credential as a subprotocol. */
const SUBPROTOCOL = "systole.bearer.";

function credential(source: CredentialSource): Credential {
  const { header, query, subprotocols } = source;
  const offered = subprotocols.find((name) => name.startsWith(SUBPROTOCOL));
  return tokenOf(
    bearerOf(source) ?? header("x-api-key") ?? query.get("access_token") ??
      offered?.slice(SUBPROTOCOL.length),
  );
}

function decode(
  text: string,
  context: { wallMs: number; isBinary: boolean; echo: boolean },
): Inbound {
  if (text === TALO_HEARTBEAT) return { kind: "heartbeat", text };
  const value = parseJson(text);
  if (value === undefined && context.isBinary) {
    return error("binary_not_supported", "a binary frame that is not JSON: send JSON as text");
  }
  if (value === undefined) {
    return error(
      "bad_json",
      "not JSON, or nested too deep: every message is one JSON object with a type",
    );
  }
  const known = isObject(value) ? decodeObject(value, context.wallMs) : undefined;
  if (known !== undefined) return known;
  if (context.echo) {
    return reply({ type: "echo", data: value, timestamp: context.wallMs });
  }
  if (!isObject(value)) {
    return error("bad_message", `a message is a JSON object with a type, not ${nameOf(value)}`);
  }
  if (typeof value.type !== "string") {
    return error("bad_message", "type is missing or not a string", value.id);
  }
  const type = value.type.slice(0, 64);
  const message = `unknown type ${JSON.stringify(type)}: ` +
    "use ping, pong, subscribe, unsubscribe or publish";
  return error("unknown_type", message, value.id);
}

function decodeObject(message: Fields, wallMs: number): Inbound | undefined {
  switch (message.type) {
    case "ping":
      return reply({
        type: "pong",
        id: message.id,
        timestamp: message.timestamp,
        serverTime: wallMs,
      });
    case "pong":
      return { kind: "app_pong", id: text(message.id), timestamp: number(message.timestamp) };
    case "subscribe":
      return onChannel(message, (channel) => ({
        kind: "subscribe",
        channels: [channel],
        ack: JSON.stringify({ type: "subscribed", channel }),
        ref: text(message.id),
      }));
    case "unsubscribe":
      return onChannel(message, (channel) => ({
        kind: "unsubscribe",
        channels: [channel],
        ack: JSON.stringify({ type: "unsubscribed", channel }),
      }));
    case "publish":
      return onChannel(message, (channel) => decodePublish(message, channel));
    default:
      return undefined;
  }
}

function decodePublish({ data, id }: Fields, channel: string): Inbound {
  if (data === undefined) return error("bad_message", "publish needs data: any JSON value", id);
  if (id !== undefined && typeof id !== "string") {
    return error("bad_message", `the id of a publish is a string, not ${nameOf(id)}`, id);
  }
  if (id === undefined) return { kind: "publish", channel, data };
  const ack = JSON.stringify({ type: "published", channel, id });
  return { kind: "publish", channel, data, ack, ref: id };
}

function onChannel(message: Fields, decode: (channel: string) => Inbound): Inbound {
  const { channel, id } = message;
  if (typeof channel !== "string" || channel === "" || channel.length > MAX_CHANNEL_LENGTH) {
    const seen = typeof channel === "string" ? `${channel.length} characters` : nameOf(channel);
    const rule = `channel must be a string of 1 to ${MAX_CHANNEL_LENGTH} characters, got ${seen}`;
    return error("bad_channel", rule, id);
  }
  return decode(channel);
}

function notify(notice: Notice): string {
  if (notice.kind === "ping") { // the most frequent one
    return `{"type":"ping","id":"${notice.id}","timestamp":${notice.timestamp}}`;
  }
  const { kind, ...fields } = notice;
  return JSON.stringify({ type: kind, ...fields });
}

function reply(message: Fields): Inbound {
  return { kind: "reply", text: JSON.stringify(message) };
}

function error(code: ErrorCode, message: string, id?: unknown): Inbound {
  return { kind: "malformed", text: errorText(code, message, id) };
}

/** @param afterMs when to try again */
function errorText(code: ErrorCode, message: string, id: unknown, afterMs?: number): string {
  return JSON.stringify({ type: "error", code, message, id, afterMs });
}

function nameOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
