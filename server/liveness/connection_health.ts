/**
 * The health of one connection: round-trip times, outstanding pings, a status, liveness, and the last
 * events. Fed by the heartbeat timer and the read pump; reports changes to its listener.
 *
 * @module
 */

import { FlightRecorder } from "./flight_recorder.ts";
import type { HeartbeatRules } from "./heartbeat.ts";
import { HealthMonitor, type HealthStatus } from "./health.ts";
import { type ActiveLayer, Liveness, type LivenessState } from "./liveness.ts";
import { type AppPong, OutstandingPings } from "./outstanding_pings.ts";
import { RttEstimator, type RttKind } from "./rtt.ts";

/** Notified of what happens to one connection's health. */
export interface HealthListener {
  /** A heartbeat was answered. */
  measured(kind: RttKind, rttMs: number): void;
  /** A pong answered none of our pings. */
  pongUnmatched(): void;
  /** The status has changed. */
  statusChanged(status: HealthStatus, previous: HealthStatus): void;
  /** The same once a ping of the schedule was sent: one round trip of a new connection decides nothing. */
  healthChanged(status: HealthStatus, previous: HealthStatus): void;
  /** The liveness has changed. */
  livenessChanged(liveness: LivenessState, previous: LivenessState): void;
}

/** For a connection that has ended. */
export const NO_LISTENER: HealthListener = {
  measured() {},
  pongUnmatched() {},
  statusChanged() {},
  healthChanged() {},
  livenessChanged() {},
};

/** What one connection's health is made of. */
export interface ConnectionHealthOptions {
  /** Marks its app pings. */
  readonly clientId: string;
  /** The start of the connection, time on the wheel, ms. */
  readonly nowMs: number;
  /** In [0, 1): marks its control pings. */
  readonly random: number;
  /** Its timing. */
  readonly rules: HeartbeatRules;
  readonly listener: HealthListener;
}

/** All times are the wheel's, ms. */
export class ConnectionHealth {
  /** Round trips of control pings. */
  readonly wire: RttEstimator = new RttEstimator();
  /** Round trips of app pings: through our queue and the peer's script. */
  readonly app: RttEstimator = new RttEstimator();
  /** The last events. */
  readonly recorder: FlightRecorder;
  readonly #pings: OutstandingPings;
  readonly #health: HealthMonitor;
  readonly #liveness: Liveness;
  /** An answer that takes longer is lost. */
  readonly #timeoutMs: number;
  #listener: HealthListener;
  /** The last status, and the last one that was decided on. */
  #statusSeen: HealthStatus = "unknown";
  #statusDecided: HealthStatus = "unknown";
  /** Whether the ping of the first frames is the only one so far. */
  #isNew = false;
  /** Whether its round trip is all that is known: the handshake may have delayed it. */
  #isProvisional = false;
  #lastActiveLayer: ActiveLayer = "nothing";
  #pingedMs = -Infinity;

  /** Starts unknown and alive. */
  constructor({ clientId, nowMs, random, rules, listener }: ConnectionHealthOptions) {
    const { pingPeriodMs, heartbeatTimeoutMs, pongWaitMs, health } = rules;
    this.recorder = new FlightRecorder(nowMs);
    this.#pings = new OutstandingPings(clientId, random);
    this.#health = new HealthMonitor(health);
    this.#liveness = new Liveness(nowMs, heartbeatTimeoutMs);
    this.#timeoutMs = Math.min(pongWaitMs, Math.max(pingPeriodMs, heartbeatTimeoutMs));
    this.#listener = listener;
    this.recorder.record("opened", nowMs);
  }

  get status(): HealthStatus {
    return this.#health.status;
  }

  get liveness(): LivenessState {
    return this.#liveness.state;
  }

  /** The round trips that decide the status: the wire's, except where control frames do not pass. */
  get rtt(): RttEstimator {
    return this.wire.samples > 0 && this.#liveness.countsControlPings ? this.wire : this.app;
  }

  /** How much longer an answer takes through queue and script, ms; null unless both are known. */
  get queueDelayMs(): number | null {
    const [app, wire] = [this.app.averageMs, this.wire.averageMs];
    return app === null || wire === null || this.rtt === this.app ? null : Math.max(0, app - wire);
  }

  /** Which layer was still active, within the timeout, when the connection timed out. */
  get lastActiveLayer(): ActiveLayer {
    return this.#lastActiveLayer;
  }

