/**
 * The json profile: Systole's own wire format, that of the article whose pump constants the server
 * takes over. One JSON object a frame, told apart by `type`.
 *
 * @module
 */

import type { HeartbeatRules } from "../liveness/heartbeat.ts";
import type { Inbound, Outbound } from "../message.ts";
import type { Profile } from "./profile.ts";

/** Longest channel name, UTF-16 units. */
export const MAX_CHANNEL_LENGTH = 256;

/** Talo's heartbeat: its published browser example connects to an open hub's `/` without a ticket. */
const TALO_HEARTBEAT = "v1.heartbeat";

const TEXT = new TextDecoder();

type Fields = Record<string, unknown>;
type ErrorCode =
  | "bad_json"
  | "bad_message"
  | "unknown_type"
  | "bad_channel"
  | "too_many_subscriptions";

/** What the profile is made of. */
export interface JsonOptions {
  /** Its timing. */
  readonly rules: HeartbeatRules;
  /** Answer other JSON with an `echo`. */
  readonly echo: boolean;
}

/** Makes the profile. */
export function jsonProfile({ rules, echo }: JsonOptions): Profile {
  return {
    name: "json",
    rules,
    matches: () => false, // by its name, or as the default
    decode: (frame, wallMs) => decode(TEXT.decode(frame), { wallMs, echo }),
    encode: (outbound) => encode(outbound, rules),
  };
}

function decode(text: string, context: { wallMs: number; echo: boolean }): Inbound {
  if (text === TALO_HEARTBEAT) return { kind: "reply", text };
  const value = parseJson(text);
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

/** @returns undefined for what is not JSON */
function parseJson(text: string): unknown {
  if (!mayBeJson(text.trim()) || isTooDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Levels of arrays and objects in one another. Nobody means more. */
const MAX_DEPTH = 500;

/**
 * JSON.parse takes any depth, JSON.stringify overflows the stack at a few thousand levels (as soon
 * as an object with integer keys is inside): what we could not say again we do not take.
 */
function isTooDeep(text: string): boolean {
  if (text.length < 2 * MAX_DEPTH) return false;
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) {
      quoted = true;
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return true;
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      depth--;
    }
  }
  return false;
}

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\[]{}'].map((
  mark,
) => mark.charCodeAt(0));

/**
 * Whether the ends of a text allow it to be JSON. JSON.parse takes 6 µs to throw, and 64 flooders
 * have 128 000 frames before their limit strikes: with it alone, closing them all took 2 s, with
 * this 0.9 s (tests/integration/flood_test.ts).
 */
function mayBeJson(trimmed: string): boolean {
  const last = trimmed.at(-1);
  switch (trimmed[0]) {
    case "{":
      return last === "}";
    case "[":
      return last === "]";
    case '"':
      return last === '"' && trimmed.length > 1;
    case "t":
    case "f":
    case "n":
      return trimmed === "true" || trimmed === "false" || trimmed === "null";
    default:
      return last !== undefined && last >= "0" && last <= "9";
  }
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
    case "unsubscribe":
      return onChannel(message, (channel) => ({
        kind: message.type as "subscribe" | "unsubscribe",
        channel,
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
    return error("bad_message", `the id of a publish is a string, not ${nameOf(id)}`);
  }
  return { kind: "publish", channel, data, ref: id };
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

function encode(outbound: Outbound, rules: HeartbeatRules): string | undefined {
  switch (outbound.kind) {
    case "welcome": {
      const { pingPeriodMs, pongWaitMs } = rules;
      const { clientId } = outbound;
      return JSON.stringify({ type: "welcome", clientId, pingPeriodMs, pongWaitMs });
    }
    case "ping":
      return JSON.stringify({ type: "ping", id: outbound.id, timestamp: outbound.timestamp });
    case "publication": {
      const { channel, data, timestamp } = outbound;
      return JSON.stringify({ type: "message", channel, data, timestamp });
    }
    case "subscribed":
    case "unsubscribed":
      return JSON.stringify({ type: outbound.kind, channel: outbound.channel });
    case "published":
      return JSON.stringify({ type: "published", channel: outbound.channel, id: outbound.ref });
    case "refused":
      return errorText(outbound.code, outbound.message, outbound.ref);
    case "reconnect":
      return JSON.stringify({
        type: "reconnect",
        afterMs: outbound.afterMs,
        reason: outbound.reason,
      });
  }
}

function reply(message: Fields): Inbound {
  return { kind: "reply", text: JSON.stringify(message) };
}

function error(code: ErrorCode, message: string, id?: unknown): Inbound {
  return { kind: "malformed", text: errorText(code, message, id) };
}

function errorText(code: ErrorCode, message: string, id: unknown): string {
  return JSON.stringify({ type: "error", code, message, id });
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
