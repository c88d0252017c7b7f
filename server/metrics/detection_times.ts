/**
 * How soon dead peers are found, and how soon they must be: a histogram of each profile beside the
 * bound that is published for it.
 *
 * @module
 */

import type { Labels } from "./exposition.ts";
import { ascending, Histogram } from "./histogram.ts";

/** Bounds of buckets, s, to which each profile's own come. */
const SILENCES = [0.5, 1, 2, 5, 10, 15, 30, 45, 60, 90, 120, 300];

/** From a profile's bound to the next bucket's, ms: what is a little late must not look very late. */
const LITTLE_MS = 1_000;

/** When a profile's dead peers are found. */
export interface DetectionBounds {
  /** The profile's name. */
  readonly profile: string;
  /** Silence that ends a connection, ms. */
  readonly pongWaitMs: number;
  /** A dead peer is found within so long of its last sign of life, ms. */
  readonly boundMs: number;
}

export class Detection {
  /** The published bound of each profile. */
  readonly boundSeconds: Readonly<Record<string, number>>;
  readonly #buckets: readonly number[];
  readonly #histograms = new Map<string, Histogram>();

  /**
   * @param detectionBounds of all profiles that are served. Their waits and bounds are bounds of
   *   buckets, since a quantile is exact nowhere else; and all profiles have the same buckets, since
   *   only equal ones can be summed.
   */
  constructor(detectionBounds: readonly DetectionBounds[]) {
    const own = detectionBounds.flatMap(({ pongWaitMs, boundMs }) => [
      pongWaitMs,
      boundMs,
      boundMs + LITTLE_MS,
    ]);
    this.#buckets = ascending([...SILENCES, ...own.map((ms) => ms / 1_000)]);
    this.boundSeconds = Object.fromEntries(
      detectionBounds.map(({ profile, boundMs }) => [profile, boundMs / 1_000]),
    );
    for (const { profile } of detectionBounds) this.#of(profile);
  }

  /** A dead peer was found. @param silentMs from its last sign of life */
  add(profile: string, silentMs: number): void {
    this.#of(profile).add(silentMs / 1_000);
  }

  /** The histogram of each profile, seconds, with its labels. */
  get times(): [Labels, Histogram][] {
    return Array.from(this.#histograms, ([profile, histogram]) => [{ profile }, histogram]);
  }

  #of(profile: string): Histogram {
    let histogram = this.#histograms.get(profile);
    if (histogram === undefined) {
      this.#histograms.set(profile, histogram = new Histogram(this.#buckets));
    }
    return histogram;
  }
}
