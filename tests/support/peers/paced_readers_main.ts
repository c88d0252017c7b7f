/**
 * Subscribers that read only so many bytes a second. They count bytes and look at none, so that they are
 * quick, and answer no ping. Arguments: port, channel, how many, bytes a second of each. It says how many
 * bytes each has read, as JSON in a line: once all have subscribed, and at each text on stdin.
 *
 * @module
 */

import { delay } from "@std/async";
import { RawPeer } from "./raw_peer.ts";

const [port, channel, count, bytesPerSecond] = Deno.args;

class PacedReader {
  bytesRead = 0;

  static async start(): Promise<PacedReader> {
    const peer = await RawPeer.connect(() =>
      Deno.connect({ hostname: "127.0.0.1", port: Number(port) })
    );
    await peer.send({ type: "subscribe", channel });
    await peer.message("subscribed");
    const reader = new PacedReader();
    void reader.#read(peer.conn);
    return reader;
  }

  async #read(conn: Deno.Conn): Promise<void> {
    const startMs = performance.now();
    const buffer = new Uint8Array(65_536);
    for (let read = await conn.read(buffer); read !== null; read = await conn.read(buffer)) {
      this.bytesRead += read;
      const dueMs = startMs + this.bytesRead / Number(bytesPerSecond) * 1_000;
      if (dueMs > performance.now() + 5) await delay(dueMs - performance.now());
    }
  }
}

const readers = await Promise.all(Array.from({ length: Number(count) }, PacedReader.start));
const say = () => console.log(JSON.stringify(readers.map(({ bytesRead }) => bytesRead)));
say();
for await (const _ of Deno.stdin.readable) say();
