/**
 * One connection after the other, as long as the user wants: when one is lost it judges whether and
 * when to come back, and on a new one it says again what the last one was told. Owns the connection,
 * the subscriptions and the outbox; each callback of a connection that is no longer the newest is
 * deaf.
 *
 * @module
 */

import { Comeback } from "./comeback.ts";
import { Connection, type End } from "./connection.ts";
import { BEAT_ID, type Dialect } from "./dialect.ts";
import { closeEventOf, eventOf } from "./emit.ts";
import type { Sendable } from "./events.ts";
import { watchNetwork } from "./network.ts";
import type { Address } from "./options.ts";
import { Outbox } from "./outbox.ts";
import type { Settings } from "./settings.ts";
import { PAGE_TIMERS, type Timers, workerTimers } from "./timers.ts";
import { verdictOn, waitOf } from "./verdict.ts";
import { Wellbeing } from "./wellbeing.ts";

/**
 * A connection this old was no accident, ms: attempts before it count no more. A server that lets
 * everybody in and soon throws them out again is left alone as if it were down.
 */
const STABLE_MS = 10_000;

/** A connection that is left for a new one. */
const MOVED: End = { code: 1000, reason: "Reconnecting", wasClean: false };

/** The hub's code for a ticket that is used up: another one may be good. */
const BAD_TICKET = 3000;

/** What a session is made of. */
export interface SessionParts {
  /** Where to. */
  readonly address: Address;
  /** How. */
  readonly settings: Settings;
  /** In which language. */
  readonly dialect: Dialect;
  /** Hands an event to the user. */
  readonly emit: (event: Event) => void;
}

/** See the module. */
export class Session {
  /** How well the connection is. */
  readonly wellbeing: Wellbeing;
  /** What waits for a connection. */
  readonly outbox: Outbox;
  /** What is followed. */
  readonly channels: Set<string> = new Set();
  /** Of the newest attempt. */
  url = "";
  /** How binary frames are received. */
  binaryType: BinaryType = "blob";
  /** 0 until `close()` or giving up; then as `readyState`. */
  ending: 0 | 2 | 3 = 0;
  /** The newest, while there is one. */
  connection: Connection | undefined;
  readonly #parts: SessionParts;
  readonly #timers: Timers;
  readonly #comeback: Comeback;
  readonly #stopWatching: () => void;
  /** Which attempt an address is being made for. */
  #turn = 0;
  #beats = 0;

