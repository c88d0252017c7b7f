/**
 * The Store of all threads: the main thread has it open, once for the process.
 *
 * @module
 */

import { StartError } from "../base/errors.ts";
import type { KvLocation } from "../stores/kv.ts";
import type { Entry, Store } from "../stores/store.ts";
import type { PortLink } from "./port_link.ts";

type Method = Exclude<keyof Store, "close">;

/** A method of the store, and its arguments. */
type StoreCall = readonly [method: Method, ...args: unknown[]];

/** The end of a thread. */
export class HostedStore implements Store {
  readonly #link: PortLink;

  private constructor(link: PortLink) {
    this.#link = link;
  }

  /** @throws {StartError} when the main thread cannot open it */
  static async open(link: PortLink, location: KvLocation): Promise<HostedStore> {
    const problem = await link.ask<string | undefined>("open store", location);
    if (problem !== undefined) throw new StartError(problem);
    return new HostedStore(link);
  }

  put(collection: string, entry: Entry): Promise<void> {
    return this.#call("put", collection, entry);
  }

  get(collection: string, id: string): Promise<Entry | undefined> {
    return this.#call("get", collection, id);
  }

  take(collection: string, id: string): Promise<Entry | undefined> {
    return this.#call("take", collection, id);
  }

  list(collection: string): Promise<Entry[]> {
    return this.#call("list", collection);
  }

  /** The main thread closes it at the end of the process. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #call<T>(...call: StoreCall): Promise<T> {
    return this.#link.ask("store", call);
  }
}

/** The end of the main thread: opens the store where the first thread says that it is. */
export class StoreHost {
  readonly #open: (location: KvLocation) => Promise<Store>;
  #store: Promise<Store> | undefined;

  constructor(open: (location: KvLocation) => Promise<Store>) {
    this.#open = open;
  }

  /** Answers what a thread asks from now on. */
  attach({ link }: { readonly link: PortLink }): void {
    link.serve("open store", async (location: KvLocation) => {
      try {
        await (this.#store ??= this.#open(location));
        return undefined;
      } catch (error) {
        if (error instanceof StartError) return error.message;
        throw error;
      }
    });
    link.serve("store", async ([method, ...args]: StoreCall) => {
      const store = await this.#store!;
      return await (store[method] as (...args: unknown[]) => Promise<unknown>)(...args);
    });
  }

  async close(): Promise<void> {
    await this.#store?.then((store) => store.close(), () => {});
  }
}
