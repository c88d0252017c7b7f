/**
 * A sequence of connections, until the user closes it: after a loss it decides whether and when to
 * reconnect, and a new connection gets the subscriptions and the outbox. On the server's advice the next
 * connection is made while the present one is used, and takes over once it has caught up. Owns the
 * connections, the subscriptions and the outbox. Only these two connections call back.
 *
 * @module
 */

import { ReconnectScheduler } from "./reconnect_scheduler.ts";
import { type CloseInfo, CONNECT_TIMEOUT, Connection } from "./connection.ts";
import type { SdkProfile } from "./profile.ts";
import { closeEventOf, eventOf } from "./emit.ts";
import type { HealthStatus, Sendable } from "./events.ts";
import { watchNetwork } from "./network.ts";
import type { Address } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { platform } from "./platform.ts";
import type { Settings } from "./settings.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type Timers, workerTimers } from "./timers.ts";
import { retryPolicy, waitOf } from "./retry_policy.ts";
import { HealthTracker } from "./health_tracker.ts";
import { TokenSource } from "./token_source.ts";

/** The close of a connection that a new one replaces. */
const RECONNECTING: CloseInfo = { code: 1000, reason: "Reconnecting", wasClean: false };

/** The close code for an invalid credential: with a new ticket or token, an attempt can succeed. */
const UNAUTHORIZED = 3000;

/** The close text of the hub for an expired token or key, and infoway's. */
const EXPIRED = /\bexpired\b/;

/** What a session needs. */
export interface SessionOptions {
  /** The server's address. */
  readonly address: Address;
  /** The options with their defaults. */
  readonly settings: Settings;
  /** The frames that it exchanges. */
  readonly profile: SdkProfile;
  /** Dispatches an event to the user. */
  readonly emit: (event: Event) => void;
}

/** The state behind a HeartbeatSocket. */
export class Session {
  readonly health: HealthTracker;
  /** Messages that wait for a connection. */
  readonly outbox: Outbox;
  /** The subscribed channels. */
  readonly subscriptions: Subscriptions;
  /** The address of the newest attempt. */
  url = "";
  /** The type of received binary frames. */
  binaryType: BinaryType = "blob";
  /** Whether the first attempt waits for `start()`. */
  isDormant: boolean;
  /** 0 until `close()` or giving up, and again after it is woken; in between the `readyState`. */
  closeState: 0 | 2 | 3 = 0;
  /** The one that is used, from the start of its attempt until it closes. */
  connection: Connection | undefined;
  /** The one that is to take over from it, from the start of its attempt. */
  #next: Connection | undefined;
  readonly #options: SessionOptions;
  readonly #timers: Timers;
  readonly #scheduler: ReconnectScheduler;
  readonly #tokens: TokenSource;
  /** Set while events of the network or the page cause an attempt. */
  #unwatchNetwork: (() => void) | undefined;
  /** Whether it was closed, or the server forbids another attempt. */
  #isFinal = false;
  /** Whether a connection failed whose `error` event waits for the end. */
  #hasFailed = false;
  /** Whether it has reconnected for bad health and not been healthy since. */
  #hasMoved = false;
  /** How often it has reconnected for bad health: each time it waits twice as long. */
  #moves = 0;
  /** Whether the server has ever sent a frame of the heartbeat. */
  #isKnown = false;
  #isWarned = false;
  /** Whether `open` is being fired: its listeners send before the outbox. */
  #isOpening = false;
  /** Whether the server has refused a request, and its wait is not over. */
  #isBusy = false;
  #cancelBusy = () => {};
  /** Cancels the timeout of a pending address; unique for each attempt. */
  #cancelAddress: (() => void) | undefined;

