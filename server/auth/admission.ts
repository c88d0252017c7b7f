/**
 * Limits of connections overall, per address and per key, and of upgrades a second. Time is an argument.
 * A connection that replaces another one is counted together with it for a while. Where the hub has
 * several nodes, the limit per key holds for all of them together, and the connection that is replaced
 * may be on another one: the node that has it then counts it no more, for as long.
 *
 * A permit is taken before the credential is checked, so that guessing is bounded, too, and a client
 * that is rejected for a limit still has its ticket.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { clientOf } from "../base/subnet.ts";
import type { Later } from "../brokers/broker.ts";
import type { Nodes } from "../brokers/nodes.ts";
import type { SharedLimits } from "../brokers/shared_limits.ts";
import type { RejectionReason } from "../close_codes.ts";
import type { Grant } from "./grant.ts";
import { KeyConnections } from "./key_connections.ts";
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

/** What nodes ask each other. */
const REPLACED = "replaced";

/** What the nodes of a hub share. */
export interface SharedAdmission {
  readonly limits: SharedLimits;
  readonly nodes: Pick<Nodes, "ask" | "answer">;
  readonly clock: Pick<Clock, "now" | "after">;
}

/** A connection of a key that one on another node replaces. */
interface Replaced {
  readonly id: string;
  readonly key: string;
  /** How many connections the key may have. */
  readonly most: number;
}

/** Two connections that are counted once. */
interface Pair {
  /** The one that is counted. */
  readonly replaced: Permit;
  readonly replacement: Permit;
  /** Until when, monotonic ms. */
  readonly untilMs: number;
  /** Called when they are not any more. */
  readonly end: Cancel;
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
  /** The id of the connection that it replaces, which is not on this node. */
  #replaces: string | undefined;
  /** While a connection on another node is counted in its place. */
  #endElsewhere: Cancel | undefined;

  /** Counts it, unless it replaces another one. @param nowMs monotonic time */
  constructor(
    counts: Counts,
    { client, nowMs, replaced, replaces }: {
      readonly client: string;
      readonly nowMs: number;
      readonly replaced: Permit | undefined;
      readonly replaces: string | undefined;
    },
  ) {
    this.#counts = counts;
    this.#client = client;
    counts.open++;
    if (replaced === undefined) {
      counts.byAddress.add(client);
      if (!counts.byId.has(replaces ?? "")) this.#replaces = replaces;
      return;
    }
    this.#pair = {
      replaced,
      replacement: this,
      untilMs: nowMs + REPLACE_MS,
      end: settleLater(counts),
    };
    replaced.#pair = this.#pair;
    counts.pairs.add(this.#pair);
    counts.replacementsByAddress.add(client);
  }

  /** Whether another one may replace it: one at a time, and none that is not counted itself. */
  get isReplaceable(): boolean {
    return this.#pair === undefined && this.#endElsewhere === undefined;
  }

