/**
 * How many may be in, and how many may come in at once: connections overall, per address and per
 * key, and upgrades a second. Pure; time is an argument.
 *
 * @module
 */

import type { Grant } from "./grant.ts";
import { RateLimit } from "./rate_limit.ts";

/** All limits: 0 = off. */
export interface AdmissionLimits {
  /** Open at the same time. */
  readonly maxConnections: number;
  /** Open at the same time from one address. */
  readonly maxConnectionsPerAddress: number;
  /** Open at the same time with one key, unless the key has a limit of its own. */
  readonly maxConnectionsPerKey: number;
  /** Let in a second, in the long run; the burst is twice that. */
  readonly maxUpgradesPerSecond: number;
}

/** Who wants in, or has gone. */
export interface Entrant {
  /** Empty where there is none (a unix socket): exempt from the limit per address. */
  readonly address: string;
  /** What it came with. */
  readonly grant: Grant;
}

/** Why a request does not get in. */
export type Refusal =
  | "too many connections"
  | "too many from this address"
  | "too many for this key"
  | "too many at once";

/** See the module. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #rate: RateLimit;
  readonly #byAddress = new HeadCount();
  readonly #byKey = new HeadCount();
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

  /** Lets one in, or says why not. Each that got in must `leave()` once. */
  enter({ address, grant, nowMs }: Entrant & { readonly nowMs: number }): Refusal | undefined {
    const { maxConnections, maxConnectionsPerAddress, maxConnectionsPerKey } = this.#limits;
    const { keyId = "", maxConnections: maxOfKey = maxConnectionsPerKey } = grant;
    if (reached(this.#open, maxConnections)) return "too many connections";
    if (reached(this.#byAddress.count(address), maxConnectionsPerAddress)) {
      return "too many from this address";
    }
    if (reached(this.#byKey.count(keyId), maxOfKey)) return "too many for this key";
    if (!this.#rate.take(nowMs)) return "too many at once";
    this.#open++;
    this.#byAddress.add(address);
    this.#byKey.add(keyId);
  }

  /** One has gone. */
  leave({ address, grant }: Entrant): void {
    this.#open--;
    this.#byAddress.remove(address);
    this.#byKey.remove(grant.keyId ?? "");
  }
}

function reached(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}

/** How many of each name are in; the empty name is not counted. */
class HeadCount {
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
