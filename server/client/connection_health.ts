/**
 * What is known of one connection's health: round-trip times, heartbeats outstanding, a status, the
 * two kinds of life, and the last events. Told of everything by the pulse and the read pump; judges
 * by the rooms of liveness/, and tells its watcher of changes.
 *
 * @module
 */

import { FlightRecorder } from "../liveness/flight_recorder.ts";
import type { HeartbeatRules } from "../liveness/heartbeat.ts";
import { HealthMonitor, type HealthStatus } from "../liveness/health.ts";
import { Life, type LifeState, type Survivor } from "../liveness/liveness.ts";
import { type AppPong, PingLedger } from "../liveness/outstanding_pings.ts";
import { RttEstimator, type RttKind } from "../liveness/rtt.ts";
import { NOBODY, type VitalsWatcher } from "./health_listener.ts";

/** What one connection's vitals are made of. */
export interface VitalsOptions {
  /** Marks its app pings. */
  readonly clientId: string;
  /** Its birth, time on the wheel, ms. */
  readonly nowMs: number;
  /** In [0, 1): marks its control pings. */
  readonly random: number;
  /** Its timing. */
  readonly rules: HeartbeatRules;
  /** Who is told. */
  readonly watcher: VitalsWatcher;
}

/** See the module. All times are the wheel's, ms. */
export class Vitals {
  /** Round trips of control pings. */
  readonly wire: RttEstimator = new RttEstimator();
  /** Round trips of app pings: through our queue and the peer's script. */
  readonly app: RttEstimator = new RttEstimator();
  /** The last events. */
  readonly recorder: FlightRecorder;
  readonly #pings: PingLedger;
  readonly #health: HealthMonitor;
  readonly #life: Life;
  /** Nobody waits longer for an answer. */
  readonly #patienceMs: number;
  #watcher: VitalsWatcher;
  /** The last one that the watcher knows. */
  #statusSeen: HealthStatus = "unknown";
  #survivor: Survivor = "nothing";
  #pingedMs = -Infinity;

  /** Starts unknown and alive. */
  constructor({ clientId, nowMs, random, rules, watcher }: VitalsOptions) {
    const { pingPeriodMs, heartbeatTimeoutMs, pongWaitMs, health } = rules;
    this.recorder = new FlightRecorder(nowMs);
    this.#pings = new PingLedger(clientId, random);
    this.#health = new HealthMonitor(health);
    this.#life = new Life(nowMs, heartbeatTimeoutMs);
    this.#patienceMs = Math.min(pongWaitMs, Math.max(pingPeriodMs, heartbeatTimeoutMs));
    this.#watcher = watcher;
    this.recorder.record("opened", nowMs);
  }

  /** How it is, in a word. */
  get status(): HealthStatus {
    return this.#health.status;
  }

  /** How it lives. */
  get life(): LifeState {
    return this.#life.state;
  }

  /** The round trips that health goes by: the wire's, except where control frames do not pass. */
  get rtt(): RttEstimator {
    return this.wire.samples > 0 && this.#life.countsControlPings ? this.wire : this.app;
  }

  /** How much longer an answer takes through queue and script, ms; null unless both are known. */
  get queueDelayMs(): number | null {
    const [app, wire] = [this.app.averageMs, this.wire.averageMs];
    return app === null || wire === null || this.rtt === this.app ? null : Math.max(0, app - wire);
  }

  /** What of it still lived when it was convicted: it had shown itself within our patience. */
  get survivor(): Survivor {
    return this.#survivor;
  }

