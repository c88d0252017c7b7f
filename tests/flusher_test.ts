import { Buffer } from "node:buffer";
import { assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { Flusher } from "../server/write_pump.ts";
import { VirtualClock } from "./support/fakes/virtual_clock.ts";

const frame = (...bytes: number[]): Uint8Array => Buffer.from(bytes);

Deno.test("mark() flushes each pump once, at the end of the turn, and the next turn anew", async () => {
  const clock = new VirtualClock();
  const flusher = new Flusher(clock);
  const order: string[] = [];
  const pump = (name: string) => ({ flush: () => void order.push(name) });
  flusher.mark(pump("a"));
  flusher.mark(pump("b"));
  assertEquals(order, []);
  await clock.turnOver();
  assertEquals(order, ["a", "b"]);
  flusher.mark(pump("c"));
  await clock.turnOver();
  assertEquals(order, ["a", "b", "c"]);
});

Deno.test("join() gives equal batches one buffer, different ones their own, one frame itself", () => {
  const flusher = new Flusher(new VirtualClock());
  const [a, b, c] = [frame(1), frame(2, 3), frame(4)];
  const first = flusher.join([a, b]);
  assertEquals(first, frame(1, 2, 3));
  assertStrictEquals(flusher.join([a, b]), first);
  assertEquals(flusher.join([b, a]), frame(2, 3, 1));
  assertNotEquals(flusher.join([a, c]), first);
  assertEquals(flusher.join([a, b, c]), frame(1, 2, 3, 4));
  assertStrictEquals(flusher.join([c]), c);
});
