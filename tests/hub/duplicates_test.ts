import { assert, assertEquals } from "@std/assert";
import { withWorld, type WorldOptions } from "../support/fakes/world.ts";

const SESSION = "0123456789abcdef";

/** Publishes one after the other, each on a connection. @returns offset and repeat of each answer */
async function publishAll(
  options: WorldOptions,
  publications: readonly { by: number; keyId?: string; passMs?: number; message: object }[],
): Promise<unknown[]> {
  const answers: unknown[] = [];
  await withWorld({ history: {}, ...options }, async (world) => {
    const peers = publications.map(({ keyId }) => world.connect({ grant: { keyId } }));
    const reader = world.connect();
    reader.socket.say({ type: "subscribe", channel: "c" });
    for (const { by, passMs = 0, message } of publications) {
      await world.clock.pass(passMs);
      peers[by].socket.say({ type: "publish", channel: "c", data: answers.length, ...message });
      await world.clock.turnOver();
      const answer = peers[by].socket.messages.findLast(({ type }) => type !== "ping")!;
      answers.push(answer.type === "published" ? [answer.offset, answer.duplicate] : answer.code);
    }
    const got = reader.socket.messages.filter(({ type }) => type === "message");
    const first = answers.filter((answer) => Array.isArray(answer) && answer[1] === undefined);
    assertEquals(got.map(({ offset }) => offset), first.map((answer) => (answer as unknown[])[0]));
    const repeats = answers.length - first.length;
    assertEquals(world.hub.duplicates, answers.every(Array.isArray) ? repeats : 0);
  });
  return answers;
}

Deno.test("An id without a session counts within its connection", async () => {
  const message = { id: "1" };
  assertEquals(
    await publishAll({}, [{ by: 0, message }, { by: 0, message }, { by: 1, message }]),
    [[1, undefined], [1, true], [2, undefined]],
  );
});

Deno.test("An id with a session counts across connections of its user", async () => {
  const message = { id: "1", session: SESSION };
  const other = { id: "1", session: `${SESSION}x` };
  assertEquals(
    await publishAll({}, [
      { by: 0, keyId: "k", message },
      { by: 1, keyId: "k", message },
      { by: 2, keyId: "another", message },
      { by: 3, keyId: undefined, message },
      { by: 0, message: other },
      { by: 0, message: { id: "1" } },
    ]),
    [[1, undefined], [1, true], [2, undefined], [3, undefined], [4, undefined], [5, undefined]],
  );
});

Deno.test("A repeat counts within its channel, and for DEDUPE_MS", async () => {
  const message = { id: "1" };
  assertEquals(
    await publishAll({ history: { dedupeMs: 10_000 } }, [
      { by: 0, message },
      { by: 0, message, passMs: 9_000 },
      { by: 0, message, passMs: 2_000 },
      { by: 0, message },
    ]),
    [[1, undefined], [1, true], [2, undefined], [2, true]],
  );
});

Deno.test("With DEDUPE_MS=0 every publication is delivered", async () => {
  const message = { id: "1", session: SESSION };
  assertEquals(
    await publishAll({ history: { dedupeMs: 0 } }, [{ by: 0, message }, { by: 1, message }]),
    [[1, undefined], [2, undefined]],
  );
});

Deno.test("No two publishers have the same key, whatever their ids, sessions and users are", async () => {
  const at = (by: number, keyId: string, session: string, id: string) => (
    { by, keyId, message: { id, session } }
  );
  const answers = await publishAll({}, [
    at(0, "a", `${SESSION}`, "b1"),
    at(1, "ab", `${SESSION}`, "1"),
    at(2, "b", `${SESSION}a`, "1"),
    at(3, "", `${SESSION}ab`, "1"),
    at(4, "1:a", `${SESSION}`, "1"),
  ]);
  assertEquals(answers, [1, 2, 3, 4, 5].map((offset) => [offset, undefined]));
});

Deno.test("An id or a session that is none is bad_message, and nothing is delivered", async () => {
  const bad = [
    { id: "x".repeat(129) },
    { id: 1 },
    { session: SESSION },
    { id: "1", session: "short" },
    { id: "1", session: "x".repeat(65) },
    { id: "1", session: 7 },
  ];
  const answers = await publishAll({}, bad.map((message) => ({ by: 0, message })));
  assertEquals(answers, bad.map(() => "bad_message"));
});

Deno.test("A hub without history knows repeats, too", () =>
  withWorld({ history: { historyMessages: 0 } }, async (world) => {
    const { socket } = world.connect();
    for (let i = 0; i < 2; i++) {
      socket.say({ type: "publish", channel: "c", data: 1, id: "1" });
    }
    await world.clock.turnOver();
    const [, ...answers] = socket.messages;
    assertEquals(answers.map(({ offset, duplicate }) => [offset, duplicate]), [
      [undefined, undefined],
      [undefined, true],
    ]);
    assert(world.history!.bytes > 0);
  }));
