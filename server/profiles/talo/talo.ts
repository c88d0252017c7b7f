/**
 * The talo profile: the sockets of the Talo game backend. Requests are `{"req","data"}`, what the
 * server says is `{"res","data"}`; the heartbeat alone is no JSON. A connection speaks for a player
 * once it has identified one.
 *
 * @module
 */

import type { CloseReason, RejectionResponse } from "../../close_codes.ts";
import { isObject, parseJson } from "../../base/json.ts";
import type { HeartbeatRules } from "../../liveness/heartbeat.ts";
import type { Denial, Inbound } from "../../message.ts";
import type { Timing } from "../../liveness/timing.ts";
import type {
  CloseFrame,
  HandshakeInfo,
  Profile,
  ProtocolSession,
  Timestamps,
} from "../profile.ts";
import {
  CHANNELS,
  CONNECTED,
  HEARTBEAT,
  identified,
  IDENTIFY,
  INVALID_SOCKET_TOKEN,
  invalidData,
  invalidMessage,
  isId,
  listenerError,
  missingScope,
  NO_PLAYER_FOUND,
  PLAYERS,
  publication,
  RATE_LIMIT_EXCEEDED,
  ROUTING_ERROR,
  SAY,
} from "./talo_frames.ts";
import { TaloLimit, type TaloLimits } from "./talo_limit.ts";
import {
  type Credential,
  type CredentialSource,
  type HandshakeRejection,
  tokenOf,
} from "../../auth/credential.ts";

/** What the profile is made of. */
export interface TaloOptions extends TaloLimits {
  /** Its timing; `pongWaitMs` is the patience after an unanswered ping. */
  readonly timing: Timing;
}

/** Of a ticket that is not valid; Talo's own clients take a new one then. */
const BAD_TICKET = 3000;

/** "Try again later" (IANA): the ticket was good, and a new one would not help. */
const TRY_LATER = 1013;

/** The heartbeat is exact: a byte order mark before it is not skipped. */
const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });

/** Makes the profile. */
export function taloProfile({ timing, ...limits }: TaloOptions): Profile {
  const rules: HeartbeatRules = {
    ...timing,
    silenceFrom: "ping",
    framesAreLife: false,
    pongsAreLife: true,
    pingsAreLife: false,
    missedHeartbeats: 0,
  };
  return {
    name: "talo",
    matches: ({ query }) => query.has("ticket"),
    credential,
    rejectionOf,
    open: (handshake) => new Talk(handshake, rules, new TaloLimit(limits)),
    publication,
  };
}

/** Its own clients have nothing but tickets; others can show a key where they can set headers. */
function credential({ query, header }: CredentialSource): Credential {
  const ticket = query.get("ticket");
  return ticket ? { kind: "ticket", ticket } : tokenOf(header("x-api-key"));
}

/** The upgrade always succeeds; what is wrong is said by the close code alone. */
function rejectionOf({ kind }: HandshakeRejection): RejectionResponse {
  const code = kind === "unauthorized" ? BAD_TICKET : TRY_LATER;
  return { kind: "close", texts: [], code, reason: "" };
}

const FAREWELL: CloseFrame = { code: 1008, reason: "RATE_LIMIT_EXCEEDED" };
const OVER: Inbound = { kind: "policyViolation", reason: "rate_limited" };
const WARNING: Inbound = { kind: "reply", text: RATE_LIMIT_EXCEEDED };
const HEARD: Inbound = { kind: "heartbeat", text: HEARTBEAT };
const NOT_JSON: Inbound = { kind: "malformed", text: ROUTING_ERROR };
const NO_PLAYER: Inbound = { kind: "reply", text: NO_PLAYER_FOUND };
const BAD_TOKEN: Inbound = { kind: "reply", text: INVALID_SOCKET_TOKEN };

/** One connection's side. */
class Talk implements ProtocolSession {
  readonly rules: HeartbeatRules;
  readonly initialFrames = [CONNECTED];
  readonly initialSubscriptions = [];
  readonly #handshake: HandshakeInfo;
  readonly #limit: TaloLimit;
  /** The alias that it speaks for. */
  #alias: number | undefined;

  constructor(handshake: HandshakeInfo, rules: HeartbeatRules, limit: TaloLimit) {
    this.rules = rules;
    this.#handshake = handshake;
    this.#limit = limit;
  }

  decode(frame: Uint8Array, { nowMs }: Timestamps): Inbound {
    const ruling = this.#limit.take(nowMs);
    if (ruling !== "accepted") return ruling === "warned" ? WARNING : OVER;
    const text = TEXT.decode(frame);
    if (text === HEARTBEAT) {
      this.#limit.forgive();
      return HEARD;
    }
    const value = parseJson(text);
    if (value === undefined) return NOT_JSON;
    if (!isObject(value) || value.data === undefined) return malformed(invalidMessage(text));
    switch (value.req) {
      case IDENTIFY:
        return this.#identify(value.data);
      case SAY:
        return this.#say(value.data);
      default:
        return malformed(invalidMessage(text));
    }
  }

  /** A control pong. */
  pong(): void {
    this.#limit.forgive();
  }

  /** Unasked it says nothing but publications: the Godot client knows no other frame. */
  notify(): undefined {}

  deny(denial: Denial, { ref, channel }: { ref?: string; channel: string }): string {
    if (denial === "forbidden") return missingScope(ref, channel);
    return listenerError(ref, `too many subscriptions for ${channel}`);
  }

  closeFrame(reason: CloseReason): CloseFrame | undefined {
    return reason === "rate_limited" ? FAREWELL : undefined;
  }

  /**
   * A second one changes for whom it speaks and whom it hears. Whom its key may not hear, it does not
   * become; anybody else it becomes at once, since the new topic takes the old one's place.
   */
  #identify(data: unknown): Inbound {
    if (!isObject(data) || !isId(data.playerAliasId) || typeof data.socketToken !== "string") {
      return malformed(invalidData(IDENTIFY, data));
    }
    if (!this.#handshake.isKey(data.socketToken)) return BAD_TOKEN;
    const id = data.playerAliasId;
    const channel = PLAYERS + id;
    const replaces = this.#alias === undefined ? [] : [PLAYERS + this.#alias];
    if (this.#handshake.rights.maySubscribe(channel)) {
      this.#alias = id;
      this.#limit.identified();
    }
    return { kind: "subscribe", channels: [channel], replaces, ack: identified(id), ref: IDENTIFY };
  }

  #say(data: unknown): Inbound {
    const channel = isObject(data) && isObject(data.channel) ? data.channel : {};
    if (!isObject(data) || !isId(channel.id) || typeof data.message !== "string") {
      return malformed(invalidData(SAY, data));
    }
    if (this.#alias === undefined) return NO_PLAYER;
    return {
      kind: "publish",
      channel: CHANNELS + channel.id,
      data: data.message,
      by: String(this.#alias),
      follow: true,
      ref: SAY,
    };
  }
}

function malformed(text: string): Inbound {
  return { kind: "malformed", text };
}
