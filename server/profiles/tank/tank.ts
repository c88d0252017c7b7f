/**
 * The tank profile: a chat of plain texts. A text that is no command is relayed to all others
 * verbatim; commands are text prefixes; the server sends a text heartbeat on a fixed schedule and
 * needs no answer.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { stringIn } from "../../base/json.ts";
import { MemberScanner } from "../../base/json_scanner.ts";
import { type Inbound, MAX_CHANNEL_LENGTH, type Publication } from "../../message.ts";
import type { Timing } from "../../liveness/timing.ts";
import { ANY_LIFE, type Profile, type ProtocolSession } from "../profile.ts";
import {
  type Credential,
  type CredentialSource,
  type HandshakeRejection,
  tokenOf,
} from "../../auth/credential.ts";
import type { RejectionResponse } from "../../close_codes.ts";

/** The original's heartbeat starts so long after the connection, ms, plus one period. */
const HEARTBEAT_DELAY_MS = 1_000;

const HEARTBEAT = "heartbeat";
const SUBSCRIBE = "sub:";
const UNSUBSCRIBE = "unsub:";

/** Verbatim: what cannot be passed on as it is, is not passed on; a leading U+FEFF is text. */
const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The one kind of JSON that is not relayed has a type. */
const MESSAGE = new MemberScanner(["type"]);

/** What the profile is made of. */
export interface TankOptions {
  /** Its timing; the text heartbeat has the ping period, too. */
  readonly timing: Timing;
}

/** Makes the profile. */
export function tankProfile({ timing }: TankOptions): Profile {
  const { pingPeriodMs } = timing;
  const session = {
    rules: { ...timing, ...ANY_LIFE },
    initialSubscriptions: [],
    textHeartbeat: {
      firstMs: HEARTBEAT_DELAY_MS + pingPeriodMs,
      periodMs: pingPeriodMs,
      text: HEARTBEAT,
    },
    decode,
    notify: () => undefined,
    deny: () => undefined,
  } satisfies Omit<ProtocolSession, "initialFrames">;
  let anonymous = 0;
  return {
    name: "tank",
    matches: ({ path, query }) => path === "/ws" && (query.has("user_id") || query.has("token")),
    credential,
    rejectionOf,
    open: ({ target }) => {
      const id = target.query.get("user_id") || `client_${++anonymous}`;
      return { ...session, initialFrames: [`Hello, ${id}! Welcome to WebSocket server.`] };
    },
    publication,
  };
}

/** `data` is a string to this system's clients: what is no string becomes the string of its text. */
function publication({ channel, data }: Publication): string {
  const text = data.startsWith('"') ? data : JSON.stringify(data);
  return `{"topic":${JSON.stringify(channel)},"data":${text}}`;
}

function decode(frame: Uint8Array): Inbound {
  const text = textOf(frame);
  if (text === undefined) return { kind: "malformed" };
  if (text.startsWith(SUBSCRIBE)) return onTopic("subscribe", text.slice(SUBSCRIBE.length));
  if (text.startsWith(UNSUBSCRIBE)) return onTopic("unsubscribe", text.slice(UNSUBSCRIBE.length));
  const isHeartbeat = text === HEARTBEAT || text === "pong" || isJsonHeartbeat(frame);
  return isHeartbeat ? { kind: "nothing" } : { kind: "relay", text };
}

/** An invalid topic is neither subscribed to nor relayed. */
function onTopic(kind: "subscribe" | "unsubscribe", topic: string): Inbound {
  if (topic === "" || topic.length > MAX_CHANNEL_LENGTH) return { kind: "malformed" };
  return { kind, channels: [topic] };
}

function isJsonHeartbeat(frame: Uint8Array): boolean {
  return MESSAGE.scan(frame) === "object" && stringIn(MESSAGE.textOf("type")) === HEARTBEAT;
}

function textOf(frame: Uint8Array): string | undefined {
  try {
    return TEXT.decode(frame);
  } catch {
    return undefined;
  }
}

function credential({ header, query }: CredentialSource): Credential {
  return tokenOf(query.get("token") || header("x-api-key"));
}

function rejectionOf({ kind }: HandshakeRejection): RejectionResponse {
  const [status, body] = kind === "unauthorized"
    ? [STATUS_CODE.Unauthorized, "Unauthorized\n"]
    : [STATUS_CODE.TooManyRequests, "Too Many Requests\n"];
  return {
    kind: "http",
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8" },
    body,
  };
}
