/**
 * How many may be in, and how many may come in at once: connections overall and per address, and
 * upgrades a second. Pure; time is an argument.
 *
 * @module
 */

import { RateLimit } from "./rate_limit.ts";

/** All limits: 0 = off. */
export interface AdmissionLimits {
  /** Open at the same time. */
  readonly maxConnections: number;
  /** Open at the same time from one address. */
  readonly maxConnectionsPerAddress: number;
  /** Let in a second, in the long run; the burst is twice that. */
  readonly maxUpgradesPerSecond: number;
}

/** Why a request does not get in. */
export type Refusal = "too many connections" | "too many from this address" | "too many at once";

/** See the module. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #rate: RateLimit;
  readonly #perAddress = new Map<string, number>();
  #open = 0;

  /** Starts with nobody in. @param nowMs monotonic time */
  constructor(limits: AdmissionLimits, nowMs: number) {
    this.#limits = limits;
    this.#rate = new RateLimit(limits.maxUpgradesPerSecond, nowMs);
  }

  /** How many are in. */
  get open(): number {
    return this.#open;
  }

  /**
   * Lets one in, or says why not. Each that got in must `leave()` once.
   *
   * @param address empty where there is none (a unix socket): exempt from the limit per address
   */
  enter(address: string, nowMs: number): Refusal | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    if (maxConnections > 0 && this.#open >= maxConnections) return "too many connections";
    const fromHere = this.#perAddress.get(address) ?? 0;
    if (maxConnectionsPerAddress > 0 && address !== "" && fromHere >= maxConnectionsPerAddress) {
      return "too many from this address";
    }
    if (!this.#rate.take(nowMs)) return "too many at once";
    this.#open++;
    this.#perAddress.set(address, fromHere + 1);
    return undefined;
  }

  /** One has gone. */
  leave(address: string): void {
    this.#open--;
    const fromHere = (this.#perAddress.get(address) ?? 0) - 1;
    if (fromHere > 0) this.#perAddress.set(address, fromHere);
    else this.#perAddress.delete(address);
  }
}