  /** Makes the first attempt. @throws what the WebSocket constructor throws */
  constructor(parts: SessionParts) {
    const { settings, emit } = parts;
    this.#parts = parts;
    this.wellbeing = new Wellbeing(settings, emit);
    this.outbox = new Outbox({
      messages: settings.outboxMessages,
      ageMs: settings.outboxAgeMs,
      onDrop: (data, reason) => emit(eventOf("drop", { data, reason })),
    });
    this.#timers = settings.heartbeatInWorker ? workerTimers() : PAGE_TIMERS;
    this.#comeback = new Comeback({
      baseMs: settings.reconnectInterval,
      maxAttempts: settings.maxReconnectAttempts,
      after: this.#timers.after,
      planned: (plan, reason) => emit(eventOf("reconnecting", { ...plan, reason })),
      attempt: () => this.#move(),
    });
    this.#connect();
    this.#stopWatching = watchNetwork({
      online: () => this.#online(),
      offline: () => {
        this.#comeback.offline();
        this.connection?.hold();
      },
      doubt: () => {
        if (this.#comeback.isOffline) return; // a network that goes is a change of it, too
        if (this.connection?.isOpen) this.connection.probe();
        else if (this.#comeback.isPlanned) this.#comeback.hurry("the page is back");
      },
    });
  }

  /** Sends, or keeps until there is a connection that is sure to have a network. */
  send(data: Sendable): void {
    const { connection } = this;
    if (!connection?.isHeld && connection?.send(data)) return;
    this.outbox.keep(data);
    if (this.ending) this.outbox.close();
  }

  /** Ends everything. @throws {DOMException} what WebSocket's `close()` throws */
  close(end: End): void {
    if (this.ending) return;
    const { connection } = this;
    const isOpen = connection?.isOpen;
    if (isOpen) connection!.close(end); // where it throws, nothing has changed
    this.ending = 2;
    this.#stop();
    if (isOpen) return;
    this.connection = undefined;
    connection?.leave(MOVED);
    this.#timers.after(0, () => this.#finish(end));
  }

  /** @throws what the WebSocket constructor throws, where the address is no function */
  #connect(): void {
    const { address, emit } = this.#parts;
    const turn = ++this.#turn;
    if (typeof address !== "function") return this.#open(address);
    Promise.resolve().then(address).then((url) => {
      if (turn === this.#turn) this.#open(url);
    }).catch((error) => {
      if (turn !== this.#turn) return;
      emit(eventOf("error"));
      this.#lost({ code: 1006, reason: `No address: ${error}`, wasClean: false });
    });
  }

  #open(address: string | URL): void {
    const { settings, dialect, emit } = this.#parts;
    const url = new URL(address, globalThis.location?.href);
    url.protocol = url.protocol.replace("http", "ws");
    dialect.prepare?.(url);
    const socket = new settings.WebSocket(url.href, settings.protocols);
    socket.binaryType = this.binaryType;
    this.url = url.href;
    const { after } = this.#timers;
    const nextId = () => `${BEAT_ID}${++this.#beats}`;
    const connection = new Connection({ socket, dialect, settings, after, nextId }, {
      opened: () => this.#opened(connection),
      resumed: () => this.outbox.flush((data) => connection.send(data)),
      received: ({ data, origin }) => emit(new MessageEvent("message", { data, origin })),
      failed: () => emit(eventOf("error")),
      beat: (rtt) => {
        if (rtt !== undefined) this.wellbeing.sample(rtt);
        emit(eventOf("heartbeat", { rtt }));
      },
      advised: ({ afterMs, reason }) => {
        this.#comeback.settle(); // the server's wish, not a failure
        if (this.#comeback.isExhausted) return; // there may be no attempt at all
        this.#comeback.plan(waitOf(afterMs), `advised: ${reason}`);
      },
      silent: () => {
        this.wellbeing.reset("timeout");
        emit(eventOf("heartbeattimeout"));
      },
      ended: (end) => this.#lost(end, connection.ageMs),
    });
    this.connection = connection;
  }

  /** First what makes it the connection that it was, then the user, then what waited. */
  #opened(connection: Connection): void {
    const { dialect, emit } = this.#parts;
    this.#comeback.stop();
    this.wellbeing.reset();
    const frames = this.channels.size > 0 ? dialect.subscribe?.([...this.channels]) ?? [] : [];
    for (const frame of frames) connection.send(frame);
    emit(eventOf("open"));
    this.outbox.flush((data) => connection.send(data));
  }

  #lost(end: End, ageMs = 0): void {
    this.connection = undefined;
    if (this.ending) return this.#finish(end);
    const { mayRetry, afterMs } = verdictOn(end.code, end.reason);
    const isNewTicket = end.code === BAD_TICKET && typeof this.#parts.address === "function";
    if (ageMs >= STABLE_MS) this.#comeback.settle();
    if (!mayRetry && !isNewTicket) return this.#giveUp(end, end.reason || `code ${end.code}`);
    const isPlanned = this.#comeback.isPlannedAfter(afterMs); // since the server had advised it
    if (!isPlanned && this.#comeback.isExhausted) {
      return this.#giveUp(end, "too many attempts failed");
    }
    if (this.wellbeing.status !== "timeout") this.wellbeing.reset();
    this.#parts.emit(closeEventOf(end));
    if (this.ending || isPlanned) return;
    this.#comeback.plan(afterMs, end.reason || `code ${end.code}`);
  }

  /** The time of a plan has come: a connection that is still there was to be left. */
  #move(): void {
    const { connection } = this;
    if (connection !== undefined) {
      this.connection = undefined;
      connection.leave(MOVED);
      this.wellbeing.reset();
      this.#parts.emit(closeEventOf(MOVED));
      if (this.ending) return;
    }
    this.#connect();
  }

  /** Doubts the connection that is open, tries at once where none is. */
  #online(): void {
    this.#comeback.online();
    const isOpen = this.connection?.isOpen;
    if (isOpen) this.connection!.probe();
    if (!isOpen || this.#comeback.isPlanned) this.#comeback.hurry("the network is back");
  }

  #giveUp(end: End, reason: string): void {
    const { emit } = this.#parts;
    this.ending = 3;
    this.#stop();
    this.#timers.stop();
    this.wellbeing.reset("dead");
    emit(closeEventOf(end));
    emit(eventOf("giveup", { attempts: this.#comeback.attempts, reason }));
  }

  #finish(end: End): void {
    this.ending = 3;
    this.#timers.stop();
    this.wellbeing.reset();
    this.#parts.emit(closeEventOf(end));
  }

  #stop(): void {
    this.#turn++;
    this.#comeback.stop();
    this.#stopWatching();
    this.outbox.close();
  }
}
