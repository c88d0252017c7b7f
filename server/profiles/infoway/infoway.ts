/**
 * The infoway profile: market data and news by numbered messages. Only its own heartbeats
 * count as signs of life, and the messages a minute are limited. The meaning of the numbers is in
 * infoway_codes.ts.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { CloseReason, RejectionResponse } from "../../close_codes.ts";
import { perMinute, type SlidingWindow } from "../../auth/sliding_window.ts";
import { numberIn, stringIn, valueIn } from "../../base/json.ts";
import { MemberScanner, withoutByteOrderMark } from "../../base/json_scanner.ts";
import type { HeartbeatRules } from "../../liveness/heartbeat.ts";
import type { Denial, Inbound, Publication } from "../../message.ts";
import type { Timing } from "../../liveness/timing.ts";
import { type Fault, NOT_JSON, pushCodeOf, requestOf, tooMany } from "./infoway_codes.ts";
import type { CloseFrame, FrameInfo, NotFound, Profile, ProtocolSession } from "../profile.ts";
import {
  type Credential,
  type CredentialSource,
  type HandshakeRejection,
  tokenOf,
  type UpgradeTarget,
} from "../../auth/credential.ts";

const HEARTBEAT = 10010;
const HEARTBEAT_ACK = 10011;

/** RFC 6455 section 7.4.1: a policy was violated. */
const POLICY_VIOLATION = 1008;

/** A longer trace is echoed, but not kept for the last frame: it would stay in memory for hours. */
const MAX_KEPT_TRACE = 256;

/** The markets of `?business=`. */
const BUSINESSES: readonly string[] = [
  "stock",
  "crypto",
  "common",
  "japan",
  "india",
  "korea",
  "taiwan",
];

const CONNECTED = JSON.stringify({ code: 200, msg: "ws connect success" });
const STOCK_PERMISSION = "You have permission to subscribe to all market data";

const MESSAGE = new MemberScanner(["code", "trace", "ack", "data"]);

/** What the profile is made of. */
export interface InfowayOptions {
  /** Its timing; pings only measure, whatever `missedHeartbeats` is. */
  readonly timing: Timing;
  /** Messages of one connection in any minute, heartbeats too; 0 = no limit. */
  readonly maxMessagesPerMinute: number;
}

/** Makes the profile. */
export function infowayProfile(options: InfowayOptions): Profile {
  return {
    name: "infoway",
    matches: ({ path, query }) => isNewsPath(path) || (path === "/ws" && query.has("business")),
    notFound,
    credential,
    rejectionOf,
    open: ({ target }) => new InfowaySession(target, options),
    publication: ({ channel, data }: Publication) => {
      const code = pushCodeOf(channel);
      return code === undefined ? undefined : `{"code":${code},"data":${data}}`;
    },
  };
}

/** One connection: its message window, and the trace that its last frame names. */
class InfowaySession implements ProtocolSession {
  readonly rules: HeartbeatRules;
  readonly initialFrames: readonly string[];
  readonly initialSubscriptions = [];
  readonly #limit: number;
  readonly #window: SlidingWindow | undefined;
  #lastTrace = "";

  constructor({ path, query }: UpgradeTarget, { timing, maxMessagesPerMinute }: InfowayOptions) {
    this.rules = {
      ...timing,
      missedHeartbeats: 0,
      silenceFrom: "life",
      framesAreLife: false,
      pongsAreLife: isNewsPath(path),
      pingsAreLife: isNewsPath(path),
    };
    this.initialFrames = query.get("business") === "stock"
      ? [STOCK_PERMISSION, CONNECTED]
      : [CONNECTED];
    this.#limit = maxMessagesPerMinute;
    this.#window = perMinute(maxMessagesPerMinute === 0 ? undefined : maxMessagesPerMinute);
  }

  decode(frame: Uint8Array, { nowMs }: FrameInfo): Inbound {
    const isMessage = MESSAGE.scan(withoutByteOrderMark(frame)) === "object";
    const trace = isMessage ? readTrace() : undefined;
    if (this.#window?.take(nowMs) === false) {
      this.#keep(trace ?? "");
      return { kind: "policyViolation", reason: "rate_limited" };
    }
    if (trace !== undefined) this.#keep(trace);
    if (!isMessage) return { kind: "malformed", text: errorText(NOT_JSON, "") };
    return readInbound(trace ?? "");
  }

  notify(): undefined {}

