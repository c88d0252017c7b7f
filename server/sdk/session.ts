/**
 * One connection after the other, until the user closes: when one is lost it decides whether and when
 * to reconnect, and on a new one it subscribes again. Owns the connection,
 * the subscriptions and the outbox; each callback of a connection that is no longer the newest is
 * ignored.
 *
 * @module
 */

import { ReconnectScheduler } from "./reconnect_scheduler.ts";
import { Connection, type End, TOO_LATE } from "./connection.ts";
import type { SdkProfile } from "./profile.ts";
import { closeEventOf, eventOf } from "./emit.ts";
import type { HealthStatus, Sendable } from "./events.ts";
import { watchNetwork } from "./network.ts";
import type { Address } from "./options.ts";
import { Outbox } from "./outbox.ts";
import type { Settings } from "./settings.ts";
import { PAGE_TIMERS, type Timers, workerTimers } from "./timers.ts";
import { retryPolicy, waitOf } from "./retry_policy.ts";
import { HealthTracker } from "./health_tracker.ts";

/** The close of a connection that a new one replaces. */
const MOVED: End = { code: 1000, reason: "Reconnecting", wasClean: false };

/** The hub's code for an invalid ticket: another one may be valid. */
const BAD_TICKET = 3000;

/** What a session is made of. */
export interface SessionParts {
  readonly address: Address;
  readonly settings: Settings;
  readonly profile: SdkProfile;
  /** Dispatches an event to the user. */
  readonly emit: (event: Event) => void;
}

export class Session {
  readonly healthTracker: HealthTracker;
  /** What waits for a connection. */
  readonly outbox: Outbox;
  /** Channels that are subscribed to. */
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
  readonly #reconnectScheduler: ReconnectScheduler;
  readonly #stopWatching: () => void;
  /** Ends the wait for an address; each wait has its own. */
  #cancelWait: (() => void) | undefined;

