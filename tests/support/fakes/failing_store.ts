/**
 * A Store that cannot be reached.
 *
 * @module
 */

import type { Store } from "../../../server/stores/store.ts";

const fail = () => Promise.reject(new Error("the store is gone"));

export const failingStore: Store = {
  put: fail,
  get: fail,
  take: fail,
  list: fail,
  close: () => Promise.resolve(),
};
