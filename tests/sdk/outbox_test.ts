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

Deno.test("Outbox sends its messages in order, once", () => {
  const { box, dropped, flush } = outbox();
  for (const text of ["a", "b", "c"]) box.push(text);
  assertEquals(flush(), ["a", "b", "c"]);
  assertEquals(flush(), []);
  assertEquals(dropped, []);
});

Deno.test("Outbox keeps the newest messages in order, and reports each that it drops", () => {
  fc.assert(fc.property(fc.array(fc.string()), fc.nat(8), (texts, messages) => {
    const { box, dropped, flush } = outbox({ messages });
    for (const text of texts) box.push(text);
    const lost = Math.max(0, texts.length - messages);
    assertEquals(dropped, texts.slice(0, lost).map((text) => [text, "full"]));
    assertEquals(flush(), texts.slice(lost));
  }));
});

Deno.test("Outbox drops a message that is too old instead of sending it", () =>
  withPage(async (page) => {
    const { box, dropped, flush } = outbox({ ageMs: 1_000 });
    box.push("old");
    await page.pass(600);
    box.push("new");
    await page.pass(600); // old is 1.2 s old, new 0.6 s
    assertEquals(flush(), ["new"]);
    assertEquals(dropped, [["old", "expired"]]);
  }));

Deno.test("Outbox keeps a message that was not taken, and all after it", () => {
  const { box, flush } = outbox();
  for (const text of ["a", "b", "c"]) box.push(text);
  const sent: Sendable[] = [];
  box.flush((data) => data !== "b" && sent.push(data) > 0);
  assertEquals(sent, ["a"]);
  assertEquals(flush(), ["b", "c"]);
});

Deno.test("Outbox keeps a copy of a buffer", () => {
  const { box, flush } = outbox();
  const bytes = new Uint8Array([0, 1, 2, 3]);
  box.push(bytes.subarray(1, 3));
  box.push(bytes.buffer);
  bytes.fill(9);
  const [part, whole] = flush() as ArrayBuffer[];
  assertEquals([...new Uint8Array(part)], [1, 2]);
  assertEquals([...new Uint8Array(whole)], [0, 1, 2, 3]);
});

Deno.test("Outbox counts its bytes, text as UTF-8", () => {
  const { box, flush } = outbox();
  box.push("é");
  box.push(new Blob(["abc"]));
  box.push(new Uint8Array(4));
  assertEquals(box.bytes, 9);
  flush();
  assertEquals(box.bytes, 0);
});

Deno.test("Outbox keeps the newest messages within its bytes", () => {
  const { box, dropped, flush } = outbox({ bytes: 8 });
  for (const text of ["four", "ééé", "x"]) box.push(text);
  assertEquals(dropped, [["four", "full"]]);
  box.push(new Uint8Array(3));
  assertEquals([dropped.at(-1), box.bytes], [["ééé", "full"], 4]);
  flush();
  box.push("12345678");
  assertEquals([dropped.length, box.bytes], [2, 8], "sent messages do not count");
});

Deno.test("Outbox drops a message that can never fit, not the others", () => {
  const { box, dropped, flush } = outbox({ bytes: 8 });
  box.push("small");
  box.push("much too big");
  assertEquals(dropped, [["much too big", "full"]]);
  assertEquals(flush(), ["small"]);
});

Deno.test("Outbox converts a value that is neither text nor bytes to text, as WebSocket does", () => {
  const { box, flush } = outbox();
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  for (const data of [42, {}, null, undefined, [1, [2]]]) box.push(data as never);
  box.push(shared);
  assertEquals(box.bytes, "42[object Object]nullundefined1,2".length + 2);
  assertEquals(flush().slice(0, 5), ["42", "[object Object]", "null", "undefined", "1,2"]);
});

Deno.test("Outbox drops all messages when it is closed", () => {
  const { box, dropped, flush } = outbox();
  box.push("a");
  box.close();
  assertEquals(dropped, [["a", "closed"]]);
  assertEquals(flush(), []);
});
