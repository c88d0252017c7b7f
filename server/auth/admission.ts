/**
 * Limits of connections overall, per address and per key, and of upgrades a second. Pure; time is an
 * argument. A connection that replaces another one is counted together with it for a while.
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

/** Why a permit cannot be claimed. */
export type NoClaim = Extract<RejectionReason, "too_many_for_key" | "too_many_from_address">;

/** A connection and the one that replaces it are counted once for so long, ms. */
const REPLACE_MS = 10_000;

/** Two connections that are counted once. */
interface Pair {
  /** The one that is counted. */
  readonly replaced: Permit;
  readonly replacement: Permit;
  /** Until when, monotonic ms. */
  readonly untilMs: number;
}

/** For a connection that is open, or whose credential is being checked. */
export class Permit {
  readonly #counts: Counts;
  readonly #client: string;
  #key = "";
  /** Empty where it is under no limit: then its replacement needs no exemption. */
  #id = "";
  #isLimited = false;
  #isReleased = false;
  #pair: Pair | undefined;

  /** Counts it, unless it replaces another one. @param nowMs monotonic time */
  constructor(counts: Counts, client: string, nowMs: number, replaced?: Permit) {
    this.#counts = counts;
    this.#client = client;
    counts.open++;
    if (replaced === undefined) {
      counts.byAddress.add(client);
      return;
    }
    this.#pair = { replaced, replacement: this, untilMs: nowMs + REPLACE_MS };
    replaced.#pair = this.#pair;
    counts.pairs.add(this.#pair);
    counts.replacementsByAddress.add(client);
  }

  /** Whether another one may replace it: one at a time, and none that is not counted itself. */
  get isReplaceable(): boolean {
    return this.#pair === undefined;
  }

  get #isCounted(): boolean {
    return this.#pair?.replacement !== this;
  }

  /**
   * Counts it for the key. Called once at most.
   *
   * @param nowMs monotonic time
   * @returns the limit that is reached, if one is; then the permit is to be released
   */
  claim(
    { keyId = "", maxConnections = this.#counts.limits.maxConnectionsPerKey }: Grant,
    nowMs: number,
  ): NoClaim | undefined {
    const { byKey, byAddress, limits: { maxConnectionsPerAddress } } = this.#counts;
    settle(this.#counts, nowMs);
    if (!this.#isCounted && !this.#hasUserOf(this.#pair!.replaced, keyId)) {
      const count = byAddress.count(this.#client);
      if (reached(count, maxConnectionsPerAddress)) return "too_many_from_address";
      this.count();
    }
    const others = byKey.count(keyId) - (this.#isCounted ? 0 : 1);
    if (reached(others, maxConnections)) return "too_many_for_key";
    this.#key = keyId;
    if (this.#isCounted) byKey.add(keyId);
    this.#isLimited = maxConnections > 0 || maxConnectionsPerAddress > 0;
    return undefined;
  }

  /** From now on a connection whose request names this id may replace it. */
  opened(id: string): void {
    if (this.#isLimited && !this.#isReleased) this.#counts.byId.set(this.#id = id, this);
  }

  /** Counts a replacement beside the one that it replaces. */
  count(): void {
    this.#part();
    this.#counts.byAddress.add(this.#client);
    this.#counts.byKey.add(this.#key);
  }

  /** Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const { byAddress, byKey, byId } = this.#counts;
    this.#counts.open--;
    byId.delete(this.#id);
    if (!this.#isCounted) return this.#part();
    this.#pair?.replacement.count();
    byAddress.remove(this.#client);
    byKey.remove(this.#key);
  }

  /** On an open hub, which knows no users, a user is an address. */
  #hasUserOf(other: Permit, keyId: string): boolean {
    return other.#key === keyId && (keyId !== "" || other.#client === this.#client);
  }

  #part(): void {
    const { pairs, replacementsByAddress } = this.#counts;
    const pair = this.#pair!;
    pairs.delete(pair);
    replacementsByAddress.remove(this.#client);
    pair.replaced.#pair = this.#pair = undefined;
  }
}

/** What the permits that are out add up to. */
interface Counts {
  readonly limits: AdmissionLimits;
  open: number;
  readonly byAddress: KeyedCounter;
  readonly byKey: KeyedCounter;
  /** Those that can be replaced. */
  readonly byId: Map<string, Permit>;
  /** The oldest first. */
  readonly pairs: Set<Pair>;
  readonly replacementsByAddress: KeyedCounter;
}

export class Admission {
  readonly #rate: RateLimit;
  readonly #counts: Counts;

  /** @param nowMs monotonic time */
  constructor(limits: AdmissionLimits, nowMs: number) {
    this.#rate = new RateLimit(limits.maxUpgradesPerSecond, nowMs);
    this.#counts = {
      limits,
      open: 0,
      byAddress: new KeyedCounter(),
      byKey: new KeyedCounter(),
      byId: new Map(),
      pairs: new Set(),
      replacementsByAddress: new KeyedCounter(),
    };
  }

  /** How many permits are out. */
  get open(): number {
    return this.#counts.open;
  }

  /**
   * A permit, or why there is none. Each permit must be released.
   *
   * A connection that replaces another one of the same user is counted together with that one until
   * that one is released, for `REPLACE_MS` at most. None replaces another where a limit is exceeded
   * already, so no key and no address ever has more than twice its limit.
   *
   * @param address empty where there is none (a unix socket): exempt from the limit per address
   * @param nowMs monotonic time
   * @param replaces the id of the connection that it replaces, as the request says
   */
  enter(address: string, nowMs: number, replaces?: string): Permit | NoPermit {
    const client = clientOf(address);
    const { open, byAddress, limits: { maxConnections, maxConnectionsPerAddress } } = this.#counts;
    settle(this.#counts, nowMs);
    if (reached(open, maxConnections)) return "too_many_connections";
    const replaced = replaces === undefined ? undefined : this.#replaceable(replaces, client);
    if (replaced === undefined && reached(byAddress.count(client), maxConnectionsPerAddress)) {
      return "too_many_from_address";
    }
    if (!this.#rate.take(nowMs)) return "too_many_at_once";
    return new Permit(this.#counts, client, nowMs, replaced);
  }

  /** The permit of a connection that a client may replace; of which user is not known yet. */
  #replaceable(id: string, client: string): Permit | undefined {
    const { byId, byAddress, replacementsByAddress, limits } = this.#counts;
    const { maxConnectionsPerAddress: limit } = limits;
    const permit = byId.get(id);
    const isExceeded = reached(byAddress.count(client) - 1, limit) ||
      reached(replacementsByAddress.count(client), limit);
    return permit?.isReplaceable && !isExceeded ? permit : undefined;
  }
}

/** Counts the replacements whose time is over. */
function settle({ pairs }: Counts, nowMs: number): void {
  for (const { replacement, untilMs } of pairs) {
    if (nowMs < untilMs) return;
    replacement.count();
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