  get #isCounted(): boolean {
    return this.#pair?.replacement !== this;
  }

  /**
   * Counts it for the key. Called once at most. Later where other nodes are asked.
   *
   * @param nowMs monotonic time
   * @returns the limit that is reached, if one is; then the permit is to be released
   */
  claim(
    { keyId = "", maxConnections = this.#counts.limits.maxConnectionsPerKey }: Grant,
    nowMs: number,
  ): Later<NoClaim | undefined> {
    const { byAddress, shared, limits: { maxConnectionsPerAddress } } = this.#counts;
    settle(this.#counts, nowMs);
    if (!this.#isCounted && !this.#hasUserOf(this.#pair!.replaced, keyId)) {
      const count = byAddress.count(this.#client);
      if (reached(count, maxConnectionsPerAddress)) return "too_many_from_address";
      this.count();
    }
    this.#isLimited = maxConnections > 0 || maxConnectionsPerAddress > 0;
    const mayReplace = keyId !== "" && maxConnections > 0 && this.#replaces !== undefined;
    if (shared === undefined || !mayReplace) return this.#claimKey(keyId, maxConnections);
    const replaced: Replaced = { id: this.#replaces!, key: keyId, most: maxConnections };
    return shared.nodes.ask(REPLACED, replaced).then(() => this.#claimKey(keyId, maxConnections));
  }

  #claimKey(keyId: string, most: number): Later<NoClaim | undefined> {
    this.#key = keyId;
    const isWithin = this.#counts.byKey.add(keyId, { isCounted: this.#isCounted, most });
    return typeof isWithin === "boolean" ? noClaim(isWithin) : isWithin.then(noClaim);
  }

  /** From now on a connection whose request names this id may replace it. */
  opened(id: string): void {
    if (this.#isLimited && !this.#isReleased) this.#counts.byId.set(this.#id = id, this);
  }

  /** Counts a replacement beside the one that it replaces. */
  count(): void {
    this.#part();
    this.#counts.byAddress.add(this.#client);
    this.#counts.byKey.count(this.#key);
  }

  /** A connection of the key on another node replaces it, and is counted in its place for `REPLACE_MS`. */
  async replacedElsewhere({ key, most }: Replaced, clock: SharedAdmission["clock"]): Promise<void> {
    const { byKey } = this.#counts;
    if (key !== this.#key || !this.isReplaceable) return;
    const end = () => {
      cancel();
      this.#endElsewhere = undefined;
      byKey.count(key);
    };
    const cancel = clock.after(REPLACE_MS, end);
    this.#endElsewhere = end;
    const isUncounted = await byKey.uncount(key, most);
    if (!isUncounted) this.#endElsewhere?.();
  }

  /** Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const { byAddress, byKey, byId } = this.#counts;
    this.#counts.open--;
    byId.delete(this.#id);
    this.#endElsewhere?.();
    byKey.remove(this.#key, this.#isCounted);
    if (!this.#isCounted) return this.#part();
    this.#pair?.replacement.count();
    byAddress.remove(this.#client);
  }

  /** On an open hub, which knows no users, a user is an address. */
  #hasUserOf(other: Permit, keyId: string): boolean {
    return other.#key === keyId && (keyId !== "" || other.#client === this.#client);
  }

  #part(): void {
    const { pairs, replacementsByAddress } = this.#counts;
    const pair = this.#pair!;
    pair.end();
    pairs.delete(pair);
    replacementsByAddress.remove(this.#client);
    pair.replaced.#pair = this.#pair = undefined;
  }
}

/** What the permits that are out add up to. */
interface Counts {
  readonly limits: AdmissionLimits;
  /** Undefined where the hub has one node. */
  shared: SharedAdmission | undefined;
  open: number;
  readonly byAddress: KeyedCounter;
  readonly byKey: KeyConnections;
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
      shared: undefined,
      open: 0,
      byAddress: new KeyedCounter(),
      byKey: new KeyConnections(),
      byId: new Map(),
      pairs: new Set(),
      replacementsByAddress: new KeyedCounter(),
    };
  }

  /** From now on the limit per key holds for all nodes. */
  share(shared: SharedAdmission): void {
    this.#counts.shared = shared;
    this.#counts.byKey.share(shared.limits);
    shared.nodes.answer(REPLACED, async (replaced: Replaced) => {
      await this.#counts.byId.get(replaced.id)?.replacedElsewhere(replaced, shared.clock);
      return null;
    });
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
    return new Permit(this.#counts, { client, nowMs, replaced, replaces });
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

/** Other nodes must not wait for the next request here. */
function settleLater(counts: Counts): Cancel {
  const { shared } = counts;
  return shared?.clock.after(REPLACE_MS, () => settle(counts, shared.clock.now())) ?? (() => {});
}

function noClaim(isWithin: boolean): NoClaim | undefined {
  return isWithin ? undefined : "too_many_for_key";
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
