/**
 * The Store port: what must outlive the process, and be the same for all nodes. Every
 * implementation MUST pass tests/contracts/store_contract.ts.
 *
 * Entries lie in collections and each has an end. An entry whose end has come MUST NOT be given out
 * any more, by no method, however late it is really deleted; it MUST be deleted some time. All
 * methods MAY reject when the store cannot be reached, and MUST NOT be called after `close()`.
 *
 * @module
 */

/** The longest name of an entry, UTF-8 bytes. */
export const MAX_ENTRY_ID_BYTES = 1_100;

/** One thing that is kept. */
export interface Entry {
  /** Its name, unique in its collection: 1 to `MAX_ENTRY_ID_BYTES`. */
  readonly id: string;
  /** What is kept: anything that JSON can hold, up to 32 KiB. */
  readonly value: unknown;
  /** When it ends, wall-clock ms. */
  readonly expiresAtMs: number;
}

/** Keeps entries until they end. */
export interface Store {
  /**
   * Keeps an entry in place of one of the same id. When it resolves, the entry MUST survive the end
   * of the process, if this store survives it at all.
   */
  put(collection: string, entry: Entry): Promise<void>;
  /** Looks at an entry. MUST see what any node has put before. */
  get(collection: string, id: string): Promise<Entry | undefined>;
  /** Takes an entry out. Of several takers, on whatever node, MUST give it to one at most. */
  take(collection: string, id: string): Promise<Entry | undefined>;
  /** All entries of a collection, in any order. */
  list(collection: string): Promise<Entry[]>;
  /** Releases everything. Idempotent. */
  close(): Promise<void>;
}
