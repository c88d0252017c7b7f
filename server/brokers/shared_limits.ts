/**
 * The SharedLimits port: limits of keys that hold for all nodes of a hub together. Each node says how many
 * connections of a key it has, and takes shares of the messages that a key may send. What it says and gets
 * is JSON.
 *
 * @module
 */

import type { Later } from "./broker.ts";

/** The connections of a key on one node. */
export interface KeyCount {
  /** Those that count for the limit. */
  readonly counted: number;
  /** Those that do not for a while: each is counted together with another one. */
  readonly uncounted: number;
}

/** How many connections a key would have, and how many it may have. */
export interface CountRequest extends KeyCount {
  /** On all nodes together; undefined: it is not asked, but told. */
  readonly most?: KeyCount;
}

/** A part of the messages a minute that a name may have. */
export interface ShareRequest {
  /** How many are wanted. */
  readonly amount: number;
  /** How many all nodes together may take in any minute. */
  readonly perMinute: number;
}

export interface Share {
  /** How many were taken, from none to all that were wanted. */
  readonly granted: number;
  /** Where none was: when another request may have more, ms. */
  readonly waitMs: number;
}

/** No method may throw. */
export interface SharedLimits {
  /**
   * This node has so many connections of a key from now on, unless that is too many.
   *
   * @returns false: it is, and nothing has changed; undefined: it cannot be known now
   */
  count(key: string, request: CountRequest): Later<boolean | undefined>;
  /** Takes a share. @returns undefined: it cannot be known now */
  take(name: string, request: ShareRequest): Later<Share | undefined>;
}
