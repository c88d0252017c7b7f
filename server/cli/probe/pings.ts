/**
 * The probe's pings of one kind: which are open, and the figures of all. Owns their deadlines; does
 * not know how a ping is written.
 *
 * @module
 */

import type { Cancel, Clock } from "../../base/clock.ts";
import { rounded, RttEstimator } from "../../liveness/rtt.ts";

/** What became of all pings of one kind. Times are in ms, null until there is one. */
export interface PingFigures {
  /** Pings written. */
  readonly sent: number;
  /** Those of them that were answered in time. */
  readonly answered: number;
  /** Not answered in time, or open when the peer ended the connection. */
  readonly lost: number;
  /** Lost ones of those decided, %. */
  readonly lossPercent: number | null;
  /** The shortest time. */
  readonly minMs: number | null;
  /** The mean of all. */
  readonly averageMs: number | null;
  /** The longest time. */
  readonly maxMs: number | null;
  /** The population standard deviation of all. */
  readonly deviationMs: number | null;
  /** J of RFC 3550 section 6.4.1. */
  readonly jitterMs: number | null;
}

/** A ping that was answered. */
export interface Answered {
  /** Which, from 1. */
  readonly seq: number;
  /** The time from write to answer. */
  readonly rttMs: number;
}

interface OpenPing {
  readonly seq: number;
  readonly sentMs: number;
  readonly forget: Cancel;
}

export class ProbePings {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onLost: (seq: number) => void;
  readonly #open = new Map<string, OpenPing>();
  readonly #rtt = new RttEstimator();
  #sent = 0;
  #answered = 0;
  #lost = 0;
  /** Welford's running mean and sum of squares: the estimator's own are of its window. */
  #mean = 0;
  #squares = 0;
  #maxMs = 0;

  /**
   * None yet.
   *
   * @param timeoutMs an answer that takes longer is none
   * @param onLost called for each ping without one
   */
  constructor(clock: Clock, timeoutMs: number, onLost: (seq: number) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onLost = onLost;
  }

  /** A ping is about to be written. @param id what its answer will name */
  send(id: string): void {
    const seq = ++this.#sent;
    const forget = this.#clock.after(this.#timeoutMs, () => {
      this.#lose(id);
      this.#onLost(seq);
    });
    this.#open.set(id, { seq, sentMs: this.#clock.now(), forget });
  }

  /**
   * An answer came.
   *
   * @param id what it names; the oldest open ping for an answer that names none
   * @returns undefined when it answers no open ping: it is late, repeated or was never asked for
   */
  answer(id: string | undefined = this.#open.keys().next().value): Answered | undefined {
    const ping = id === undefined ? undefined : this.#open.get(id);
    if (ping === undefined) return undefined;
    this.#open.delete(id!);
    ping.forget();
    const rttMs = this.#clock.now() - ping.sentMs;
    this.#rtt.sample(rttMs);
    const distance = rttMs - this.#mean;
    this.#mean += distance / ++this.#answered;
    this.#squares += distance * (rttMs - this.#mean);
    this.#maxMs = Math.max(this.#maxMs, rttMs);
    return { seq: ping.seq, rttMs };
  }

  /** How many may still be answered. */
  get open(): number {
    return this.#open.size;
  }

  /** No answer can come any more: the peer has gone. */
  loseAll(): void {
    for (const id of [...this.#open.keys()]) this.#lose(id);
  }

  /** Waits for no answer any more; what is open is neither answered nor lost. */
  forgetAll(): void {
    for (const { forget } of this.#open.values()) forget();
    this.#open.clear();
  }

  /** The figures so far. */
  get figures(): PingFigures {
    const { lossRatio, minMs, jitterMs } = this.#rtt;
    const some = this.#answered > 0;
    return {
      sent: this.#sent,
      answered: this.#answered,
      lost: this.#lost,
      lossPercent: lossRatio === null ? null : rounded(lossRatio * 100),
      minMs: rounded(minMs),
      averageMs: some ? rounded(this.#mean) : null,
      maxMs: some ? rounded(this.#maxMs) : null,
      deviationMs: some ? rounded(Math.sqrt(this.#squares / this.#answered)) : null,
      jitterMs: rounded(jitterMs),
    };
  }

  #lose(id: string): void {
    this.#open.get(id)?.forget();
    this.#open.delete(id);
    this.#rtt.lost();
    this.#lost++;
  }
}
