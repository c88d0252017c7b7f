/**
 * The json profile: Systole's own wire format, that of the article whose pump constants the server
 * takes over. One JSON object a frame, distinguished by `type`.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { isUtf8 } from "node:buffer";
import {
  BUSY_AFTER_MS,
  type Denial,
  type HistoryPage,
  type Inbound,
  MAX_CHANNEL_LENGTH,
  MAX_PUBLICATION_ID_LENGTH,
  type Notice,
  type PresenceList,
  type Publication,
  type PublicationId,
} from "../../message.ts";
import { assertNever } from "../../base/errors.ts";
import { numberIn, stringIn } from "../../base/json.ts";
import { MemberScanner, withoutByteOrderMark } from "../../base/json_scanner.ts";
import { problemRejection } from "../../base/problem.ts";
import type { HeartbeatRules } from "../../liveness/heartbeat.ts";
import type { Timing } from "../../liveness/timing.ts";
import {
  ANY_LIFE,
  type FrameInfo,
  type Outcome,
  type Profile,
  type ProtocolSession,
} from "../profile.ts";
import { pageMembers, positionMembers, readQuery, recoveredMember } from "./history.ts";
import { listFields, memberFields, readMembership } from "./presence.ts";
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

/** Every member that a message of a client may have; others are ignored. */
const MESSAGE = new MemberScanner([
  "type",
  "channel",
  "data",
  "id",
  "timestamp",
  "clientTime",
  "token",
  "since",
  "last",
  "session",
  "presence",
  "member",
  "info",
]);

/** Longest token of a refresh, characters: what the headers of a request may have at most in Node. */
const MAX_TOKEN_LENGTH = 16_384;

type ErrorCode =
  | "bad_json"
  | "binary_not_supported"
  | "bad_message"
  | "unknown_type"
  | "bad_channel"
  | "already_subscribed"
  | "history_off"
  | "too_large"
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
  const options = { rules: { ...timing, ...ANY_LIFE }, echo };
  return {
    name: "json",
    matches: () => false, // by its name, or as the default
    credential,
    replaces: ({ query }) => query.get("replaces") ?? undefined,
    closesRejectedBrowsers: true,
    rejectionOf: ({ kind, detail }): RejectionResponse =>
      kind === "unauthorized"
        ? problemRejection(STATUS_CODE.Unauthorized, detail, { "WWW-Authenticate": "Bearer" })
        : problemRejection(STATUS_CODE.TooManyRequests, detail),
    open: ({ clientId }) => new JsonSession(clientId, options),
    publication: ({ channel, data, timestamp, offset }: Publication) =>
      `{"type":"message","channel":${
        JSON.stringify(channel)
      },"data":${data},"timestamp":${timestamp}${
        offset === undefined ? "" : `,"offset":${offset}`
      }}`,
  };
}

/** What all sessions share. */
interface SessionOptions {
  readonly rules: HeartbeatRules;
  readonly echo: boolean;
}

/** Has no state. Every connection has one, so it keeps as little as it can. */
class JsonSession implements ProtocolSession {
  readonly #clientId: string;
  readonly #options: SessionOptions;

  constructor(clientId: string, options: SessionOptions) {
    this.#clientId = clientId;
    this.#options = options;
  }

  get rules(): HeartbeatRules {
    return this.#options.rules;
  }

  get initialFrames(): readonly string[] {
    const { pingPeriodMs, pongWaitMs } = this.rules;
    const clientId = this.#clientId;
    return [JSON.stringify({ type: "welcome", clientId, pingPeriodMs, pongWaitMs })];
  }

  get initialSubscriptions(): readonly string[] {
    return [];
  }