  /** Makes the first attempt. @throws what the WebSocket constructor throws */
  constructor(parts: SessionParts) {
    const { settings, emit } = parts;
    this.#parts = parts;
    this.healthTracker = new HealthTracker(settings, emit);
    this.outbox = new Outbox(settings, (data, reason) => emit(eventOf("drop", { data, reason })));
    this.#timers = settings.heartbeatInWorker ? workerTimers() : PAGE_TIMERS;
    this.#reconnectScheduler = new ReconnectScheduler({
      settings,
      after: this.#timers.after,
      planned: (plan, reason) => emit(eventOf("reconnecting", { ...plan, reason })),
      attempt: () => this.#move(),
    });
    this.#connect();
    this.#stopWatching = watchNetwork({
      online: () => this.#online(),
      offline: () => {
        this.#reconnectScheduler.offline();
        this.connection?.hold();
      },
      check: () => {
        if (this.#reconnectScheduler.isOffline) return; // a network that goes is a change of it, too
        if (this.connection?.isOpen) this.connection.probe();
        else if (this.#reconnectScheduler.isPlanned) {
          this.#reconnectScheduler.retry("the page is back");
        }
      },
    });
  }

  /** Sends frames that a later connection gets in any case, if there is a connection now. */
  sendAll(frames: readonly string[]): void {
    for (const frame of frames) this.connection?.send(frame);
  }

  /** Sends, or keeps until there is a connection that is sure to have a network. */
  send(data: Sendable): void {
    if (!this.connection?.isHeld && this.connection?.send(data)) return;
    this.outbox.keep(data);
    if (this.ending) this.outbox.close();
  }

  /** Ends everything. @param end that WebSocket's `close()` accepts */
  close(end: End): void {
    if (this.ending) return;
    const isOpen = this.connection?.isOpen;
    this.ending = 2;
    this.#stop();
    if (isOpen) return this.connection!.close(end);
    this.#leave();
    this.#timers.after(0, () => this.#finish(end));
  }

  /** @throws what the WebSocket constructor throws, where the address is no function */
  #connect(): void {
    const { address, settings, emit } = this.#parts;
    const openByMs = performance.now() + settings.connectTimeout;
    if (typeof address !== "function") return this.#open(address, openByMs);
    this.#stopWaiting();
    const cancel = this.#timers.after(settings.connectTimeout, () => this.#lost(TOO_LATE));
    this.#cancelWait = cancel;
    Promise.resolve().then(address).then((url) => {
      if (cancel !== this.#cancelWait) return;
      cancel();
      this.#open(url, openByMs);
    }).catch((error) => {
      if (cancel !== this.#cancelWait) return;
      emit(eventOf("error"));
      if (!this.ending) this.#lost({ code: 1006, reason: `No address: ${error}`, wasClean: false });
    });
  }

  #open(address: string | URL, openByMs: number): void {
    const { settings, profile, emit } = this.#parts;
    const url = new URL(address, globalThis.location?.href);
    url.protocol = url.protocol.replace("http", "ws");
    profile.prepare?.(url);
    const socket = new settings.WebSocket(url.href, settings.protocols);
    socket.binaryType = this.binaryType;
    this.url = url.href;
    const { after } = this.#timers;
    const connection = new Connection({ socket, profile, settings, after, openByMs }, {
      opened: () => this.#opened(),
      resumed: () => this.#flush(),
      received: ({ data, origin }) => emit(new MessageEvent("message", { data, origin })),
      failed: () => emit(eventOf("error")),
      alive: (rtt) => {
        if (rtt !== undefined) this.healthTracker.sample(rtt);
        emit(eventOf("heartbeat", { rtt }));
      },
      advised: ({ afterMs, reason }) => {
        if (connection.isStable) this.#reconnectScheduler.reset(); // advised by the server, not a failure
        if (this.ending || this.#reconnectScheduler.isExhausted) return; // no attempt may follow
        this.#reconnectScheduler.plan(waitOf(afterMs), `advised: ${reason}`);
      },
      silent: () => {
        this.healthTracker.reset("timeout");
        emit(eventOf("heartbeattimeout"));
      },
      ended: (end) => this.#lost(end, connection.isStable),
    });
    this.connection = connection;
  }

  /** Subscriptions first, then the open event, then the outbox. */
  #opened(): void {
    const { profile, emit } = this.#parts;
    this.#reconnectScheduler.stop();
    this.healthTracker.reset();
    this.sendAll(profile.subscribe?.([...this.channels]) ?? []);
    emit(eventOf("open"));
    this.#flush();
  }

  #flush(): void {
    this.outbox.flush((data) => this.connection?.send(data) ?? false);
  }

  #lost(end: End, wasStable = false): void {
    this.connection = undefined;
    this.#stopWaiting();
    if (this.ending) return this.#finish(end);
    const { mayRetry, afterMs } = retryPolicy(end.code, end.reason);
    const isNewTicket = end.code === BAD_TICKET && typeof this.#parts.address === "function";
    if (wasStable) this.#reconnectScheduler.reset();
    if (!mayRetry && !isNewTicket) return this.#giveUp(end, end.reason || `code ${end.code}`);
    const isPlanned = this.#reconnectScheduler.isPlannedAfter(afterMs); // since the server had advised it
    if (!isPlanned && this.#reconnectScheduler.isExhausted) {
      return this.#giveUp(end, "too many attempts failed");
    }
    if (this.healthTracker.status !== "timeout") this.healthTracker.reset();
    this.#parts.emit(closeEventOf(end));
    if (this.ending || isPlanned) return;
    this.#reconnectScheduler.plan(afterMs, end.reason || `code ${end.code}`);
  }

  /** An attempt is due: a connection that is still open is replaced. */
  #move(): void {
    if (this.#leave()) {
      this.healthTracker.reset();
      this.#parts.emit(closeEventOf(MOVED));
      if (this.ending) return;
    }
    this.#connect();
  }

  /** @returns whether there was a connection to leave */
  #leave(): boolean {
    const { connection } = this;
    this.connection = undefined;
    connection?.leave(MOVED);
    return connection !== undefined;
  }

  /** Checks the open connection, or reconnects at once. */
  #online(): void {
    this.#reconnectScheduler.online();
    const isOpen = this.connection?.isOpen;
    if (isOpen) this.connection!.probe();
    if (!isOpen || this.#reconnectScheduler.isPlanned) {
      this.#reconnectScheduler.retry("the network is back");
    }
  }

  #giveUp(end: End, reason: string): void {
    this.ending = 3;
    this.#stop();
    this.#finish(end, "dead");
    this.#parts.emit(eventOf("giveup", { attempts: this.#reconnectScheduler.attempts, reason }));
  }

  #finish(end: End, status?: HealthStatus): void {
    this.ending = 3;
    this.#timers.stop();
    this.healthTracker.reset(status);
    this.#parts.emit(closeEventOf(end));
  }

  #stop(): void {
    this.#stopWaiting();
    this.#reconnectScheduler.stop();
    this.#stopWatching();
    this.outbox.close();
  }

  /** An address that comes after this is ignored. */
  #stopWaiting(): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }
}
