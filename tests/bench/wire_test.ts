import { assert, assertEquals } from "@std/assert";
import { CONTROL, fill, SOCKET_IO, SYSTOLE } from "./wire.ts";

const WIRES = { SYSTOLE, CONTROL, SOCKET_IO };

/** What Engine.IO sends first. */
const ENGINE_OPEN = '0{"sid":"';

for (const [name, wire] of Object.entries(WIRES)) {
  Deno.test(`${name}: the last character of the delivery's prefix is in no other text there`, () => {
    const at = wire.delivery.length - 1;
    for (const text of [wire.welcome, wire.subscribed, wire.ping.prefix, ENGINE_OPEN]) {
      assert(text[at] !== wire.delivery[at], text);
    }
  });

  Deno.test(`${name}: fill() leaves no placeholder in what is sent`, () => {
    const { fanout, own } = wire;
    for (const text of [fanout.subscribe ?? "", fanout.publish, own.subscribe, own.publish]) {
      assert(!fill(text, { channel: "c", data: "x" }).includes("$"), text);
    }
  });
}

Deno.test("fill() puts channel and data in", () => {
  assertEquals(
    fill(SYSTOLE.fanout.publish, { channel: "c", data: "xx" }),
    '{"type":"publish","channel":"c","data":"xx"}',
  );
});
