import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { DropReason, Sendable } from "../../server/sdk/events.ts";
import { Outbox } from "../../server/sdk/outbox.ts";
import { settingsOf } from "../../server/sdk/settings.ts";
import { withPage } from "../support/fakes/virtual_page.ts";

function outbox({ messages = 256, bytes = 1_000, ageMs = 60_000 } = {}) {
  const dropped: [Sendable, DropReason][] = [];
  const limits = { outboxMessages: messages, outboxBytes: bytes, outboxAgeMs: ageMs };
  const box = new Outbox(settingsOf(limits), (data, reason) => dropped.push([data, reason]));
  const flush = () => {
    const sent: Sendable[] = [];
    box.flush((data) => sent.push(data) > 0);
    return sent;
  };
  return { box, dropped, flush };
}

Deno.test("Outbox hands out what it kept, in order, once", () => {
  const { box, dropped, flush } = outbox();
  for (const text of ["a", "b", "c"]) box.keep(text);
  assertEquals(flush(), ["a", "b", "c"]);
  assertEquals(flush(), []);
  assertEquals(dropped, []);
});

Deno.test("Outbox keeps the newest, in order, and tells of each that it dropped", () => {
  fc.assert(fc.property(fc.array(fc.string()), fc.nat(8), (texts, messages) => {
    const { box, dropped, flush } = outbox({ messages });
    for (const text of texts) box.keep(text);
    const lost = Math.max(0, texts.length - messages);
    assertEquals(dropped, texts.slice(0, lost).map((text) => [text, "full"]));
    assertEquals(flush(), texts.slice(lost));
  }));
});

Deno.test("Outbox drops what has waited too long instead of sending it", () =>
  withPage(async (page) => {
    const { box, dropped, flush } = outbox({ ageMs: 1_000 });
    box.keep("old");
    await page.pass(600);
    box.keep("new");
    await page.pass(600); // old is 1.2 s old, new 0.6 s
    assertEquals(flush(), ["new"]);
    assertEquals(dropped, [["old", "expired"]]);
  }));

Deno.test("Outbox keeps what was not taken, and what came after it", () => {
  const { box, flush } = outbox();
  for (const text of ["a", "b", "c"]) box.keep(text);
  const sent: Sendable[] = [];
  box.flush((data) => data !== "b" && sent.push(data) > 0);
  assertEquals(sent, ["a"]);
  assertEquals(flush(), ["b", "c"]);
});

Deno.test("Outbox keeps a buffer as it was when it was sent", () => {
  const { box, flush } = outbox();
  const bytes = new Uint8Array([0, 1, 2, 3]);
  box.keep(bytes.subarray(1, 3));
  box.keep(bytes.buffer);
  bytes.fill(9);
  const [part, whole] = flush() as ArrayBuffer[];
  assertEquals([...new Uint8Array(part)], [1, 2]);
  assertEquals([...new Uint8Array(whole)], [0, 1, 2, 3]);
});

Deno.test("Outbox counts its bytes, text as UTF-8", () => {
  const { box, flush } = outbox();
  box.keep("é");
  box.keep(new Blob(["abc"]));
  box.keep(new Uint8Array(4));
  assertEquals(box.bytes, 9);
  flush();
  assertEquals(box.bytes, 0);
});

Deno.test("Outbox keeps no more bytes than it may, the newest", () => {
  const { box, dropped, flush } = outbox({ bytes: 8 });
  for (const text of ["four", "ééé", "x"]) box.keep(text);
  assertEquals(dropped, [["four", "full"]]);
  box.keep(new Uint8Array(3));
  assertEquals([dropped.at(-1), box.bytes], [["ééé", "full"], 4]);
  flush();
  box.keep("12345678");
  assertEquals([dropped.length, box.bytes], [2, 8], "what was sent counts no more");
});

Deno.test("Outbox drops a message that can never fit, not the others for it", () => {
  const { box, dropped, flush } = outbox({ bytes: 8 });
  box.keep("small");
  box.keep("much too big");
  assertEquals(dropped, [["much too big", "full"]]);
  assertEquals(flush(), ["small"]);
});

Deno.test("Outbox takes for text what is neither text nor bytes, as WebSocket does", () => {
  const { box, flush } = outbox();
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  for (const data of [42, {}, null, undefined, [1, [2]]]) box.keep(data as never);
  box.keep(shared);
  assertEquals(box.bytes, "42[object Object]nullundefined1,2".length + 2);
  assertEquals(flush().slice(0, 5), ["42", "[object Object]", "null", "undefined", "1,2"]);
});

Deno.test("Outbox drops everything when it is closed", () => {
  const { box, dropped, flush } = outbox();
  box.keep("a");
  box.close();
  assertEquals(dropped, [["a", "closed"]]);
  assertEquals(flush(), []);
});
