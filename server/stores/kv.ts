/**
 * The Store on Deno KV: in memory, in a file, or the database that Deno Deploy manages. A file is for
 * one process at a time: with two that write at once, one fails with `database is locked`.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { StartError } from "../base/errors.ts";
import type { Entry, Store } from "./store.ts";

/** The file in `DATA_DIR`. */
const FILE_NAME = "systole.kv";

/** What to do where the permissions forbid the folder. */
const NOT_ALLOWED = "; `deno task start` may write below data/ only: set DATA_DIR=data, or start " +
  "`deno run` with --allow-write for another folder";

/** Where the database is. */
export type KvLocation =
  | { readonly kind: "memory" }
  /** A folder; created when it does not exist. */
  | { readonly kind: "folder"; readonly path: string }
  /** The database of this app on Deno Deploy. */
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

  /** @throws {StartError} when the database cannot be opened */
  static async open(location: KvLocation, clock: Clock): Promise<KvStore> {
    try {
      return new KvStore(await openKv(location), clock);
    } catch (cause) {
      const what = location.kind === "folder" ? `DATA_DIR ${location.path}` : "Deno KV";
      const why = cause instanceof Error ? cause.message : String(cause);
      const advice = cause instanceof Deno.errors.NotCapable ? NOT_ALLOWED : "";
      throw new StartError(`Cannot start: cannot keep data in ${what}: ${why}${advice}`, { cause });
    }
  }

  async put(collection: string, { id, value, expiresAtMs }: Entry): Promise<void> {
    // KV deletes seconds too late: that only frees space, #unexpired() decides.
    const expireIn = Math.max(1, Math.ceil(expiresAtMs - this.#clock.wall()));
    await this.#kv.set([collection, id], { value, expiresAtMs } satisfies StoredValue, {
      expireIn,
    });
  }

  async get(collection: string, id: string): Promise<Entry | undefined> {
    return this.#unexpired(await this.#kv.get<StoredValue>([collection, id]));
  }

  async take(collection: string, id: string): Promise<Entry | undefined> {
    const found = await this.#kv.get<StoredValue>([collection, id]);
    const entry = this.#unexpired(found);
    if (entry === undefined) return undefined;
    // Of all callers that found the same version, the check succeeds for one.
    const { ok } = await this.#kv.atomic().check(found).delete(found.key).commit();
    return ok ? entry : undefined;
  }

  async list(collection: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    for await (const found of this.#kv.list<StoredValue>({ prefix: [collection] })) {
      const entry = this.#unexpired(found);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  close(): Promise<void> {
    if (!this.#closed) this.#kv.close();
    this.#closed = true;
    return Promise.resolve();
  }

  #unexpired({ key, value: stored }: Deno.KvEntryMaybe<StoredValue>): Entry | undefined {
    return stored !== null && this.#clock.wall() < stored.expiresAtMs
      ? { id: String(key[1]), ...stored }
      : undefined;
  }
}

async function openKv(location: KvLocation): Promise<Deno.Kv> {
  if (location.kind === "managed") return await Deno.openKv();
  if (location.kind === "memory") return await Deno.openKv(":memory:");
  await Deno.mkdir(location.path, { recursive: true });
  return await Deno.openKv(`${location.path}/${FILE_NAME}`);
}