  deny(denial: Denial, { ref = "", channel }: { ref?: string; channel: string }): string {
    return denial === "forbidden"
      ? errorText({ code: 519, msg: `No permission to subscribe to ${channel}` }, ref)
      : errorText(tooMany("subscriptions"), ref);
  }

  closeFrame(reason: CloseReason): CloseFrame | undefined {
    switch (reason) {
      case "stale":
        return lastFrame({ code: 513, msg: "Websocket heartbeat timeout" }, this.#lastTrace);
      case "rate_limited":
        return lastFrame({ code: 501, msg: frequencyText(this.#limit) }, this.#lastTrace);
      case "key_suspended":
        return lastFrame({ code: 511, msg: "The apikey is in the blacklist" }, "");
      case "token_expired":
        return lastFrame({ code: 508, msg: "The apikey has expired" }, "");
      default:
        return undefined;
    }
  }

  #keep(trace: string): void {
    this.#lastTrace = trace.length <= MAX_KEPT_TRACE ? trace : "";
  }
}

/** Reads the message that was scanned last. */
function readInbound(trace: string): Inbound {
  const code = valueIn(MESSAGE.textOf("code"));
  if (code === HEARTBEAT) {
    if (numberIn(MESSAGE.textOf("ack")) !== 1) return { kind: "heartbeat" };
    return { kind: "heartbeat", text: ackText(HEARTBEAT_ACK, trace) };
  }
  const request = requestOf({ code, data: valueIn(MESSAGE.textOf("data")) });
  switch (request.kind) {
    case "fault":
      return { kind: "malformed", text: errorText(request, trace) };
    case "subscribe": {
      const { ackCode, ...command } = request;
      return { ...command, ack: ackText(ackCode, trace), ref: trace };
    }
    case "unsubscribe": {
      const { channels, prefixes, ackCode } = request;
      return { kind: "unsubscribe", channels, prefixes, ack: ackText(ackCode, trace) };
    }
  }
}

/** A number is taken for its digits, as the original's parser does. */
function readTrace(): string | undefined {
  const trace = MESSAGE.textOf("trace");
  return stringIn(trace) ?? (numberIn(trace) === undefined ? undefined : trace);
}

function credential({ header, query }: CredentialSource): Credential {
  return tokenOf(query.get("apikey") || header("x-api-key"));
}

function rejectionOf({ kind }: HandshakeRejection): RejectionResponse {
  if (kind === "unauthorized") {
    const headers = { "www-authenticate": 'apikey realm="key"' };
    return { kind: "http", status: STATUS_CODE.Unauthorized, headers, body: "" };
  }
  const msg = "The number of connections exceed the limit of the apikey";
  const text = errorText({ code: 512, msg }, "");
  return { kind: "close", texts: [text], code: POLICY_VIOLATION, reason: msg };
}

/** As the system answers a key without a market, and a market that it does not have. */
function notFound({ path, query }: UpgradeTarget): NotFound | undefined {
  if (path !== "/ws" && path !== "/ws/infoway") return undefined;
  const business = query.get("business");
  const isKnown = business === null
    ? path === "/ws/infoway" || !query.has("apikey")
    : BUSINESSES.includes(business);
  if (isKnown) return undefined;
  const detail = `business must be one of ${BUSINESSES.join(", ")}`;
  const msg = `The endpoint does not exist: ${detail}`;
  return {
    kind: "http",
    status: STATUS_CODE.NotFound,
    headers: { "Content-Type": "application/json" },
    body: errorText({ code: STATUS_CODE.NotFound, msg }, ""),
    detail,
  };
}

function isNewsPath(path: string): boolean {
  return path === "/news";
}

/** Without a limit of its own, it is the server's flood limit that was exceeded. */
function frequencyText(limit: number): string {
  const text = "Request frequency exceed the limit";
  return limit === 0 ? text : `${text}：${limit} times per minute`;
}

/** The close reason is the frame's text: at most 123 bytes, all texts above are shorter. */
function lastFrame(fault: Pick<Fault, "code" | "msg">, traceId: string): CloseFrame {
  return { text: errorText(fault, traceId), code: POLICY_VIOLATION, reason: fault.msg };
}

function errorText({ code, msg }: Pick<Fault, "code" | "msg">, traceId: string): string {
  return JSON.stringify({ traceId, code, msg });
}

function ackText(code: number, trace: string): string {
  return JSON.stringify({ code, trace, msg: "ok" });
}
