/**
 * Limits of connections overall, per address and per key, and of upgrades a second. Pure; time is an
 * argument.
 *
 * A permit is taken before the credential is checked, so that guessing is bounded, too, and a client
 * that is rejected for a limit still has its ticket.
 *
 * @module
 */

import { clientOf } from "../base/subnet.ts";
import type { RejectionReason } from "../close_codes.ts";
import type { Grant } from "./grant.ts";
import { RateLimit } from "./rate_limit.ts";

/** All limits: 0 = off. */
export interface AdmissionLimits {
  /** Open at the same time. */
  readonly maxConnections: number;
  /** Open at the same time from one address; an IPv6 client counts by its /64. */
  readonly maxConnectionsPerAddress: number;
  /** Open at the same time with one key, unless the key has a limit of its own. */
  readonly maxConnectionsPerKey: number;
  /** Upgrades a second, in the long run; the burst is twice that. */
  readonly maxUpgradesPerSecond: number;
}

/** Why there is no permit. */
export type NoPermit = Extract<
  RejectionReason,
  "too_many_connections" | "too_many_from_address" | "too_many_at_once"
>;

/** For a connection that is open, or whose credential is being checked. */
export class Permit {
  readonly #counts: Counts;
  readonly #client: string;
  #key = "";
  #isReleased = false;

  /** Counts it. */
  constructor(counts: Counts, client: string) {
    this.#counts = counts;
    this.#client = client;
    counts.open++;
    counts.byAddress.add(client);
  }

  /**
   * Counts it for the key. Called once at most.
   *
   * @returns false when the key's limit is reached; then the permit is to be released
   */
  claim({ keyId = "", maxConnections = this.#counts.maxConnectionsPerKey }: Grant): boolean {
    const { byKey } = this.#counts;
    if (reached(byKey.count(keyId), maxConnections)) return false;
    byKey.add(this.#key = keyId);
    return true;
  }

  /** Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#counts.open--;
    this.#counts.byAddress.remove(this.#client);
    this.#counts.byKey.remove(this.#key);
  }
}

/** What the permits that are out add up to. */
interface Counts {
  open: number;
  readonly byAddress: KeyedCounter;
  readonly byKey: KeyedCounter;
  /** For keys without a limit of their own. */
  readonly maxConnectionsPerKey: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #rate: RateLimit;
  readonly #counts: Counts;

  /** @param nowMs monotonic time */
  constructor(limits: AdmissionLimits, nowMs: number) {
    this.#limits = limits;
    this.#rate = new RateLimit(limits.maxUpgradesPerSecond, nowMs);
    this.#counts = {
      open: 0,
      byAddress: new KeyedCounter(),
      byKey: new KeyedCounter(),
      maxConnectionsPerKey: limits.maxConnectionsPerKey,
    };
  }

  /** How many permits are out. */
  get open(): number {
    return this.#counts.open;
  }

  /**
   * A permit, or why there is none. Each permit must be released.
   *
   * @param address empty where there is none (a unix socket): exempt from the limit per address
   * @param nowMs monotonic time
   */
  enter(address: string, nowMs: number): Permit | NoPermit {
    const client = clientOf(address);
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    if (reached(this.#counts.open, maxConnections)) return "too_many_connections";
    if (reached(this.#counts.byAddress.count(client), maxConnectionsPerAddress)) {
      return "too_many_from_address";
    }
    if (!this.#rate.take(nowMs)) return "too_many_at_once";
    return new Permit(this.#counts, client);
  }
}

function reached(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}

/** A count for each name; the empty name is not counted. */
class KeyedCounter {
  readonly #counts = new Map<string, number>();

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string): void {
    if (name !== "") this.#counts.set(name, this.count(name) + 1);
  }

  remove(name: string): void {
    const left = this.count(name) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}
