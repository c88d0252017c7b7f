import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../server/base/clock.ts";
import { StartError } from "../../server/base/errors.ts";
import { KvStore } from "../../server/stores/kv.ts";
import { HostedStore, StoreHost } from "../../server/threads/hosted_store.ts";
import { PortLink } from "../../server/threads/port_link.ts";
import { testStore } from "../contracts/store_contract.ts";

const MEMORY = { kind: "memory" } as const;

/** The ends of ports to one store. */
class Links implements Disposable {
  readonly #links: PortLink[] = [];

  /** Makes a port. @returns the end of a thread */
  add(host: StoreHost): PortLink {
    const { port1, port2 } = new MessageChannel();
    const [main, thread] = [port1, port2].map((port) => new PortLink(port, systemClock));
    host.attach({ link: main });
    this.#links.push(main, thread);
    return thread;
  }

  [Symbol.dispose](): void {
    for (const link of this.#links) link.close();
  }
}

testStore("HostedStore", () => {
  const links = new Links();
  let host: StoreHost | undefined;
  return Promise.resolve({
    shared: true,
    open: (clock) => {
      host ??= new StoreHost((location) => KvStore.open(location, clock));
      return HostedStore.open(links.add(host), MEMORY);
    },
    async [Symbol.asyncDispose]() {
      links[Symbol.dispose]();
      await host?.close();
    },
  });
});

Deno.test("HostedStore.open() says why the main thread cannot open the store", async () => {
  using links = new Links();
  const host = new StoreHost(() => Promise.reject(new StartError("Cannot start: no room")));
  const opening = HostedStore.open(links.add(host), MEMORY);
  assertEquals((await assertRejects(() => opening, StartError)).message, "Cannot start: no room");
  await host.close();
});
