/**
 * A TCP relay to one port, as a process of its own, so that its clock is not that of a busy test. It
 * forwards until a connection's time has come and then never again, in neither direction, while its
 * sockets stay open: what a cable does that is pulled out, or a phone that drives into a tunnel.
 *
 * It says its port in the first line. A number on stdin makes every connection of that moment drop
 * at a random moment within so many ms. When all have dropped it says how each went (see `Drop`).
 *
 * @module
 */

import type { Drop } from "./dropping_relay.ts";
import { writeAll } from "./plain_http.ts";

const CLIENT_ID = /"clientId":"([^"]+)"/;

const target = Number(Deno.args[0]);
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const relayed = new Set<Relayed>();

class Relayed {
  dropped = false;
  /** As the welcome says it. */
  id = "";
  /** When bytes were last passed to the server: see `Drop`. */
  lastByteMs = { from: 0, to: 0 };

  async forward(client: Deno.Conn, server: Deno.Conn): Promise<void> {
    await Promise.all([
      this.#pass(client, async (bytes) => {
        const from = Date.now();
        await writeAll(server, bytes);
        this.lastByteMs = { from, to: Date.now() };
      }),
      this.#pass(server, async (bytes) => {
        if (this.id === "") this.id = CLIENT_ID.exec(new TextDecoder().decode(bytes))?.[1] ?? "";
        await writeAll(client, bytes);
      }),
    ]);
  }

  async #pass(from: Deno.Conn, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const buffer = new Uint8Array(2_048);
    for (;;) {
      const count = await from.read(buffer);
      if (this.dropped) return;
      if (count === null) throw new Error("ended before it was dropped");
      await write(buffer.subarray(0, count));
    }
  }
}

async function relay(client: Deno.Conn): Promise<void> {
  const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
  const mine = new Relayed();
  relayed.add(mine);
  await mine.forward(client, server).catch(() => {
    if (!mine.dropped) relayed.delete(mine); // that the server gives up later is no news
  });
}

async function obey(): Promise<void> {
  for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    await Promise.all([...relayed].map((each) => drop(each, Math.random() * Number(line))));
    const drops = [...relayed].map(({ id, lastByteMs }): Drop => ({ id, lastByteMs }));
    console.log(JSON.stringify(drops));
  }
}

async function drop(each: Relayed, afterMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  each.dropped = true;
}

console.log((listener.addr as Deno.NetAddr).port);
void obey();
for await (const client of listener) void relay(client);
