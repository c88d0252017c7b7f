/**
 * The events-hub profile: the event stream of Parallels DevOps Service. A client names the event
 * types that it subscribes to when it connects; each is a channel, and every frame is one JSON
 * envelope.
 *
 * The system wants 32 random bytes as the id of every frame: two UUIDs, which are parts of the platform.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { stringIn, valueIn } from "../../base/json.ts";
import { MemberScanner, withoutByteOrderMark } from "../../base/json_scanner.ts";
import type { Inbound, Publication } from "../../message.ts";
import type { Timing } from "../../liveness/timing.ts";
import { ANY_LIFE, type HandshakeInfo, type Profile, type ProtocolSession } from "../profile.ts";
import {
  bearerOf,
  type Credential,
  type CredentialSource,
  type HandshakeRejection,
  tokenOf,
} from "../../auth/credential.ts";
import type { KeyFault } from "../../auth/grant.ts";
import type { RejectionResponse } from "../../close_codes.ts";

/** The type that every client is subscribed to, requested or not. */
export const GLOBAL_TYPE = "global";

/** The heartbeat's type. */
const HEALTH_TYPE = "health";

/** The type on which a client asks for its id. */
const SYSTEM_TYPE = "system";

/** Every event type, by its name on the wire. */
const EVENT_TYPES: ReadonlySet<string> = new Set([
  GLOBAL_TYPE,
  "pdfm",
  SYSTEM_TYPE,
  "system_logs",
  HEALTH_TYPE,
  "orchestrator",
  "stats",
  "reverse_proxy",
  "catalog_cache",
  "job_manager",
  "auth",
]);

const PATH = "/api/v1/ws/subscribe";
const WELCOME = "WebSocket connection established";
const SUBSCRIBED_TO_GLOBAL = " subscribed to global by default";
const NO_HEALTH = "pings are not answered: this key has no right to subscribe to health";
const IDENTITY = "client-id";
const API_KEY_FORM = "API key must be in format base64(key:secret)";
/** The system's own texts, but one for an unknown key and a wrong secret, for which it has two. */
const KEY_FAULTS: Readonly<Record<KeyFault, string>> = {
  invalid: "Invalid API key",
  suspended: "Api Key has been revoked",
  expired: "Api Key has expired",
};
const BEARER = /^Bearer +/i;
const BYTES = new TextEncoder();

const MESSAGE = new MemberScanner(["id", "event_type", "message"]);
/** What a publisher names an event with. */
const EVENT = new MemberScanner(["message", "body"]);

/** What the profile is made of. */
export interface EventsHubOptions {
  /** Its timing. */
  readonly timing: Timing;
  /** Returns a UUID. */
  readonly newId: () => string;
}

/** What a frame answers. */
interface Origin extends Pick<EventsHubOptions, "newId"> {
  readonly refId?: string;
  readonly clientId?: string;
  readonly wallMs: number;
}

/** The fields of a frame; undefined ones are left out. */
interface Envelope extends Origin {
  readonly type: string;
  readonly message: string;
  readonly body?: unknown;
}

/** A published event, as JSON texts. */
interface EventTexts {
  readonly message: string;
  readonly body: string;
}

/** Makes the profile. */
export function eventsHubProfile({ timing, newId }: EventsHubOptions): Profile {
  const rules = { ...timing, ...ANY_LIFE };
  return {
    name: "events-hub",
    matches: ({ path }) => path === PATH,
    credential,
    rejectionOf,
    open: (handshake) => ({ rules, ...openSession(handshake, newId) }),
    publication: (each) => publicationOf(each, newId),
  };
}

/**
 * The known ones among event types, as the system reads them: in any case, with spaces around, each
 * once, in the order of the request.
 *
 * @param names as the client wrote them
 */
export function knownEventTypes(names: readonly string[]): string[] {
  const types = names.map((name) => name.trim().toLowerCase());
  return [...new Set(types)].filter((type) => EVENT_TYPES.has(type));
}

function credential(source: CredentialSource): Credential {
  const { header, query } = source;
  const apiKey = header("x-api-key");
  if (header("authorization") && apiKey) {
    return { kind: "unreadable", detail: "send Authorization or X-Api-Key, not both" };
  }
  if (apiKey) return pairOf(apiKey);
  const inQuery = query.get("access_token") || query.get("authorization")?.replace(BEARER, "");
  return tokenOf(bearerOf(source) || inQuery);
}

/** No pair counts as no credential: the rejection names the form, and an open hub needs none. */
function pairOf(apiKey: string): Credential {
  const [, id, secret] = /^([^:]+):(.+)$/s.exec(decodeBase64(apiKey)) ?? [];
  return id === undefined ? { kind: "none" } : { kind: "pair", id, secret };
}

function decodeBase64(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}

function rejectionOf(rejection: HandshakeRejection): RejectionResponse {
  if (rejection.kind === "too_many_for_key") {
    return rejectionForm(STATUS_CODE.TooManyRequests, "too_many_connections", rejection.detail);
  }
  const { presented, fault } = rejection;
  const text = fault === undefined ? rejection.detail : KEY_FAULTS[fault];
  const detail = presented.kind === "none" ? API_KEY_FORM : text;
  const form = rejectionForm(STATUS_CODE.Unauthorized, "unauthorized_client", detail);
  return { ...form, headers: { ...form.headers, "WWW-Authenticate": "Bearer" } };
}

