/**
 * The readPump: from a client's socket to the hub. A frame first counts as a sign of life, where the
 * profile takes it for one, then against the flood limit; then the client's session decodes it and the
 * hub gets the command. While the hub's mailbox is full, or the hub holds a publication, it stops reading.
 *
 * @module
 */

import type { Rights } from "./auth/rights.ts";
import type { Clock } from "./base/clock.ts";
import { assertNever } from "./base/errors.ts";
import type { Later } from "./brokers/broker.ts";
import type { Connection } from "./client/connection.ts";
import type { Hub } from "./hub.ts";
import type { Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging/logging.ts";
import type { Command, Inbound } from "./message.ts";
import type { FrameInfo } from "./profiles/profile.ts";
import type { Socket, SocketEnd, SocketEvents, SocketFault } from "./transport/socket.ts";

/** What all read pumps share. */
export interface ReadPumpOptions {
  /** Time without stalls, for signs of life. */
  readonly wheel: Wheel;
  /** Time of the machine, for limits. */
  readonly clock: Clock;
  readonly hub: Hub;
  readonly log: Logger;
}

/**
 * In messages, for the flood limit: a malformed one serves nobody and takes an answer. To read one and
 * make its answer takes up to 1.8 us (measured, events-hub; json 0.6).
 */
const MALFORMED_PRICE = 4;

/** One object for all frames: see there. */
const FRAME: FrameInfo = { nowMs: 0, wallMs: 0, isBinary: false };

/** A relayed text names no channel: a receiver may take it for a publication on any. */
const ANY_CHANNEL = "*";

export class ReadPump implements SocketEvents {
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #options: ReadPumpOptions;
  #pauses = 0;
  #isWaitingForRoom = false;
  /** Whether the hub is about to close the connection for a violation. */
  #violated = false;
  /** Messages that wait until it is known whether their key may send them. */
  #held: Inbound[] | undefined;

  constructor(connection: Connection, socket: Socket, options: ReadPumpOptions) {
    this.#connection = connection;
    this.#socket = socket;
    this.#options = options;
  }

  message(data: Uint8Array, isBinary = false): void {
    const { heartbeat, health, quota, counters } = this.#connection;
    const { wheel, clock } = this.#options;
    const wheelMs = wheel.now();
    if (!this.#admit(heartbeat.rules.framesAreLife, wheelMs)) return;
    counters.received();
    health.message(wheelMs);
    FRAME.nowMs = clock.now();
    FRAME.wallMs = clock.wall();
    FRAME.isBinary = isBinary;
    const inbound = this.#decode(data);
    const isFree = inbound.kind === "app_pong" || inbound.kind === "heartbeat" ||
      inbound.kind === "refresh"; // one a second is checked, and the minute must not end for it
    if (isFree || quota === undefined) return this.#handle(inbound, wheelMs);
    if (this.#held !== undefined) return void this.#held.push(inbound);
    const isTaken = quota.take(FRAME.nowMs);
    if (isTaken === true) this.#handle(inbound, wheelMs);
    else if (isTaken === false) this.#exceeded();
    else void this.#hold(inbound, isTaken);
  }

  #handle(inbound: Inbound, wheelMs: number): void {
    const { heartbeat, health, counts, flood } = this.#connection;
    switch (inbound.kind) {
      case "heartbeat":
        if (heartbeat.touch(wheelMs)) counts.timeoutsAverted++;
        return this.#reply(inbound.text);
      case "app_pong":
        counts.appPongs++;
        return health.appPong(inbound, wheelMs);
      case "malformed":
        counts.malformed++;
        flood.charge(MALFORMED_PRICE - 1);
        return this.#reply(inbound.text);
      case "nothing":
        return;
      case "refresh":
        return this.#connection.refresh(inbound);
      case "subscribe":
      case "unsubscribe":
      case "publish":
      case "history":
      case "presence":
      case "relay":
      case "reply":
      case "policyViolation":
        return this.#authorize(inbound);
      default:
        assertNever(inbound);
    }
  }

  /** Continuation frames are no sign of life: a message that never ends must not be one. */
  continuations(count: number): void {
    this.#connection.flood.charge(count);
  }

  ping(payload: Uint8Array): void {
    const { heartbeat, health, writePump } = this.#connection;
    const wheelMs = this.#options.wheel.now();
    if (!this.#admit(heartbeat.rules.pingsAreLife, wheelMs)) return;
    health.peerPing(wheelMs);
    writePump.pong(payload);
  }

  pong(payload: Uint8Array): void {
    const { session, heartbeat, health, counts } = this.#connection;
    const wheelMs = this.#options.wheel.now();
    if (!this.#admit(heartbeat.rules.pongsAreLife, wheelMs)) return;
    counts.controlPongs++;
    health.pong(payload, wheelMs);
    session.pong?.();
  }

  fault(kind: SocketFault, code: number): void {
    this.#connection.close(kind, { code });
  }

  closed(end: SocketEnd): void {
    this.#connection.onSocketClosed(end);
  }

  /** Counts a frame as a sign of life and against the flood limit. @returns whether to go on */
  #admit(isLife: boolean, wheelMs: number): boolean {
    const { heartbeat, counts, flood, closing } = this.#connection;
    if (this.#violated || closing) return false;
    if (isLife && heartbeat.touch(wheelMs)) counts.timeoutsAverted++;
    // The machine's time, not the wheel's: what piled up during a stall was not sent in one moment.
    if (flood.take(this.#options.clock.now())) return true;
    this.#connection.close("rate_limited");
    return false;
  }

  /** A session never throws; if one did, the error must not reach other connections. */
  #decode(data: Uint8Array): Inbound {
    const { id, session } = this.#connection;
    try {
      return session.decode(data, FRAME);
    } catch (error) {
      this.#options.log.error("a frame could not be decoded: please report this", { id, error });
      return { kind: "malformed" };
    }
  }

  /** Passes a command on if the connection has the rights for it. */
  #authorize(command: Command): void {
    const { id, rights, counts, session } = this.#connection;
    const channel = forbiddenIn(command, rights);
    if (channel === undefined) return this.#tell(command);
    counts.denied++;
    this.#options.log.info("command denied", {
      id,
      command: command.kind,
      channel: channel.slice(0, 64),
    });
    const ref = "ref" in command ? command.ref : undefined;
    this.#reply(session.deny("forbidden", { ref, channel }));
  }

  #exceeded(): void {
    this.#tell({ kind: "policyViolation", reason: "rate_limited" });
  }

  /** Reads on when the quota has answered. What has been read already waits in its order. */
  async #hold(first: Inbound, answer: Later<boolean>): Promise<void> {
    const { wheel, clock } = this.#options;
    const held = this.#held = [first];
    let isTaken = answer;
    this.pause();
    for (let at = 0; at < held.length && !this.#violated; at++) {
      if (at > 0) isTaken = this.#connection.quota?.take(clock.now()) ?? true;
      const mayGoOn = await isTaken;
      if (this.#connection.closing) break;
      if (mayGoOn) this.#handle(held[at], wheel.now());
      else this.#exceeded();
    }
    this.#held = undefined;
    this.resume();
  }

  #reply(text: string | undefined): void {
    if (text !== undefined) this.#tell({ kind: "reply", text });
  }

  #tell(command: Command): void {
    if (command.kind === "policyViolation") this.#violated = true;
    const sent = this.#options.hub.tell({ kind: "command", subscriber: this.#connection, command });
    if (sent === "full" && !this.#isWaitingForRoom) void this.#waitForRoom();
  }

  /** What has been read already is still passed on: the mailbox takes it beyond its bound. */
  async #waitForRoom(): Promise<void> {
    this.#isWaitingForRoom = true;
    this.pause();
    await this.#options.hub.room();
    this.#isWaitingForRoom = false;
    this.resume();
  }

  /** Reads no more until `resume()` was called as often. */
  pause(): void {
    if (this.#pauses++ > 0) return;
    const { heartbeat, health } = this.#connection;
    this.#socket.pause();
    heartbeat.suspend();
    health.suspend(this.#options.wheel.now());
  }

  resume(): void {
    if (--this.#pauses > 0) return;
    const { heartbeat, health, closing } = this.#connection;
    const { wheel } = this.#options;
    heartbeat.resume(wheel.now());
    health.resume(wheel.now());
    if (!closing) this.#socket.resume();
  }
}

/** The first channel for which the rights do not allow the command. */
function forbiddenIn(command: Command, rights: Rights): string | undefined {
  switch (command.kind) {
    case "subscribe":
      return command.channels.find((channel) => !rights.maySubscribe(channel));
    case "publish": {
      const { channel, subscribe } = command;
      if (!rights.mayPublish(channel)) return channel;
      return subscribe && !rights.maySubscribe(channel) ? channel : undefined;
    }
    case "history":
    case "presence":
      return rights.maySubscribe(command.channel) ? undefined : command.channel;
    case "relay":
      return rights.mayRelay() ? undefined : ANY_CHANNEL;
  }
  return undefined;
}