  /** When anything last arrived or a control ping was last sent. */
  get lastHeardOrPingedMs(): number {
    return Math.max(this.#liveness.transportMs, this.#pingedMs);
  }

  /** When the application last sent a message or an app pong. */
  get applicationMs(): number {
    return this.#liveness.applicationMs;
  }

  /** The payload of the next control ping. */
  payload(): Uint8Array {
    return this.#pings.payload();
  }

  /** A control ping was written with the first frames. What it measures holds until the next answer. */
  pingedFirst(nowMs: number): void {
    this.pinged(nowMs);
    this.#isNew = this.#isProvisional = true;
  }

  /** A control ping was written. */
  pinged(nowMs: number): void {
    this.#isNew = false;
    this.wire.lost(this.#pings.expire(nowMs - this.#timeoutMs));
    this.app.lost(this.#pings.expireApp(nowMs - this.#timeoutMs));
    this.wire.lost(this.#pings.sent(nowMs));
    this.#liveness.controlPinged(nowMs);
    this.#pingedMs = nowMs;
    this.recorder.record("ping", nowMs);
  }

  /** An app ping was queued. */
  appPinged(ping: { readonly number: number; readonly timestamp: number }, nowMs: number): void {
    this.app.lost(this.#pings.appSent(ping.number, ping.timestamp, nowMs));
    this.#liveness.appPinged(nowMs);
    this.recorder.record("app_ping", nowMs);
  }

  /** An app ping found the queue full. */
  appPingSkipped(nowMs: number): void {
    this.recorder.record("app_ping_skipped", nowMs);
  }

  /** A message came. On the frame path: changes numbers, allocates nothing. */
  message(nowMs: number): void {
    this.#liveness.application(nowMs);
    this.#onFrame(nowMs);
  }

  /** The peer's own control ping came. */
  peerPing(nowMs: number): void {
    this.#liveness.transport(nowMs);
    this.#onFrame(nowMs);
  }

  /** A control pong came. */
  pong(payload: Uint8Array, nowMs: number): void {
    const time = this.#pings.pong(payload, nowMs);
    if (time === "unknown") this.#liveness.transport(nowMs);
    else this.#liveness.controlPong(nowMs);
    if (typeof time === "number") this.#onPong("wire", time, nowMs);
    else this.#unmatched(nowMs);
    this.#onFrame(nowMs);
  }

  /** An app pong came. */
  appPong(pong: AppPong, nowMs: number): void {
    const time = this.#pings.appPong(pong, nowMs);
    if (typeof time !== "number") return this.#unmatched(nowMs);
    this.#liveness.appPong(nowMs);
    this.#onPong("app", time, nowMs);
    this.#onFrame(nowMs);
  }

  /** A heartbeat was missed. */
  missed(nowMs: number): void {
    this.#health.timeout();
    this.recorder.record("missed", nowMs, this.#health.consecutiveTimeouts);
    this.#reportStatus(nowMs);
  }

  /** The connection has timed out. @param silentMs since its last sign of life */
  expired(nowMs: number, silentMs: number): void {
    const previous = this.liveness;
    this.wire.lost(this.#pings.expire(nowMs)); // no answer can come any more
    this.app.lost(this.#pings.expireApp(nowMs));
    this.#lastActiveLayer = this.#liveness.expire(nowMs - this.#timeoutMs);
    this.#changeLiveness(previous, nowMs, silentMs);
    this.#health.expire();
    this.#reportStatus(nowMs);
  }

  /** We stopped reading: no answer proves anything. */
  suspend(nowMs: number): void {
    this.#liveness.suspend();
    this.recorder.record("paused", nowMs);
  }

  /** We read again. */
  resume(nowMs: number): void {
    this.#liveness.resume();
    this.#pings.invalidateOutstanding();
    this.recorder.record("resumed", nowMs);
  }

  /**
   * Updates the liveness. MUST NOT be called while the server recovers from a stall.
   *
   * @param writingSinceMs when the batch in flight was written; Infinity when there is none
   */
  evaluate(nowMs: number, writingSinceMs: number): void {
    this.#liveness.writing(writingSinceMs, nowMs);
    this.#evaluate(nowMs);
  }

  /** When the liveness may change next without an event. */
  dueMs(nowMs: number): number {
    return this.#liveness.dueMs(nowMs);
  }

  /** The connection has ended; the figures stay, the listener is released. */
  end(nowMs: number, code: number): void {
    this.recorder.record("ended", nowMs, code);
    this.#listener = NO_LISTENER;
  }

  /**
   * A frame came: a missed heartbeat is cleared at once, since the wheel may call only a period later.
   * Misses are counted only for profiles in which any frame is a sign of life.
   */
  #onFrame(nowMs: number): void {
    if (this.liveness !== "alive") this.#evaluate(nowMs);
    if (this.#health.consecutiveTimeouts === 0) return;
    this.#health.answered();
    this.#reportStatus(nowMs);
  }

  #evaluate(nowMs: number): void {
    const previous = this.liveness;
    if (this.#liveness.evaluate(nowMs) !== previous) this.#changeLiveness(previous, nowMs);
  }

  #changeLiveness(previous: LivenessState, nowMs: number, silentMs?: number): void {
    this.recorder.record(`liveness_${this.liveness}`, nowMs, silentMs);
    this.#listener.livenessChanged(this.liveness, previous);
  }

  /** A time below 0 means that it is not known: see `PongTime`. */
  #onPong(kind: RttKind, rttMs: number, nowMs: number): void {
    const isKnown = rttMs >= 0;
    if (kind === "wire" && this.#isProvisional && !this.#isNew) this.#restart();
    this.recorder.record(kind === "wire" ? "pong" : "app_pong", nowMs, isKnown ? rttMs : NaN);
    this[kind].sample(rttMs);
    if (isKnown) this.#listener.measured(kind, rttMs);
    if (this[kind] !== this.rtt) return;
    this.#health.sample(this.rtt.averageMs);
    this.#reportStatus(nowMs);
  }

  #restart(): void {
    this.#isProvisional = false;
    this.wire.restart();
    this.#health.restart();
  }

  #unmatched(nowMs: number): void {
    this.recorder.record("pong_unmatched", nowMs);
    this.#listener.pongUnmatched();
  }

  #reportStatus(nowMs: number): void {
    const { status } = this;
    if (status !== this.#statusSeen) {
      const previous = this.#statusSeen;
      this.#statusSeen = status;
      const averageMs = this.rtt.averageMs ?? undefined;
      const value = status === "timeout" ? this.#health.consecutiveTimeouts : averageMs;
      this.recorder.record(`status_${status}`, nowMs, value);
      this.#listener.statusChanged(status, previous);
    }
    if (this.#isNew || status === this.#statusDecided) return;
    const previous = this.#statusDecided;
    this.#statusDecided = status;
    this.#listener.healthChanged(status, previous);
  }
}
