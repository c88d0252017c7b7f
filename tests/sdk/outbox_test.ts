import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { DropReason, RequestError, Sendable } from "../../server/sdk/events.ts";
import { Outbox, type Sender } from "../../server/sdk/outbox.ts";
import { requestError } from "../../server/sdk/request_error.ts";
import { settingsOf } from "../../server/sdk/settings.ts";
import { withPage } from "../support/fakes/virtual_page.ts";

/** A connection that writes down what it takes. */
class FakeSender implements Sender {
  isOpen = true;
  readonly sent: Sendable[] = [];

  send(data: Sendable): boolean {
    if (this.isOpen) this.sent.push(data);
    return this.isOpen;
  }
}

function outbox(
  { messages = 256, bytes = 1_000, ageMs = 60_000, hasAnswers = true } = {},
) {
  const dropped: [Sendable, DropReason][] = [];
  const settings = settingsOf({
    outboxMessages: messages,
    outboxBytes: bytes,
    outboxAgeMs: ageMs,
  });
  const onDrop = (data: Sendable, reason: DropReason) => dropped.push([data, reason]);
  const box = new Outbox({ settings, hasAnswers, onDrop });
  const push = (data: unknown) => {
    box.push(data as Sendable);
    box.flush(undefined);
  };
  /** @returns what a new connection gets */
  const flush = () => {
    const sender = new FakeSender();
    box.flush(sender);
    return sender.sent;
  };
  /** Adds requests whose frame is their name. */
  const request = (...names: string[]) =>
    names.map((name) => {
      let id = "";
      const outcome: { value?: unknown; code?: string; text?: string } = {};
      box.request((given) => (id = given, name)).then(
        (value) => outcome.value = value ?? "sent",
        ({ code, message }) => Object.assign(outcome, { code, text: message }),
      );
      const answer = (result: unknown, error?: RequestError) =>
        box.answered({ kind: "answer", id, result, error });
      return { id, outcome, answer };
    });
  return { box, dropped, push, flush, request };
}

Deno.test("Outbox sends its messages in order, once", () => {
  const { dropped, push, flush } = outbox();
  for (const text of ["a", "b", "c"]) push(text);
  assertEquals(flush(), ["a", "b", "c"]);
  assertEquals(flush(), []);
  assertEquals(dropped, []);
});

Deno.test("Outbox keeps the newest messages in order, and reports each that it drops", () => {
  fc.assert(fc.property(fc.array(fc.string()), fc.nat(8), (texts, messages) => {
    const { dropped, push, flush } = outbox({ messages });
    for (const text of texts) push(text);
    const lost = Math.max(0, texts.length - messages);
    assertEquals(dropped, texts.slice(0, lost).map((text) => [text, "full"]));
    assertEquals(flush(), texts.slice(lost));
  }));
});

Deno.test("Outbox drops a message that is too old instead of sending it", () =>
  withPage(async (page) => {
    const { dropped, push, flush } = outbox({ ageMs: 1_000 });
    push("old");
    await page.pass(600);
    push("new");
    await page.pass(600); // old is 1.2 s old, new 0.6 s
    assertEquals(flush(), ["new"]);
    assertEquals(dropped, [["old", "expired"]]);
  }));

Deno.test("Outbox keeps a message that was not taken, and all after it", () => {
  const { box, push, flush } = outbox();
  for (const text of ["a", "b", "c"]) push(text);
  const sent: Sendable[] = [];
  const send = (data: Sendable) => data !== "b" && sent.push(data) > 0;
  box.flush({ isOpen: true, send });
  assertEquals(sent, ["a"]);
  assertEquals(flush(), ["b", "c"]);
});

Deno.test("Outbox keeps a copy of a buffer", () => {
  const { push, flush } = outbox();
  const bytes = new Uint8Array([0, 1, 2, 3]);
  push(bytes.subarray(1, 3));
  push(bytes.buffer);
  bytes.fill(9);
  const [part, whole] = flush() as ArrayBuffer[];
  assertEquals([...new Uint8Array(part)], [1, 2]);
  assertEquals([...new Uint8Array(whole)], [0, 1, 2, 3]);
});

Deno.test("Outbox counts its bytes, text as UTF-8", () => {
  const { box, push, flush } = outbox();
  push("é");
  push(new Blob(["abc"]));
  push(new Uint8Array(4));
  assertEquals(box.bytes, 9);
  flush();
  assertEquals(box.bytes, 0);
});

Deno.test("Outbox keeps the newest messages within its bytes", () => {
  const { box, dropped, push, flush } = outbox({ bytes: 8 });
  for (const text of ["four", "ééé", "x"]) push(text);
  assertEquals(dropped, [["four", "full"]]);
  push(new Uint8Array(3));
  assertEquals([dropped.at(-1), box.bytes], [["ééé", "full"], 4]);
  flush();
  push("12345678");
  assertEquals([dropped.length, box.bytes], [2, 8], "sent messages do not count");
});

Deno.test("Outbox drops a message that can never fit, not the others", () => {
  const { dropped, push, flush } = outbox({ bytes: 8 });
  push("small");
  push("much too big");
  assertEquals(dropped, [["much too big", "full"]]);
  assertEquals(flush(), ["small"]);
});