  decode(frame: Uint8Array, { wallMs, isBinary }: FrameInfo): Inbound {
    return decode(frame, { wallMs, isBinary: isBinary === true, echo: this.#options.echo });
  }

  notify(notice: Notice): string {
    if (notice.kind === "ping") { // the most frequent one
      return `{"type":"ping","id":"${notice.id}","timestamp":${notice.timestamp}}`;
    }
    if (notice.kind === "joined" || notice.kind === "left") {
      const { kind, channel } = notice;
      return `{"type":"${kind}","channel":${JSON.stringify(channel)},${memberFields(notice)}}`;
    }
    const { kind, ...fields } = notice;
    return JSON.stringify({ type: kind, ...fields });
  }

  deny(denial: Denial, { ref, channel }: { ref?: string; channel: string }): string {
    return errorText(denial, DENIALS[denial](channel), {
      id: ref === undefined ? undefined : JSON.stringify(ref),
      afterMs: denial === "busy" || denial === "unavailable" ? BUSY_AFTER_MS : undefined,
    });
  }

  complete(ack: string, { position, recovered, duplicate, degraded }: Outcome): string {
    const members = positionMembers(position) + recoveredMember(recovered) +
      (duplicate ? ',"duplicate":true' : "") + (degraded ? ',"degraded":true' : "");
    return members === "" ? ack : `${ack.slice(0, -1)}${members}}`;
  }

  historyPage(channel: string, { ref, ...page }: HistoryPage & { readonly ref: string }): string {
    return `{"type":"history",${pageMembers(channel, page)},"id":${JSON.stringify(ref)}}`;
  }

  presenceList(channel: string, { ref, ...list }: PresenceList & { readonly ref: string }): string {
    return `{"type":"presence",${listFields(channel, list)},"id":${JSON.stringify(ref)}}`;
  }
}

const DENIALS: Record<Denial, (channel: string) => string> = {
  forbidden: (channel) => `this key has no right for that on ${JSON.stringify(channel)}`,
  too_many_subscriptions: (channel) =>
    `cannot subscribe to ${JSON.stringify(channel)}: unsubscribe from another channel first`,
  busy: (channel) => `not published: the subscribers of ${JSON.stringify(channel)} are behind`,
  unavailable: (channel) => `the hub cannot do that on ${JSON.stringify(channel)} now: try again`,
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
  frame: Uint8Array,
  context: { wallMs: number; isBinary: boolean; echo: boolean },
): Inbound {
  const bytes = withoutByteOrderMark(frame);
  if (isTaloHeartbeat(bytes)) return { kind: "heartbeat", text: TALO_HEARTBEAT };
  const scan = context.isBinary && !isUtf8(bytes) ? "invalid" : MESSAGE.scan(bytes);
  switch (scan) {
    case "invalid":
      return context.isBinary
        ? error("binary_not_supported", "a binary frame that is not JSON: send JSON as text")
        : error(
          "bad_json",
          "not JSON, or nested too deep: every message is one JSON object with a type",
        );
    case "object":
      if (MESSAGE.ambiguous !== undefined) return ambiguous();
      return decodeObject(context.wallMs) ?? (context.echo ? echo(bytes, context) : unknown());
    case "other": {
      if (context.echo) return echo(bytes, context);
      const name = nameOf(textOf(bytes));
      return error("bad_message", `a message is a JSON object with a type, not ${name}`);
    }
    default:
      assertNever(scan);
  }
}

function isTaloHeartbeat(bytes: Uint8Array): boolean {
  return bytes.length === TALO_HEARTBEAT.length && TEXT.decode(bytes) === TALO_HEARTBEAT;
}

/** A JSON text, without the white space around it. */
function textOf(bytes: Uint8Array): string {
  return TEXT.decode(bytes).trim();
}

/** Rights and routing must not depend on which of two members a reader takes. */
function ambiguous(): Inbound {
  const name = MESSAGE.ambiguous;
  const id = name === "id" ? undefined : MESSAGE.textOf("id");
  return error("bad_message", `${name} is repeated, or written with an escape in its name`, id);
}

function echo(bytes: Uint8Array, { wallMs }: { wallMs: number }): Inbound {
  return reply(`{"type":"echo","data":${textOf(bytes)},"timestamp":${wallMs}}`);
}

/** The answer to an object of no known type, which was scanned last. */
function unknown(): Inbound {
  const id = MESSAGE.textOf("id");
  const type = stringIn(MESSAGE.textOf("type"));
  if (type === undefined) return error("bad_message", "type is missing or not a string", id);
  const message = `unknown type ${JSON.stringify(type.slice(0, 64))}: ` +
    "use ping, pong, subscribe, unsubscribe, publish, history, presence or refresh";
  return error("unknown_type", message, id);
}

/** Reads the object that was scanned last; undefined: its type is not known. */
function decodeObject(wallMs: number): Inbound | undefined {
  switch (stringIn(MESSAGE.textOf("type"))) {
    case "ping": {
      const id = member("id", MESSAGE.textOf("id"));
      const timestamp = member("timestamp", MESSAGE.textOf("timestamp"));
      return reply(`{"type":"pong"${id}${timestamp},"serverTime":${wallMs}}`);
    }
    case "pong":
      return {
        kind: "app_pong",
        id: stringIn(MESSAGE.textOf("id")),
        timestamp: numberIn(MESSAGE.textOf("timestamp")),
      };
    case "subscribe":
      return onChannel(decodeSubscribe);
    case "unsubscribe":
      return onChannel((channel) => ({
        kind: "unsubscribe",
        channels: [channel],
        ack: `{"type":"unsubscribed","channel":${JSON.stringify(channel)}}`,
      }));
    case "publish":
      return onChannel(decodePublish);
    case "refresh":
      return decodeRefresh();
    case "history":
      return onChannel(decodeHistory);
    case "presence":
      return onChannel(decodePresence);
    default:
      return undefined;
  }
}

function decodeSubscribe(channel: string): Inbound {
  const id = MESSAGE.textOf("id");
  const ref = stringIn(id);
  const ack = `{"type":"subscribed","channel":${JSON.stringify(channel)}${member("id", id)}}`;
  const membership = readMembership({
    presence: MESSAGE.textOf("presence"),
    member: MESSAGE.textOf("member"),
    info: MESSAGE.keptTextOf("info"),
  });
  if (membership !== undefined && "code" in membership) {
    return error(membership.code, membership.message, id);
  }
  const command = { kind: "subscribe", channels: [channel], ack, ref, membership } as const;
  const [since, last] = [MESSAGE.textOf("since"), MESSAGE.textOf("last")];
  if (since === undefined && last === undefined) return command;
  const query = readQuery({ since, last });
  if (typeof query === "string") return error("bad_message", query, id);
  const rule = `${JSON.stringify(channel)} is subscribed already: unsubscribe before a replay`;
  const whenSubscribed = errorText("already_subscribed", rule, { id });
  return { ...command, replay: { ...query, whenSubscribed } };
}

function decodePresence(channel: string): Inbound {
  const id = MESSAGE.textOf("id");
  const ref = stringIn(id);
  return ref === undefined ? badId("presence", id) : { kind: "presence", channel, ref };
}

function decodeHistory(channel: string): Inbound {
  const id = MESSAGE.textOf("id");
  const ref = stringIn(id);
  if (ref === undefined) return badId("history", id);
  const query = readQuery({ since: MESSAGE.textOf("since"), last: MESSAGE.textOf("last") });
  if (typeof query === "string") return error("bad_message", query, id);
  const rule = `${JSON.stringify(channel)} keeps no history`;
  return { kind: "history", channel, query, ref, whenOff: errorText("history_off", rule, { id }) };
}

function decodePublish(channel: string): Inbound {
  const data = MESSAGE.keptTextOf("data");
  const id = MESSAGE.textOf("id");
  const session = MESSAGE.textOf("session");
  if (data === undefined) return error("bad_message", "publish needs data: any JSON value", id);
  if (id === undefined && session === undefined) return { kind: "publish", channel, data };
  const once = readPublicationId(id, session);
  if (typeof once === "string") return error("bad_message", once, id);
  const ack = `{"type":"published","channel":${JSON.stringify(channel)},"id":${id}}`;
  return { kind: "publish", channel, data, ack, ref: once.id, once };
}

/** @returns what is wrong with it @param idText valid JSON */
function readPublicationId(idText?: string, sessionText?: string): PublicationId | string {
  const id = stringIn(idText);
  if (id === undefined) return `the id of a publish is a string, not ${nameOf(idText)}`;
  if (id.length > MAX_PUBLICATION_ID_LENGTH) {
    return `the id of a publish has at most ${MAX_PUBLICATION_ID_LENGTH} characters`;
  }
  if (sessionText === undefined) return { id };
  const session = stringIn(sessionText);
  if (session === undefined || session.length < 16 || session.length > 64) {
    return "the session of a publish is a string of 16 to 64 characters";
  }
  return { id, session };
}

/** No error repeats the token. */
function decodeRefresh(): Inbound {
  const token = stringIn(MESSAGE.textOf("token")) ?? "";
  const id = MESSAGE.textOf("id");
  if (token !== "" && token.length <= MAX_TOKEN_LENGTH) {
    return { kind: "refresh", token, ref: stringIn(id) };
  }
  const rule = `refresh needs a token: a string of 1 to ${MAX_TOKEN_LENGTH} characters`;
  return error("bad_message", rule, id);
}

function onChannel(decode: (channel: string) => Inbound): Inbound {
  const text = MESSAGE.textOf("channel");
  const channel = stringIn(text);
  if (channel === undefined || channel === "" || channel.length > MAX_CHANNEL_LENGTH) {
    const seen = channel === undefined ? nameOf(text) : `${channel.length} characters`;
    const rule = `channel must be a string of 1 to ${MAX_CHANNEL_LENGTH} characters, got ${seen}`;
    return error("bad_channel", rule, MESSAGE.textOf("id"));
  }
  if (!channel.isWellFormed()) {
    return error("bad_channel", "channel must be well-formed Unicode", MESSAGE.textOf("id"));
  }
  return decode(channel);
}

function reply(text: string): Inbound {
  return { kind: "reply", text };
}

/** @param id of the request, as JSON text */
function error(code: ErrorCode, message: string, id?: string): Inbound {
  return { kind: "malformed", text: errorText(code, message, { id }) };
}

/** The answer to a request that needs another id. @param id as JSON text */
function badId(type: string, id: string | undefined): Inbound {
  return error("bad_message", `the id of a ${type} is a string, not ${nameOf(id)}`, id);
}

/**
 * @param id of the request, as JSON text
 * @param afterMs when to try again
 */
function errorText(
  code: ErrorCode,
  message: string,
  { id, afterMs }: { id?: string; afterMs?: number },
): string {
  return `{"type":"error","code":"${code}","message":${JSON.stringify(message)}` +
    `${member("id", id)}${afterMs === undefined ? "" : `,"afterMs":${afterMs}`}}`;
}

/** A further member of an object, empty without a value. @param text of the value, JSON */
function member(name: string, text: string | undefined): string {
  return text === undefined ? "" : `,"${name}":${text}`;
}

/** The kind of value that a JSON text has. */
function nameOf(text: string | undefined): string {
  switch (text?.[0]) {
    case undefined:
      return "nothing";
    case "n":
      return "null";
    case "[":
      return "an array";
    case "{":
      return "an object";
    case '"':
      return "a string";
    case "t":
    case "f":
      return "a boolean";
    default:
      return "a number";
  }
}