  /** Makes the first attempt. @throws what the WebSocket constructor throws */
  constructor(options: SessionOptions) {
    const { settings, profile, emit } = options;
    this.#options = options;
    this.health = new HealthTracker(settings, emit);
    this.subscriptions = new Subscriptions({
      profile,
      send: (frames) => this.#sendNow(frames),
      request: (frameOf) => this.request(frameOf),
      emit,
    });
    this.outbox = new Outbox({
      settings,
      hasAnswers: !!profile.request,
      onDrop: (data, reason) => emit(eventOf("drop", { data, reason })),
    });
    this.#timers = settings.heartbeatInWorker ? workerTimers() : platform;
    this.#scheduler = new ReconnectScheduler({
      settings,
      after: this.#timers.after,
      scheduled: (next, reason) => {
        settings.debug(`attempt ${next.attempt} in ${Math.round(next.delayMs)} ms: ${reason}`);
        emit(eventOf("reconnecting", { ...next, reason }));
      },
      connect: () => this.#reconnect(),
    });
    this.#tokens = new TokenSource({
      settings,
      after: this.#timers.after,
      present: (token) => this.#sendNow([profile.refresh!(token)]),
    });
    this.isDormant = settings.startClosed;
    if (!this.isDormant) this.#begin();
  }

  #begin(): void {
    this.#connect();
    this.#watchNetwork();
  }

  #watchNetwork(): void {
    this.#unwatchNetwork ??= watchNetwork({
      online: () => this.#online(),
      offline: () => {
        this.#scheduler.offline();
        this.connection?.suspend();
      },
      changed: () => {
        if (this.#scheduler.isOffline) return; // the loss of the network fires `change`, too
        if (this.connection?.isOpen) this.connection.probe();
        else if (this.#wake() || this.#scheduler.isScheduled) {
          this.#scheduler.scheduleNow("the page is back");
        }
      },
    });
  }

  /** Consecutive attempts to reconnect. */
  get attempts(): number {
    return this.#scheduler.attempts;
  }

  /** Makes the first attempt, if it waits for that. */
  start(): void {
    if (!this.isDormant || this.closeState) return;
    this.isDormant = false;
    this.#begin();
  }

  /** Attempts at once, unless the server forbids it or it is closed. */
  reconnect(): void {
    if (this.isDormant) return this.start();
    if (this.#isFinal) return;
    this.#wake();
    delete this.connection?.clientId; // no move: it is closed first
    this.#scheduler.reset();
    this.#scheduler.scheduleNow("asked to reconnect");
  }

  /** Sends frames on each open connection; a later one restores the subscriptions itself. */
  #sendNow(frames: readonly string[]): void {
    for (const frame of frames) {
      this.connection?.send(frame);
      this.#next?.send(frame);
    }
  }

  /** Sends, or keeps the message until there is a connection that is not suspended and takes it. */
  send(data: Sendable): void {
    const mayNot = this.#isBusy || this.connection?.isSuspended;
    if (!mayNot && this.connection?.send(data)) return;
    this.outbox.push(data);
    this.#flush();
  }

  /** Sends a request, and again on each new connection until its answer comes. */
  request<Result>(frameOf: (id: string) => string): Promise<Result> {
    const result = this.outbox.request<Result>(frameOf);
    this.#flush();
    return result;
  }

  /** Closes for good. @param info valid for WebSocket's `close()` */
  close(info: CloseInfo): void {
    if (this.#isFinal) return;
    this.#isFinal = true;
    this.#hasFailed = false;
    const isOpen = this.connection?.isOpen;
    const hasEnded = this.closeState === 3;
    this.closeState ||= 2;
    this.#stop();
    if (hasEnded) return; // its `close` event was fired when it gave up
    if (isOpen) return this.connection!.close(info);
    this.#discard();
    this.#timers.after(0, () => this.#finish(info));
  }

  /** @throws what the WebSocket constructor throws, unless the address is a function */
  #connect(): void {
    const { address, settings } = this.#options;
    const { token, protocols } = settings;
    const openByMs = platform.now() + settings.connectTimeout;
    const fixed = typeof address === "function" ? undefined : urlOf(address);
    if (fixed && !token) return this.#open(fixed, { openByMs, protocols });
    this.#ignoreAttempt();
    const cancel = this.#timers.after(settings.connectTimeout, () => this.#closed(CONNECT_TIMEOUT));
    this.#cancelAddress = cancel;
    let missing = "address";
    Promise.resolve().then(async () => {
      const url = fixed ?? urlOf(await (address as () => string)());
      missing = "token";
      const offered = token ? await this.#tokens.protocols() : protocols;
      missing = "connection";
      if (cancel !== this.#cancelAddress) return;
      cancel();
      this.#open(url, { openByMs, protocols: offered });
    }).catch((error) => {
      if (cancel !== this.#cancelAddress) return;
      this.#failed();
      if (!this.closeState) {
        this.#closed({ code: 1006, reason: `No ${missing}: ${error}`, wasClean: false });
      }
    });
  }

  #open(
    url: URL,
    { openByMs, protocols }: { openByMs: number; protocols: string | string[] },
  ): void {
    const { settings, profile, emit } = this.#options;
    profile.prepare?.(url);
    const old = this.connection;
    if (old) url.searchParams.set("replaces", `${old.clientId}`);
    const socket = new settings.WebSocket(url.href, protocols);
    socket.binaryType = this.binaryType;
    this.url = url.href;
    settings.debug(`connecting to ${url.origin}${url.pathname}`); // a query may hold a credential
    const { after } = this.#timers;
    const isNext = (): boolean => connection !== this.connection;
    const connection: Connection = new Connection({ socket, profile, settings, after, openByMs }, {
      opened: () => {
        for (const frame of this.subscriptions.restore(isNext())) connection.send(frame);
        if (!isNext()) this.#use();
      },
      resumed: () => this.#isReady ? this.#takeOver() : this.#flush(),
      received: (event, frame) => {
        this.subscriptions.received(event, frame, isNext());
        this.#proceed();
      },
      answer: (frame) => this.outbox.answered(frame),
      failed: () => this.#failed(connection),
      heartbeat: (rtt) => {
        if (isNext()) return this.#proceed();
        if (rtt !== undefined) this.health.sample(rtt);
        if (this.health.status === "healthy" && connection.isStable) this.#hasMoved = false;
        emit(eventOf("heartbeat", { rtt }));
        this.#flush(); // drops what has had no answer for too long
      },
      advice: ({ afterMs, reason }) => {
        const isForHealth = reason === "poor" || reason === "critical";
        // Another connection did not help, is being made, or is not wanted.
        if ((isForHealth && this.#hasMoved) || this.#next || this.closeState) return;
        if (connection.isStable) this.#scheduler.reset(); // the server's request is no failure
        if (this.#scheduler.isExhausted) return;
        let waitMs = waitOf(afterMs);
        if (isForHealth) {
          this.#hasMoved = true;
          waitMs = waitOf(waitMs * 2 ** this.#moves++);
        }
        this.#scheduler.schedule(waitMs, `advised: ${reason}`);
      },
      expiring: () => settings.token && this.#tokens.renew(),
      refresh: ({ isAccepted }) => this.#tokens.answered(isAccepted),
      busy: ({ id, afterMs }) => {
        this.outbox.refused(id);
        this.#isBusy = true;
        settings.debug(`busy: wait ${waitOf(afterMs)} ms`);
        this.#cancelBusy();
        this.#cancelBusy = this.#timers.after(waitOf(afterMs), () => {
          this.#isBusy = false;
          this.#sendNow(this.subscriptions.restoreLeft()); // what was unavailable then
          this.#flush();
        });
      },
      recognized: () => this.#isKnown = true,
      timeout: () => {
        if (!this.#isKnown) return this.#excuse();
        settings.debug("server silent");
        if (this.#next?.isOpen) return true; // one of the two remains
        this.health.reset("timeout");
        emit(eventOf("heartbeattimeout"));
        return true;
      },
      closed: (info) => this.#closed(info, connection),
    });
    if (old) this.#next = connection;
    else this.connection = connection;
  }

  /** The subscriptions are restored: the user's `open` listeners (a login perhaps), then the outbox. */
  #use(): void {
    const { emit, settings } = this.#options;
    this.#scheduler.stop();
    this.health.reset();
    this.#hasFailed = false;
    settings.debug("open");
    this.#isOpening = true;
    emit(eventOf("open"));
    this.#isOpening = false;
    this.#flush();
  }

  /** Whether the next connection has caught up. The answer to its heartbeat follows `subscribed`. */
  get #isReady(): boolean {
    return this.#next?.rtt !== undefined && this.subscriptions.isCaughtUp;
  }

  /** Once the next connection has caught up: asks the present one for its last answers. */
  #proceed(): void {
    const { connection } = this;
    if (!this.#isReady || connection!.isSuspended) return;
    connection!.suspend();
    if (connection!.isSuspended) connection!.probe();
    else this.#takeOver(); // it is closing
  }

  /** The next connection is used: the present one has answered all, or is lost. */
  #takeOver(): void {
    const next = this.#next!;
    this.#next = undefined;
    this.#discard();
    this.connection = next;
    this.#use();
    next.probe(); // measures the round trip
    this.#sendNow(this.subscriptions.takeOver());
  }

  /** A server that has never answered a heartbeat may not know it. */
  #excuse(): false {
    if (!this.#isWarned) {
      console.warn(
        `${this.url} has never answered a heartbeat: is the profile right?`,
      );
    }
    this.#isWarned = true;
    return false;
  }

  #flush(): void {
    if (this.closeState && !this.#unwatchNetwork) return this.outbox.close();
    const mayNot = this.#isBusy || this.#isOpening || this.connection?.isSuspended;
    this.outbox.flush(mayNot ? undefined : this.connection);
  }

  /** A connection closed, or an attempt failed. @param connection undefined: it had no address yet */
  #closed(info: CloseInfo, connection?: Connection): void {
    const isNext = connection !== this.connection;
    if (isNext) this.#ignoreAttempt();
    else this.connection = undefined;
    if (this.closeState) return this.#finish(info);
    const { code, reason } = info;
    const { mayRetry, afterMs } = retryPolicy(code, reason);
    const { address, settings } = this.#options;
    const isCredential = code === UNAUTHORIZED || EXPIRED.test(reason);
    const mayBeNew = isCredential && (settings.token || typeof address === "function");
    const isAllowed = mayRetry || mayBeNew;
    const text = reason || `code ${code}`;
    if (connection?.isStable) this.#scheduler.reset();
    if (isNext) {
      if (isAllowed && !this.#scheduler.isExhausted) this.#scheduler.schedule(afterMs, text);
      return;
    }
    if (!isAllowed) return this.#giveUp(info, text);
    if (this.#next?.isOpen) return this.#takeOver();
    this.connection = this.#next;
    this.#next = undefined;
    this.#ignoreAttempt();
    const isScheduled = this.#scheduler.postpone(afterMs, reason) || // by the server's advice
      this.connection !== undefined; // it goes on as an attempt to reconnect
    if (!isScheduled && this.#scheduler.isExhausted) {
      return this.#giveUp(info);
    }
    if (this.health.status !== "timeout") this.health.reset();
    const wasScheduled = this.#scheduler.isScheduled;
    this.#lost(info);
    const isAsked = !wasScheduled && this.#scheduler.isScheduled; // by a listener
    if (this.closeState || isScheduled || isAsked) return;
    this.#scheduler.schedule(afterMs, text);
  }

  /** A scheduled attempt is due. After advice, the present connection is still open. */
  #reconnect(): void {
    this.#ignoreAttempt();
    if (this.connection?.clientId === undefined && this.#discard()) {
      this.health.reset();
      this.#lost(RECONNECTING);
      if (this.closeState) return;
    }
    this.#connect();
  }

  /** Closes the connection without waiting. @returns whether there was a connection */
  #discard(): boolean {
    const { connection } = this;
    this.connection = undefined;
    connection?.closeNow(RECONNECTING);
    return !!connection;
  }

  /** Probes an open connection; otherwise attempts to connect at once. */
  #online(): void {
    this.#wake();
    this.#scheduler.online();
    this.connection?.probe();
    if (!this.connection?.isOpen || this.#scheduler.isScheduled) {
      this.#scheduler.scheduleNow("the network is back");
    }
  }

  /** Ends the attempts. @param forbidden why the server allows none; without it, it can be woken */
  #giveUp(info: CloseInfo, forbidden?: string): void {
    const { settings, emit } = this.#options;
    this.closeState = 3;
    this.#isFinal = forbidden !== undefined;
    this.#scheduler.stop();
    // Without attempts it is another library that reconnects: then the loss is the end.
    if (this.#isFinal || settings.maxReconnectAttempts === 0) this.#stop();
    const { attempts } = this.#scheduler;
    this.#finish(info, "dead");
    emit(eventOf("giveup", { attempts, reason: forbidden ?? "too many attempts failed" }));
  }

  /** Begins anew after it gave up. @returns whether it did */
  #wake(): boolean {
    if (this.closeState !== 3 || this.#isFinal) return false;
    this.closeState = 0;
    this.health.reset();
    this.#scheduler.reset();
    this.#watchNetwork();
    return true;
  }

  #finish(info: CloseInfo, status?: HealthStatus): void {
    const { emit } = this.#options;
    this.closeState = 3;
    this.#timers.stop();
    this.health.reset(status);
    if (this.#hasFailed) emit(eventOf("error"));
    this.#hasFailed = false;
    emit(closeEventOf(info));
  }

  /** A connection failed: another may follow, or the end. */
  #failed(connection?: Connection): void {
    if (connection !== this.connection) return; // the present one is still used
    const { settings, emit } = this.#options;
    if (settings.closeEvents === "all") emit(eventOf("error"));
    else this.#hasFailed = true;
  }

  /** A connection closed that another one follows. */
  #lost(info: CloseInfo): void {
    const { settings, emit } = this.#options;
    if (settings.closeEvents === "all") emit(closeEventOf(info));
    this.#flush(); // drops what is too old
  }

  #stop(): void {
    this.#ignoreAttempt();
    this.#scheduler.stop();
    this.#unwatchNetwork?.();
    this.#unwatchNetwork = undefined;
    this.outbox.close();
  }

  /** A pending address or token is ignored from now on, and the next connection closed. */
  #ignoreAttempt(): void {
    this.#tokens.stop();
    this.#cancelAddress?.();
    this.#cancelAddress = undefined;
    this.#next?.closeNow(RECONNECTING);
    this.#next = undefined;
  }
}

/** The address of a WebSocket. @throws {TypeError} if it is not valid */
function urlOf(address: string | URL): URL {
  const url = new URL(address, globalThis.location?.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}
