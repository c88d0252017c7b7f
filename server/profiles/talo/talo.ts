/**
 * The talo profile: the sockets of the Talo game backend. Requests are `{"req","data"}`, what the
 * server says is `{"res","data"}`; the heartbeat alone is no JSON. A connection belongs to a player
 * once it has identified one.
 *
 * @module
 */

import type { Rights } from "../../auth/rights.ts";
import type { CloseReason, RejectionResponse } from "../../close_codes.ts";
import { isObject, stringIn, valueIn } from "../../base/json.ts";
import { MemberScanner } from "../../base/json_scanner.ts";
import type { HeartbeatRules } from "../../liveness/heartbeat.ts";
import type { Denial, Inbound } from "../../message.ts";
import type { Timing } from "../../liveness/timing.ts";
import type { CloseFrame, FrameInfo, Profile, ProtocolSession } from "../profile.ts";
import {
  CHANNEL_MESSAGE,
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
} from "./talo_frames.ts";
import { TaloLimit, type TaloLimits } from "./talo_limit.ts";
import {
  type Credential,
  type CredentialSource,
  type HandshakeRejection,
  tokenOf,
} from "../../auth/credential.ts";

export interface TaloOptions extends TaloLimits {
  /** Its timing; `pongWaitMs` is the time for the answer to a ping. */
  readonly timing: Timing;
  /** Whether a string is the credential of a key; on an open hub any string is. */
  readonly isKey: (credential: string) => boolean;
}

/** The close code for an invalid ticket; Talo's own clients then fetch a new one. */
const BAD_TICKET = 3000;

/** "Try again later" (IANA): the ticket was good, and a new one would not help. */
const TRY_LATER = 1013;

/** The heartbeat is exact: a byte order mark before it is not skipped. */
const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });

const MESSAGE = new MemberScanner(["req", "data"]);

export function taloProfile({ timing, isKey, ...limits }: TaloOptions): Profile {
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
    open: ({ rights }) => new TaloSession({ rules, rights, isKey, limit: new TaloLimit(limits) }),
    publication,
  };
}

/** Talo's own clients have only tickets; others can send a key where they can set headers. */
function credential({ query, header }: CredentialSource): Credential {
  const ticket = query.get("ticket");
  return ticket ? { kind: "ticket", ticket } : tokenOf(header("x-api-key"));
}

/** The upgrade always succeeds; the close code alone is the reason. */
function rejectionOf({ kind }: HandshakeRejection): RejectionResponse {
  const code = kind === "unauthorized" ? BAD_TICKET : TRY_LATER;
  return { kind: "close", texts: [], code, reason: "" };
}

const RATE_LIMIT_CLOSE: CloseFrame = { code: 1008, reason: "RATE_LIMIT_EXCEEDED" };
const RATE_LIMITED: Inbound = { kind: "policyViolation", reason: "rate_limited" };
const WARNING: Inbound = { kind: "reply", text: RATE_LIMIT_EXCEEDED };
const HEARTBEAT_RECEIVED: Inbound = { kind: "heartbeat", text: HEARTBEAT };
const NOT_JSON: Inbound = { kind: "malformed", text: ROUTING_ERROR };
const NO_PLAYER: Inbound = { kind: "reply", text: NO_PLAYER_FOUND };
const BAD_TOKEN: Inbound = { kind: "reply", text: INVALID_SOCKET_TOKEN };

interface TaloSessionOptions extends Pick<TaloOptions, "isKey"> {
  readonly rules: HeartbeatRules;
  readonly rights: Rights;
  readonly limit: TaloLimit;
}

class TaloSession implements ProtocolSession {
  readonly rules: HeartbeatRules;
  readonly initialFrames = [CONNECTED];
  readonly initialSubscriptions = [];
  readonly #options: TaloSessionOptions;
  /** The player alias of the connection, once identified. */
  #alias: number | undefined;

  constructor(options: TaloSessionOptions) {
    this.rules = options.rules;
    this.#options = options;
  }

  decode(frame: Uint8Array, { nowMs, wallMs }: FrameInfo): Inbound {
    const { limit } = this.#options;
    const outcome = limit.take(nowMs);
    if (outcome !== "accepted") return outcome === "warned" ? WARNING : RATE_LIMITED;
    if (frame.length === HEARTBEAT.length && TEXT.decode(frame) === HEARTBEAT) {
      limit.removeWarning();
      return HEARTBEAT_RECEIVED;
    }
    const scan = MESSAGE.scan(frame);
    if (scan === "invalid") return NOT_JSON;
    const data = scan === "object" ? MESSAGE.textOf("data") : undefined;
    const req = data === undefined ? undefined : stringIn(MESSAGE.textOf("req"));
    switch (req) {
      case IDENTIFY:
        return this.#identify(valueIn(data), wallMs);
      case CHANNEL_MESSAGE:
        return this.#channelMessage(valueIn(data));
      default:
        return malformed(invalidMessage(TEXT.decode(frame)));
    }
  }

  pong(): void {
    this.#options.limit.removeWarning();
  }

  /** No notices: the Godot client parses every text frame as one of Talo's own messages. */
  notify(): undefined {}

  deny(denial: Denial, { ref, channel }: { ref?: string; channel: string }): string {
    if (denial === "forbidden") return missingScope(ref, channel);
    if (denial === "busy") return listenerError(ref, `the subscribers of ${channel} are behind`);
    if (denial === "unavailable") return listenerError(ref, `${channel} is not available now`);
    return listenerError(ref, `too many subscriptions for ${channel}`);
  }

  closeFrame(reason: CloseReason): CloseFrame | undefined {
    return reason === "rate_limited" ? RATE_LIMIT_CLOSE : undefined;
  }

  /**
   * A second identify replaces the alias and its subscription. Without the right to subscribe to the
   * new alias the old one stays; with it the change is immediate, since the new channel takes the old
   * one's place.
   */
  #identify(data: unknown, wallMs: number): Inbound {
    const { isKey, rights, limit } = this.#options;
    if (!isObject(data) || !isId(data.playerAliasId) || typeof data.socketToken !== "string") {
      return malformed(invalidData(IDENTIFY, data));
    }
    if (!isKey(data.socketToken)) return BAD_TOKEN;
    const id = data.playerAliasId;
    const channel = PLAYERS + id;
    if (rights.maySubscribe(channel)) {
      this.#alias = id;
      limit.identified();
    }
    return {
      kind: "subscribe",
      channels: [channel],
      replaces: PLAYERS,
      ack: identified(id, wallMs),
      ref: IDENTIFY,
    };
  }

  #channelMessage(data: unknown): Inbound {
    const channel = isObject(data) && isObject(data.channel) ? data.channel : {};
    if (!isObject(data) || !isId(channel.id) || typeof data.message !== "string") {
      return malformed(invalidData(CHANNEL_MESSAGE, data));
    }
    if (this.#alias === undefined) return NO_PLAYER;
    return {
      kind: "publish",
      channel: CHANNELS + channel.id,
      data: JSON.stringify(data.message),
      by: String(this.#alias),
      subscribe: true,
      ref: CHANNEL_MESSAGE,
    };
  }
}

function malformed(text: string): Inbound {
  return { kind: "malformed", text };
}
