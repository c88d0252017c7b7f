/**
 * The connections of each key: of this node, and where the hub has several, of all by what they say to
 * each other. A node that cannot learn what the others have judges by its own.
 *
 * @module
 */

import type { Later } from "../brokers/broker.ts";
import type { KeyCount, SharedLimits } from "../brokers/shared_limits.ts";

/** Those of one key on this node. */
interface Own {
  counted: number;
  uncounted: number;
  /** Whether the key has had a limit here: then the others know. */
  isShared: boolean;
}

/** A connection of no key, the empty one, is not counted. */
export class KeyConnections {
  readonly #own = new Map<string, Own>();
  #limits: SharedLimits | undefined;

  /** From now on limits hold for all nodes. */
  share(limits: SharedLimits): void {
    this.#limits = limits;
  }

  /**
   * There is one more.
   *
   * @param options.isCounted whether it counts for the limit; if not, it is counted with another one
   * @param options.most of either kind; 0 = no limit
   * @returns false: too many; it must be removed all the same
   */
  add(
    key: string,
    { isCounted, most }: { readonly isCounted: boolean; readonly most: number },
  ): Later<boolean> {
    if (key === "") return true;
    const own = this.#own.get(key) ?? { counted: 0, uncounted: 0, isShared: false };
    this.#own.set(key, own);
    if (isCounted) own.counted++;
    else own.uncounted++;
    if (most > 0) return this.#judge(key, own, { counted: most, uncounted: most });
    this.#tell(key, own);
    return true;
  }

  /** There is one less. */
  remove(key: string, isCounted: boolean): void {
    const own = this.#own.get(key);
    if (own === undefined) return;
    if (isCounted) own.counted--;
    else own.uncounted--;
    if (own.counted + own.uncounted === 0) this.#own.delete(key);
    this.#tell(key, own);
  }

  /** One that was not counted is. */
  count(key: string): void {
    const own = this.#own.get(key);
    if (own === undefined) return;
    own.uncounted--;
    own.counted++;
    this.#tell(key, own);
  }

  /**
   * One that was counted is not: another one takes its place.
   *
   * @param most of either kind
   * @returns false: too many are not, or there is no place all the same; it must be counted again
   */
  uncount(key: string, most: number): Later<boolean> {
    const own = this.#own.get(key)!;
    own.counted--;
    own.uncounted++;
    return this.#judge(key, own, { counted: most - 1, uncounted: most });
  }

  #judge(key: string, own: Own, most: KeyCount): Later<boolean> {
    const { counted, uncounted } = own;
    if (counted > most.counted || uncounted > most.uncounted) return false;
    own.isShared = true;
    const answer = this.#limits?.count(key, { counted, uncounted, most });
    return answer instanceof Promise
      ? answer.then((isWithin) => isWithin !== false)
      : answer !== false;
  }

  #tell(key: string, { counted, uncounted, isShared }: Own): void {
    if (isShared) void this.#limits?.count(key, { counted, uncounted });
  }
}
