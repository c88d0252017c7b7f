/**
 * The readPump: from a client's socket to the hub. Every frame is first a sign of life, then counted
 * against the flood limit, then decoded by the client's session, then told to the hub; when the
 * hub's mailbox is full it stops reading until there is room.
 *
 * @module
 */

import type { CloseChange, CloseReason } from "./close_codes.ts";
import type { Clock } from "./base/clock.ts";
import { assertNever } from "./base/errors.ts";
import type { RateLimit } from "./auth/rate_limit.ts";
import type { SlidingWindow } from "./auth/sliding_window.ts";
import type { Heartbeat } from "./liveness/heartbeat.ts";
import type { Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging/logging.ts";
import type { Command, Inbound } from "./message.ts";
import type { ProfileCounts } from "./metrics/counts.ts";
import type { ProtocolSession, Timestamps } from "./profiles/profile.ts";
import type { ConnectionHealth } from "./liveness/connection_health.ts";
import type { Socket, SocketEnd, SocketEvents, SocketFault } from "./transport/socket.ts";
import type { Rights } from "./auth/rights.ts";

/** The client behind the pump. */
export interface Reader {
  /** Names it in the log. */
  readonly id: string;
  /** Decodes its frames. */
  readonly session: ProtocolSession;
  /** What it may do. */
  readonly rights: Rights;
  /** Hears its signs of life. */
  readonly heartbeat: Heartbeat;
  /** Learns how it is. */
  readonly health: ConnectionHealth;
  /** Bounds its frames. */
  readonly flood: RateLimit;
  /** Bounds its messages in a minute, where its key says so. */
  readonly quota: SlidingWindow | undefined;
  /** The counts of its profile. */
  readonly counts: ProfileCounts;
  /** Whether it has been let go: nothing it says counts any more. */
  readonly closing: boolean;
  /** Counts a message of its. */
  received(): void;
  /** Answers a control ping. */
  pong(payload: Uint8Array): void;
  /** Lets the client go. @param change of the reason's row in the table */
  close(reason: CloseReason, change?: CloseChange): void;
  /** The socket has gone. */
  onSocketClosed(end: SocketEnd): void;
  /** Tells the hub; "full" asks to stop reading until `room()`. */
  tell(command: Command): "sent" | "full" | "closed";
  /** Resolves when the hub can take more. */
  room(): Promise<void>;
}

/** What all read pumps share. */
export interface ReadPumpOptions {
  /** Time without stalls, for signs of life. */
  readonly wheel: Wheel;
  /** Time of the machine, for limits. */
  readonly clock: Clock;
  /** Where it is told what was denied. */
  readonly log: Logger;
}

/** In messages, to the flood limit: reading what makes no sense takes up to 6 us, others 0.8 (measured). */
const MALFORMED_PRICE = 4;

/** See the module. */
export class ReadPump implements SocketEvents {
  readonly #reader: Reader;
  readonly #socket: Socket;
  readonly #wheel: Wheel;
  readonly #clock: Clock;
  readonly #log: Logger;
  #paused = false;
  #offended = false;

  /** Takes over the socket's events. */
  constructor(reader: Reader, socket: Socket, { wheel, clock, log }: ReadPumpOptions) {
    this.#reader = reader;
    this.#socket = socket;
    this.#wheel = wheel;
    this.#clock = clock;
    this.#log = log;
  }

  /** See `SocketEvents`. */
  message(data: Uint8Array): void {
    const { heartbeat, health, quota, counts } = this.#reader;
    const wheelMs = this.#wheel.now();
    if (!this.#admit(heartbeat.rules.framesAreLife, wheelMs)) return;
    this.#reader.received();
    health.message(wheelMs);
    FRAME_TIMES.nowMs = this.#clock.now();
    FRAME_TIMES.wallMs = this.#clock.wall();
    const inbound = this.#decode(data);
    const isBeat = inbound.kind === "app_pong" || inbound.kind === "heartbeat"; // we asked for them
    if (!isBeat && quota !== undefined && !quota.take(FRAME_TIMES.nowMs)) {
      return this.#tell({ kind: "policyViolation", reason: "rate_limited" });
    }
    switch (inbound.kind) {
      case "heartbeat":
        if (heartbeat.touch(wheelMs)) counts.timeoutsAverted++;
        return this.#answer(inbound.text);
      case "app_pong":
        counts.appPongs++;
        return health.appPong(inbound, wheelMs);
      case "malformed":
        counts.malformed++;
        this.#reader.flood.charge(MALFORMED_PRICE - 1);
        return this.#answer(inbound.text);
      case "nothing":
        return;
      case "subscribe":
      case "unsubscribe":
      case "publish":
      case "relay":
      case "reply":
      case "policyViolation":
        return this.#permit(inbound);
      default:
        assertNever(inbound);
    }
  }

  /** See `SocketEvents`. No sign of life: a message that never ends must not be one. */
  continuations(count: number): void {
    this.#reader.flood.charge(count);
  }

  /** See `SocketEvents`. */
  ping(payload: Uint8Array): void {
    const { heartbeat, health } = this.#reader;
    const wheelMs = this.#wheel.now();
    if (!this.#admit(heartbeat.rules.pingsAreLife, wheelMs)) return;
    health.peerPing(wheelMs);
    this.#reader.pong(payload);
  }

  /** See `SocketEvents`. */
  pong(payload: Uint8Array): void {
    const { session, heartbeat, health, counts } = this.#reader;
    const wheelMs = this.#wheel.now();
    if (!this.#admit(heartbeat.rules.pongsAreLife, wheelMs)) return;
    counts.controlPongs++;
    health.pong(payload, wheelMs);
    session.pong?.();
  }

  /** See `SocketEvents`. */
  fault(kind: SocketFault, code: number): void {
    this.#reader.close(kind, { code });
  }

  /** See `SocketEvents`. */
  closed(end: SocketEnd): void {
    this.#reader.onSocketClosed(end);
  }

  #admit(isLife: boolean, wheelMs: number): boolean {
    if (this.#offended || this.#reader.closing) return false;
    if (isLife && this.#reader.heartbeat.touch(wheelMs)) this.#reader.counts.timeoutsAverted++;
    // The machine's time, not the wheel's: what piled up during a stall was not sent in one moment.
    if (this.#reader.flood.take(this.#clock.now())) return true;
    this.#reader.close("rate_limited");
    return false;
  }

  /** A session never throws; if one did, that must be its client's trouble alone. */
  #decode(data: Uint8Array): Inbound {
    const { id, session } = this.#reader;
    try {
      return session.decode(data, FRAME_TIMES);
    } catch (error) {
      this.#log.error("a frame could not be decoded: please report this", { id, error });
      return { kind: "malformed" };
    }
  }

  #permit(command: Command): void {
    const channel = forbiddenIn(command, this.#reader.rights);
    if (channel === undefined) return this.#tell(command);
    this.#reader.counts.denied++;
    const { id } = this.#reader;
    this.#log.info("command denied", { id, command: command.kind, channel: channel.slice(0, 64) });
    const ref = "ref" in command ? command.ref : undefined;
    this.#answer(this.#reader.session.deny("forbidden", { ref, channel }));
  }

  #answer(text: string | undefined): void {
    if (text !== undefined) this.#tell({ kind: "reply", text });
  }

  #tell(command: Command): void {
    if (command.kind === "policyViolation") this.#offended = true; // the hub is about to end it
    if (this.#reader.tell(command) === "full" && !this.#paused) void this.#pause();
  }

  /** What has been read already is still told: the mailbox takes it beyond its bound. */
  async #pause(): Promise<void> {
    this.#paused = true;
    this.#socket.pause();
    this.#reader.heartbeat.suspend();
    this.#reader.health.suspend(this.#wheel.now());
    await this.#reader.room();
    this.#paused = false;
    this.#reader.heartbeat.resume(this.#wheel.now());
    this.#reader.health.resume(this.#wheel.now());
    if (!this.#reader.closing) this.#socket.resume();
  }
}

/** One for all frames: see `Moment`. */
const FRAME_TIMES: Timestamps = { nowMs: 0, wallMs: 0 };

/** A relayed text names no channel: whoever gets it may take it for a publication on any. */
const EVERYBODY = "*";

/** The first channel that the rights leave out. */
function forbiddenIn(command: Command, rights: Rights): string | undefined {
  switch (command.kind) {
    case "subscribe":
      return command.channels.find((channel) => !rights.maySubscribe(channel));
    case "publish": {
      const { channel, follow } = command;
      if (!rights.mayPublish(channel)) return channel;
      return follow && !rights.maySubscribe(channel) ? channel : undefined;
    }
    case "relay":
      return rights.mayRelay() ? undefined : EVERYBODY;
  }
  return undefined;
}
