/**
 * The probe's pings of one kind: those without an answer so far, and the figures of all. Owns their
 * timeouts; does not know how a ping is written.
 *
 * @module
 */

import type { Cancel, Clock } from "../../base/clock.ts";
import { rounded, RttEstimator } from "../../liveness/rtt.ts";

/** The figures of all pings of one kind. Times are in ms, null before the first answer. */
export interface PingFigures {
  /** Pings written. */
  readonly sent: number;
  /** Pings answered in time. */
  readonly answered: number;
  /** Pings not answered in time, or not before the peer closed the connection. */
  readonly lost: number;
  /** The share of lost pings among the answered and the lost ones, %. */
  readonly lossPercent: number | null;
  /** The shortest time. */
  readonly minMs: number | null;
  /** The mean. */
  readonly averageMs: number | null;
  /** The longest time. */
  readonly maxMs: number | null;
  /** The population standard deviation. */
  readonly deviationMs: number | null;
  /** J of RFC 3550 section 6.4.1. */
  readonly jitterMs: number | null;
}

/** An answered ping. */
export interface AnsweredPing {
  /** Its number, from 1. */
  readonly seq: number;
  /** The time from write to answer. */
  readonly rttMs: number;
}

interface OutstandingPing {
  readonly seq: number;
  readonly sentMs: number;
  readonly cancel: Cancel;
}

/** Matches answers with pings, and computes the figures. */
export class ProbePings {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onLost: (seq: number) => void;
  readonly #outstanding = new Map<string, OutstandingPing>();
  readonly #rtt = new RttEstimator();
  #sent = 0;
  #answered = 0;
  #lost = 0;
  /** Welford's running mean and sum of squares of all; the estimator has only those of its window. */
  #mean = 0;
  #squares = 0;
  #maxMs = 0;

  /**
   * Starts without pings.
   *
   * @param timeoutMs a ping without an answer after this time is lost
   * @param onLost called for each ping that times out
   */
  constructor(clock: Clock, timeoutMs: number, onLost: (seq: number) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onLost = onLost;
  }

  /** Records a ping before it is written. @param id the id that its answer will have */
  send(id: string): void {
    const seq = ++this.#sent;
    const cancel = this.#clock.after(this.#timeoutMs, () => {
      this.#lose(id);
      this.#onLost(seq);
    });
    this.#outstanding.set(id, { seq, sentMs: this.#clock.now(), cancel });
  }

  /**
   * Records an answer.
   *
   * @param id its id; an answer without one belongs to the oldest outstanding ping
   * @returns undefined if it matches no outstanding ping: it is late, repeated or unsolicited
   */
  answer(id: string | undefined = this.#outstanding.keys().next().value): AnsweredPing | undefined {
    const ping = id === undefined ? undefined : this.#outstanding.get(id);
    if (ping === undefined) return undefined;
    this.#outstanding.delete(id!);
    ping.cancel();
    const rttMs = this.#clock.now() - ping.sentMs;
    this.#rtt.sample(rttMs);
    const distance = rttMs - this.#mean;
    this.#mean += distance / ++this.#answered;
    this.#squares += distance * (rttMs - this.#mean);
    this.#maxMs = Math.max(this.#maxMs, rttMs);
    return { seq: ping.seq, rttMs };
  }

  /** The number of outstanding pings. */
  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** The peer has closed the connection: all outstanding pings are lost. */
  loseAll(): void {
    for (const id of [...this.#outstanding.keys()]) this.#lose(id);
  }

  /** The probe ends: outstanding pings are neither answered nor lost. */
  cancelAll(): void {
    for (const { cancel } of this.#outstanding.values()) cancel();
    this.#outstanding.clear();
  }

  /** The figures so far. */
  get figures(): PingFigures {
    const { lossRatio, minMs, jitterMs } = this.#rtt;
    const hasAnswer = this.#answered > 0;
    return {
      sent: this.#sent,
      answered: this.#answered,
      lost: this.#lost,
      lossPercent: lossRatio === null ? null : rounded(lossRatio * 100),
      minMs: rounded(minMs),
      averageMs: hasAnswer ? rounded(this.#mean) : null,
      maxMs: hasAnswer ? rounded(this.#maxMs) : null,
      deviationMs: hasAnswer ? rounded(Math.sqrt(this.#squares / this.#answered)) : null,
      jitterMs: rounded(jitterMs),
    };
  }

  #lose(id: string): void {
    this.#outstanding.get(id)?.cancel();
    this.#outstanding.delete(id);
    this.#rtt.lost();
    this.#lost++;
  }
}
