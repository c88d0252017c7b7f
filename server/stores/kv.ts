/**
 * The Store on Deno KV: in memory, in a file, or the database that Deno Deploy manages. A file
 * serves one process at a time: two that write at once get `database is locked`.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { StartError } from "../base/errors.ts";
import type { Entry, Store } from "./store.ts";

/** The file in `DATA_DIR`. */
const FILE_NAME = "systole.kv";

/** Where the entries lie. */
export type KvLocation =
  | { readonly kind: "memory" }
  /** A folder; made when it is not there. */
  | { readonly kind: "folder"; readonly path: string }
  /** The database that belongs to this app on Deno Deploy. */
  | { readonly kind: "managed" };

type StoredValue = Omit<Entry, "id">;

export class KvStore implements Store {
  readonly #kv: Deno.Kv;
  readonly #clock: Clock;
  #closed = false;

  private constructor(kv: Deno.Kv, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  /**
   * Opens the database.
   *
   * @throws {StartError} when that cannot be done
   */
  static async open(place: KvLocation, clock: Clock): Promise<KvStore> {
    try {
      return new KvStore(await openKv(place), clock);
    } catch (cause) {
      const what = place.kind === "folder" ? `DATA_DIR ${place.path}` : "Deno KV";
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StartError(`Cannot start: cannot keep data in ${what}: ${why}`, { cause });
    }
  }

  async put(collection: string, { id, value, expiresAtMs }: Entry): Promise<void> {
    // KV deletes late by seconds: that only tidies up, #live() decides.
    const expireIn = Math.max(1, Math.ceil(expiresAtMs - this.#clock.wall()));
    await this.#kv.set([collection, id], { value, expiresAtMs } satisfies StoredValue, {
      expireIn,
    });
  }

  async get(collection: string, id: string): Promise<Entry | undefined> {
    return this.#live(await this.#kv.get<StoredValue>([collection, id]));
  }

  async take(collection: string, id: string): Promise<Entry | undefined> {
    const found = await this.#kv.get<StoredValue>([collection, id]);
    const entry = this.#live(found);
    if (entry === undefined) return undefined;
    // The check fails for all but one of those that read the same version.
    const { ok } = await this.#kv.atomic().check(found).delete(found.key).commit();
    return ok ? entry : undefined;
  }

  async list(collection: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    for await (const found of this.#kv.list<StoredValue>({ prefix: [collection] })) {
      const entry = this.#live(found);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  close(): Promise<void> {
    if (!this.#closed) this.#kv.close();
    this.#closed = true;
    return Promise.resolve();
  }

  #live({ key, value: kept }: Deno.KvEntryMaybe<StoredValue>): Entry | undefined {
    return kept !== null && this.#clock.wall() < kept.expiresAtMs
      ? { id: String(key[1]), ...kept }
      : undefined;
  }
}

async function openKv(place: KvLocation): Promise<Deno.Kv> {
  if (place.kind === "managed") return await Deno.openKv();
  if (place.kind === "memory") return await Deno.openKv(":memory:");
  await Deno.mkdir(place.path, { recursive: true });
  return await Deno.openKv(`${place.path}/${FILE_NAME}`);
}