  /** When a sign of its transport came, or a ping of ours went, last. */
  get lastHeardOrPingedMs(): number {
    return Math.max(this.#life.transportMs, this.#pingedMs);
  }

  /** The payload of the next control ping. */
  payload(): Uint8Array {
    return this.#pings.payload();
  }

  /** A control ping was written. */
  pinged(nowMs: number): void {
    this.wire.lost(this.#pings.expire(nowMs - this.#patienceMs));
    this.app.lost(this.#pings.expireApp(nowMs - this.#patienceMs));
    this.wire.lost(this.#pings.sent(nowMs));
    this.#life.controlPinged(nowMs);
    this.#pingedMs = nowMs;
    this.recorder.record("ping", nowMs);
  }

  /** An app ping was queued. */
  appPinged(ping: { readonly number: number; readonly timestamp: number }, nowMs: number): void {
    this.app.lost(this.#pings.appSent(ping.number, ping.timestamp, nowMs));
    this.#life.appPinged(nowMs);
    this.recorder.record("app_ping", nowMs);
  }

  /** An app ping found the queue full. */
  appPingSkipped(nowMs: number): void {
    this.recorder.record("app_ping_skipped", nowMs);
  }

  /** A message came. On the frame path: moves numbers. */
  message(nowMs: number): void {
    this.#life.application(nowMs);
    this.#heard(nowMs);
  }

  /** The peer's own control ping came. */
  peerPing(nowMs: number): void {
    this.#life.transport(nowMs);
    this.#heard(nowMs);
  }

  /** A control pong came. */
  pong(payload: Uint8Array, nowMs: number): void {
    const time = this.#pings.pong(payload, nowMs);
    if (time === "unknown") this.#life.transport(nowMs);
    else this.#life.controlPong(nowMs);
    if (typeof time === "number") this.#answered("wire", time, nowMs);
    else this.#odd(nowMs);
    this.#heard(nowMs);
  }

  /** An app pong came. */
  appPong(pong: AppPong, nowMs: number): void {
    const time = this.#pings.appPong(pong, nowMs);
    if (typeof time !== "number") return this.#odd(nowMs);
    this.#life.appPong(nowMs);
    this.#answered("app", time, nowMs);
    this.#heard(nowMs);
  }

  /** A heartbeat was missed. */
  missed(nowMs: number): void {
    this.#health.timeout();
    this.recorder.record("missed", nowMs, this.#health.consecutiveTimeouts);
    this.#follow(nowMs);
  }

  /** The heartbeat has convicted it. @param silentMs since its last sign of life */
  convicted(nowMs: number, silentMs: number): void {
    const previous = this.life;
    this.#survivor = this.#life.convict(nowMs - this.#patienceMs);
    this.#liveOtherwise(previous, nowMs, silentMs);
    this.#health.die();
    this.#follow(nowMs);
  }

  /** We stopped reading: no answer proves anything. */
  suspend(nowMs: number): void {
    this.#life.suspend();
    this.recorder.record("paused", nowMs);
  }

  /** We read again. */
  resume(nowMs: number): void {
    this.#life.resume();
    this.#pings.distrust();
    this.recorder.record("resumed", nowMs);
  }

  /**
   * Looks how it lives; not while the server recovers from a stall.
   *
   * @param writingSinceMs when the batch in flight was written; Infinity when there is none
   */
  look(nowMs: number, writingSinceMs: number): void {
    this.#life.writing(writingSinceMs, nowMs);
    this.#look(nowMs);
  }

  /** When time alone may change how it lives. */
  dueMs(nowMs: number): number {
    return this.#life.dueMs(nowMs);
  }

  /** It has gone; what is known is kept, who was told of changes is let go. */
  end(nowMs: number, code: number): void {
    this.recorder.record("ended", nowMs, code);
    this.#watcher = NOBODY;
  }

  /**
   * Something came: who was missed need not wait for the wheel, which may be a period away. Misses
   * are counted only in systems where whatever arrives is a sign of life.
   */
  #heard(nowMs: number): void {
    if (this.life !== "alive") this.#look(nowMs);
    if (this.#health.consecutiveTimeouts === 0) return;
    this.#health.alive();
    this.#follow(nowMs);
  }

  #look(nowMs: number): void {
    const previous = this.life;
    if (this.#life.look(nowMs) !== previous) this.#liveOtherwise(previous, nowMs);
  }

  #liveOtherwise(previous: LifeState, nowMs: number, silentMs?: number): void {
    this.recorder.record(`life_${this.life}`, nowMs, silentMs);
    this.#watcher.lifeChanged(this.life, previous);
  }

  /** A time below 0 is none: see `PongTime`. */
  #answered(kind: RttKind, rttMs: number, nowMs: number): void {
    const isKnown = rttMs >= 0;
    this.recorder.record(kind === "wire" ? "pong" : "app_pong", nowMs, isKnown ? rttMs : NaN);
    this[kind].sample(rttMs);
    if (isKnown) this.#watcher.measured(kind, rttMs);
    if (this[kind] !== this.rtt) return;
    this.#health.sample(this.rtt.averageMs);
    this.#follow(nowMs);
  }

  #odd(nowMs: number): void {
    this.recorder.record("odd_pong", nowMs);
    this.#watcher.oddPong();
  }

  #follow(nowMs: number): void {
    const { status } = this;
    const previous = this.#statusSeen;
    if (status === previous) return;
    this.#statusSeen = status;
    const averageMs = this.rtt.averageMs ?? undefined;
    const value = status === "timeout" ? this.#health.consecutiveTimeouts : averageMs;
    this.recorder.record(`status_${status}`, nowMs, value);
    this.#watcher.healthChanged(status, previous);
  }
}