Deno.test("Outbox converts a value that is neither text nor bytes to text, as WebSocket does", () => {
  const { box, push, flush } = outbox();
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  for (const data of [42, {}, null, undefined, [1, [2]]]) push(data);
  push(shared);
  assertEquals(box.bytes, "42[object Object]nullundefined1,2".length + 2);
  assertEquals(flush().slice(0, 5), ["42", "[object Object]", "null", "undefined", "1,2"]);
});

Deno.test("Outbox drops all messages when it is closed", () => {
  const { box, dropped, push, flush } = outbox();
  push("a");
  box.close();
  assertEquals(dropped, [["a", "closed"]]);
  assertEquals(flush(), []);
});

Deno.test("Outbox keeps a request until it is answered, and sends it once on each connection", async () => {
  const { box, dropped, push, request } = outbox();
  const [first, second] = request("first", "second");
  push("text");
  const [third] = request("third");
  const [old, next] = [new FakeSender(), new FakeSender()];
  for (const _ of [1, 2]) box.flush(old);
  assertEquals(old.sent, ["first", "second", "text", "third"]);
  second.answer({ offset: 2 });
  push("later");
  for (const _ of [1, 2]) box.flush(next);
  assertEquals(next.sent, ["first", "third", "later"], "in order, before what is newer");
  for (const { answer } of [third, first, first, second]) answer(undefined);
  await Promise.resolve();
  assertEquals([first.outcome, second.outcome, third.outcome], [
    ...[{ value: "sent" }, { value: { offset: 2 } }, { value: "sent" }],
  ]);
  box.flush(new FakeSender());
  assertEquals([box.bytes, dropped], [0, []]);
});

Deno.test("Outbox rejects a request with the server's error", async () => {
  const { box, request, flush } = outbox();
  const [{ answer, outcome }] = request("a");
  box.flush(new FakeSender());
  answer(undefined, requestError("forbidden", "no right"));
  await Promise.resolve();
  assertEquals(outcome, { code: "forbidden", text: "no right" });
  assertEquals(flush(), []);
});

Deno.test("Outbox sends a refused request again, in its place", () => {
  const { box, request } = outbox();
  const [first, second] = request("first", "second");
  request("third");
  const sender = new FakeSender();
  box.flush(sender);
  box.refused(second.id);
  box.refused(first.id);
  for (const id of ["other", undefined, 3]) box.refused(id);
  box.flush(sender);
  assertEquals(sender.sent.slice(3), ["first", "second"]);
});

Deno.test("Outbox rejects each request that it drops, and says whether it was sent", async () => {
  const { box, dropped, push, request } = outbox({ messages: 2 });
  const sender = new FakeSender();
  const requests = request("a", "b");
  box.flush(sender);
  requests.push(...request("c"));
  box.flush(undefined); // `a` is the oldest
  sender.isOpen = false;
  requests.push(...request("d"));
  box.flush(undefined);
  push("text");
  box.close();
  await Promise.resolve();
  assertEquals(requests.map(({ outcome }) => outcome), [
    { code: "full", text: "No answer: full" },
    { code: "full", text: "No answer: full" },
    { code: "full", text: "Not sent: full" },
    { code: "closed", text: "Not sent: closed" },
  ]);
  assertEquals(
    dropped,
    [["b", "full"], ["c", "full"], ["d", "closed"], ["text", "closed"]],
    "not a: it is sent",
  );
});

Deno.test("Outbox counts a request that waits for its answer", async () => {
  const { box, dropped, push, request } = outbox({ bytes: 8 });
  const requests = request("1234", "5678");
  const sender = new FakeSender();
  box.flush(sender);
  push("x");
  assertEquals([box.bytes, dropped], [5, []], "the first one is given up, and was sent");
  requests.push(...request("larger than all"));
  box.flush(sender);
  await Promise.resolve();
  assertEquals(sender.sent, ["1234", "5678", "x", "larger than all"], "it can be sent at once");
  assertEquals(requests.map(({ outcome }) => outcome.text), [
    ...["No answer: full", undefined, "No answer: full"],
  ]);
});

Deno.test("Outbox gives up a request without an answer when it is too old", () =>
  withPage(async (page) => {
    const { box, dropped, request } = outbox({ ageMs: 1_000 });
    const [{ outcome }] = request("a");
    const sender = new FakeSender();
    box.flush(sender);
    await page.pass(1_000);
    box.flush(sender);
    assertEquals(outcome, {});
    await page.pass(1);
    box.flush(sender);
    await Promise.resolve();
    assertEquals([outcome, dropped], [{ code: "expired", text: "No answer: expired" }, []]);
  }));

Deno.test("Outbox is done with a request that it sent to a server without answers", async () => {
  const { box, request } = outbox({ hasAnswers: false });
  const requests = request("a", "b");
  const sender = new FakeSender();
  box.flush(undefined);
  await Promise.resolve();
  assertEquals(requests.map(({ outcome }) => outcome), [{}, {}]);
  box.flush(sender);
  await Promise.resolve();
  assertEquals(requests.map(({ outcome }) => outcome), [{ value: "sent" }, { value: "sent" }]);
  assertEquals([sender.sent, box.bytes], [["a", "b"], 0]);
});