function rejectionForm(status: number, error: string, detail: string) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ error, error_description: detail });
  return { kind: "http", status, headers, body } as const;
}

function openSession(
  { clientId, target, rights, wallMs }: HandshakeInfo,
  newId: EventsHubOptions["newId"],
): Omit<ProtocolSession, "rules"> {
  const asked = (target.query.get("event_types") ?? "").split(",");
  const initialSubscriptions = knownEventTypes([...asked, GLOBAL_TYPE])
    .filter((type) => rights.maySubscribe(type)); // `global` too: a client cannot request rights
  const body = { client_id: clientId, subscriptions: initialSubscriptions };
  const message = WELCOME + (rights.maySubscribe(GLOBAL_TYPE) ? SUBSCRIBED_TO_GLOBAL : "");
  const mayPing = rights.maySubscribe(HEALTH_TYPE);
  return {
    initialFrames: [envelope({ type: GLOBAL_TYPE, wallMs, newId, message, body })],
    initialSubscriptions,
    decode: (frame, { wallMs }) => decode(frame, { clientId, mayPing, wallMs, newId }),
    notify: () => undefined,
    deny: () => undefined, // no request can be denied
  };
}

function decode(
  frame: Uint8Array,
  { clientId, mayPing, wallMs, newId }:
    & { clientId: string; mayPing: boolean; wallMs: number }
    & Pick<EventsHubOptions, "newId">,
): Inbound {
  const scan = MESSAGE.scan(withoutByteOrderMark(frame));
  if (scan === "invalid") return malformed("invalid message: not JSON", { wallMs, newId });
  const typeText = MESSAGE.textOf("event_type");
  const type = stringIn(typeText);
  if (type === undefined || !EVENT_TYPES.has(type)) {
    return malformed(`invalid message type ${type ?? plain(typeText)}`, { wallMs, newId });
  }
  const refId = stringIn(MESSAGE.textOf("id")) || frameId(newId);
  const message = stringIn(MESSAGE.textOf("message"));
  const origin = { refId, clientId, wallMs, newId };
  switch (type) {
    case HEALTH_TYPE:
      if (message !== "ping") return { kind: "nothing" };
      return mayPing ? pong(origin) : { kind: "reply", text: errorOf(NO_HEALTH, origin) };
    case SYSTEM_TYPE:
      return isIdRequest(message) ? identity(origin) : { kind: "nothing" };
    default:
      return malformed(`no handlers registered for type ${type}`, origin);
  }
}

/** Sent only while the client is subscribed to `health`, which an HTTP call may end. */
function pong(origin: Required<Origin>): Inbound {
  const text = envelope({ ...origin, type: HEALTH_TYPE, message: "pong" });
  return { kind: "reply", text, ifSubscribed: HEALTH_TYPE };
}

function isIdRequest(message: string | undefined): boolean {
  return message?.toLowerCase() === IDENTITY;
}

function identity(origin: Required<Origin>): Inbound {
  const body = { [IDENTITY]: origin.clientId };
  const text = envelope({ ...origin, type: SYSTEM_TYPE, message: IDENTITY, body });
  return { kind: "reply", text };
}

function malformed(error: string, origin: Origin): Inbound {
  return { kind: "malformed", text: errorOf(error, origin) };
}

function errorOf(error: string, origin: Origin): string {
  return envelope({ ...origin, type: GLOBAL_TYPE, message: "error", body: { error } });
}

/** A JSON text as a word of an error; what has an inside is not written out. */
function plain(text = "null"): string {
  return /^[{[n]/.test(text) ? "" : String(valueIn(text));
}

function publicationOf(
  { channel, data, timestamp }: Publication,
  newId: EventsHubOptions["newId"],
): string | undefined {
  if (!EVENT_TYPES.has(channel)) return undefined;
  const { message, body } = eventIn(data) ?? { message: JSON.stringify(channel), body: data };
  const time = timestampOf(timestamp);
  const head = `{"id":"${frameId(newId)}","event_type":"${channel}","timestamp":"${time}"`;
  const tail = body === "null" ? "" : `,"body":${body}`; // null is as empty as none
  return `${head},"message":${message}${tail}}`;
}

/** The event that a publisher has named: the system's consumers dispatch on `message`. */
function eventIn(data: string): EventTexts | undefined {
  if (!data.startsWith("{")) return undefined; // most scalars and lists
  if (EVENT.scan(BYTES.encode(data)) !== "object" || EVENT.others > 0) return undefined;
  const message = EVENT.textOf("message");
  return message?.startsWith('"') ? { message, body: EVENT.textOf("body") ?? "null" } : undefined;
}

/** The order of the keys is the system's own. */
function envelope({ refId, type, wallMs, message, body, clientId, newId }: Envelope): string {
  return JSON.stringify({
    id: frameId(newId),
    ref_id: refId,
    event_type: type,
    timestamp: timestampOf(wallMs),
    message,
    body,
    client_id: clientId,
  });
}

/** RFC 3339, UTC, with six digits: microseconds by form. @param wallMs wall-clock ms */
export function timestampOf(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z");
}

/** 64 hex digits. */
function frameId(newId: EventsHubOptions["newId"]): string {
  return `${newId()}${newId()}`.replaceAll("-", "");
}
