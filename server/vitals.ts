/**
 * What is known of one connection's health: round-trip times, heartbeats outstanding, a status, the
 * two kinds of life, and the last events. Told of everything by the pulse and the read pump; judges
 * by the rooms of liveness/, and tells its watcher of changes.
 *
 * @module
 */

import { FlightRecorder } from "./liveness/flight_recorder.ts";
import type { HeartbeatRules } from "./liveness/heartbeat.ts";
import { HealthMonitor, type HealthStatus } from "./liveness/health.ts";
import { Life, type LifeState } from "./liveness/life.ts";
import { type AppPong, PingLedger } from "./liveness/pings.ts";
import { RttEstimator } from "./liveness/rtt.ts";

/** Which way a time was measured: by control frames alone, or through queue and script. */
export type RttKind = "wire" | "app";

/** Who is told. */
export interface VitalsWatcher {
  /** A heartbeat was answered. */
  measured(kind: RttKind, rttMs: number): void;
  /** A pong answered none of our pings. */
  oddPong(): void;
  /** The status has changed. */
  healthChanged(status: HealthStatus, previous: HealthStatus): void;
  /** It lives in another way. */
  lifeChanged(state: LifeState, previous: LifeState): void;
}

const NOBODY: VitalsWatcher = { measured() {}, oddPong() {}, healthChanged() {}, lifeChanged() {} };

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
  /** An answer that takes longer than a period is a lost one. */
  readonly #patienceMs: number;
  #watcher: VitalsWatcher;
  #lifeSeen: LifeState = "alive";
  #wasFrozen = false;
  #pingedMs = -Infinity;

  /** Starts unknown and alive. */
  constructor({ clientId, nowMs, random, rules, watcher }: VitalsOptions) {
    this.recorder = new FlightRecorder(nowMs);
    this.#pings = new PingLedger(clientId, random);
    this.#health = new HealthMonitor({ ...rules.health, deadTimeouts: 0 }); // the heartbeat convicts
    this.#life = new Life(nowMs, rules.heartbeatTimeoutMs);
    this.#patienceMs = rules.pingPeriodMs;
    this.#watcher = watcher;
    this.recorder.record("opened", nowMs);
  }

  /** How it is, in a word. */
  get status(): HealthStatus {
    return this.#health.status;
  }

  /** How it lives. */
  get life(): LifeState {
    return this.#lifeSeen;
  }

  /** How much longer an answer takes through queue and script than on the wire, ms. */
  get queueDelayMs(): number | null {
    const [app, wire] = [this.app.averageMs, this.wire.averageMs];
    return app === null || wire === null ? null : Math.max(0, app - wire);
  }

  /** Whether its transport still lived when it was convicted: it answered within a period. */
  get wasFrozen(): boolean {
    return this.#wasFrozen;
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
    this.#lost(this.wire, this.#pings.expire(nowMs - this.#patienceMs));
    this.#lost(this.app, this.#pings.expireApp(nowMs - this.#patienceMs));
    this.#lost(this.wire, this.#pings.sent(nowMs));
    this.#life.controlPinged(nowMs);
    this.#pingedMs = nowMs;
    this.recorder.record("ping", nowMs);
  }

  /** An app ping was queued. */
  appPinged(ping: { readonly number: number; readonly timestamp: number }, nowMs: number): void {
    this.#lost(this.app, this.#pings.appSent(ping.number, ping.timestamp, nowMs));
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
    this.#lookAgain(nowMs);
    if (this.#health.consecutiveTimeouts > 0) {
      this.#follow(this.status, this.#health.alive(), nowMs);
    }
  }

  /** The peer's own control ping came. */
  peerPing(nowMs: number): void {
    this.#life.transport(nowMs);
    this.#lookAgain(nowMs);
  }

  /** A control pong came. */
  pong(payload: Uint8Array, nowMs: number): void {
    const rttMs = this.#pings.pong(payload, nowMs);
    if (rttMs === "unknown") {
      this.peerPing(nowMs);
      return this.#odd(nowMs);
    }
    this.#life.controlPong(nowMs);
    this.#lookAgain(nowMs);
    this.recorder.record("pong", nowMs, rttMs);
    this.wire.sample(rttMs);
    if (rttMs >= 0) this.#watcher.measured("wire", rttMs);
    this.#follow(this.status, this.#health.sample(this.wire.averageMs, nowMs), nowMs);
  }

  /** An app pong came. */
  appPong(pong: AppPong, nowMs: number): void {
    const rttMs = this.#pings.appPong(pong, nowMs);
    if (rttMs === "unknown") return this.#odd(nowMs);
    this.#life.appPong(nowMs);
    this.#lookAgain(nowMs);
    this.recorder.record("app_pong", nowMs, rttMs);
    this.app.sample(rttMs);
    if (rttMs >= 0) this.#watcher.measured("app", rttMs);
    // The wire says more, where control frames pass.
    if (this.wire.samples > 0) return;
    this.#follow(this.status, this.#health.sample(this.app.averageMs, nowMs), nowMs);
  }

  /** A heartbeat was missed. */
  missed(nowMs: number): void {
    this.recorder.record("missed", nowMs, this.#health.consecutiveTimeouts + 1);
    if (!this.#life.countsControlPings) return; // something swallows them
    this.#follow(this.status, this.#health.timeout(), nowMs);
  }

  /** The heartbeat has convicted it. @param silentMs since its last sign of life */
  convicted(nowMs: number, silentMs: number): void {
    this.#wasFrozen = nowMs - this.#life.transportMs < this.#patienceMs;
    this.#life.convict();
    this.#liveAs("dead", nowMs, silentMs);
    this.#follow(this.status, this.#health.die(), nowMs);
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

  /** Looks how it lives; not while the server recovers from a stall. */
  look(nowMs: number): void {
    const state = this.#life.look(nowMs);
    if (state !== this.#lifeSeen) this.#liveAs(state, nowMs);
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

  /** Who was missed and has come back need not wait for the wheel, which may be a period away. */
  #lookAgain(nowMs: number): void {
    if (this.#lifeSeen !== "alive") this.look(nowMs);
  }

  #liveAs(state: LifeState, nowMs: number, silentMs?: number): void {
    const previous = this.#lifeSeen;
    this.#lifeSeen = state;
    this.recorder.record(`life_${state}`, nowMs, silentMs);
    this.#watcher.lifeChanged(state, previous);
  }

  #odd(nowMs: number): void {
    this.recorder.record("odd_pong", nowMs);
    this.#watcher.oddPong();
  }

  #lost(estimator: RttEstimator, count: number): void {
    for (let i = 0; i < count; i++) estimator.lost();
  }

  /** Arguments are read from left to right: `before` is from before the judgement. */
  #follow(before: HealthStatus, status: HealthStatus | undefined, nowMs: number): void {
    if (status === undefined) return;
    const averageMs = this.wire.averageMs ?? this.app.averageMs ?? undefined;
    const value = status === "timeout" ? this.#health.consecutiveTimeouts : averageMs;
    this.recorder.record(`status_${status}`, nowMs, value);
    this.#watcher.healthChanged(status, before);
  }
}
