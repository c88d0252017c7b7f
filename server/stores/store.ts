/**
 * The Store port: data that outlives the process and is shared by all nodes. Every implementation
 * MUST pass tests/contracts/store_contract.ts.
 *
 * Entries belong to collections and expire. No method may return an expired entry, even before it is
 * deleted; it MUST be deleted eventually. All methods MAY reject when the store is unreachable, and
 * MUST NOT be called after `close()`.
 *
 * @module
 */

/** The longest id of an entry, UTF-8 bytes. */
export const MAX_ENTRY_ID_BYTES = 1_100;

export interface Entry {
  /** Unique in its collection: 1 to `MAX_ENTRY_ID_BYTES`. */
  readonly id: string;
  /** Any JSON value, up to 32 KiB. */
  readonly value: unknown;
  /** Wall-clock ms. */
  readonly expiresAtMs: number;
}

/** Stores entries until they expire. */
export interface Store {
  /**
   * Stores an entry; replaces one of the same id. Once it resolves, the entry MUST survive the end of
   * the process, if the store is persistent.
   */
  put(collection: string, entry: Entry): Promise<void>;
  /** Reads an entry. MUST see what any node has put before. */
  get(collection: string, id: string): Promise<Entry | undefined>;
  /** Removes and returns an entry. Of several callers, on any node, at most one MUST get it. */
  take(collection: string, id: string): Promise<Entry | undefined>;
  /** All entries of a collection, in any order. */
  list(collection: string): Promise<Entry[]>;
  /** Releases all resources. Idempotent. */
  close(): Promise<void>;
}
