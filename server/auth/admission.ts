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
export interface Permit {
  /**
   * Counts it for the key. Called once at most.
   *
   * @returns false when the key's limit is reached; then the permit is to be released
   */
  claim(grant: Grant): boolean;
  /** Idempotent. */
  release(): void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #rate: RateLimit;
  readonly #byAddress = new KeyedCounter();
  readonly #byKey = new KeyedCounter();
  #open = 0;

  /** @param nowMs monotonic time */
  constructor(limits: AdmissionLimits, nowMs: number) {
    this.#limits = limits;
    this.#rate = new RateLimit(limits.maxUpgradesPerSecond, nowMs);
  }

  /** How many permits are out. */
  get open(): number {
    return this.#open;
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
    if (reached(this.#open, maxConnections)) return "too_many_connections";
    if (reached(this.#byAddress.count(client), maxConnectionsPerAddress)) {
      return "too_many_from_address";
    }
    if (!this.#rate.take(nowMs)) return "too_many_at_once";
    this.#open++;
    this.#byAddress.add(client);
    return this.#permitFor(client);
  }

  #permitFor(client: string): Permit {
    let key = "";
    let isReleased = false;
    return {
      claim: ({ keyId = "", maxConnections = this.#limits.maxConnectionsPerKey }) => {
        if (reached(this.#byKey.count(keyId), maxConnections)) return false;
        this.#byKey.add(key = keyId);
        return true;
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#open--;
        this.#byAddress.remove(client);
        this.#byKey.remove(key);
      },
    };
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
