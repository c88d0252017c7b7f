import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { type Fixture, patternOf, replay, type Transcript } from "../support/peers/transcript.ts";

const FOLDER = new URL("../fixtures/", import.meta.url);

const fixtures: readonly Fixture[] = [...Deno.readDirSync(FOLDER)]
  .filter(({ name }) => name.endsWith(".json"))
  .map(({ name }) => JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER))));

const titled = fixtures.flatMap(({ profile, transcripts }) =>
  transcripts.map((transcript) => ({ ...transcript, title: `${profile}: ${transcript.name}` }))
);

for (const [env, transcripts] of Map.groupBy(titled, ({ env }) => JSON.stringify(env))) {
  integrationTest(`Golden transcripts are replayed byte for byte with env ${env}`, async () => {
    await using server = await ServerProcess.start({ env: JSON.parse(env) });
    for (const transcript of transcripts) {
      await replay(transcript, server.dial).catch((cause) => {
        throw new Error(`${transcript.title}: ${cause.message}`, { cause });
      });
    }
  });
}

Deno.test("Golden transcripts name their profile's source and are told apart by name", () => {
  for (const { profile, source, transcripts } of fixtures) {
    assertMatch(source, /documentation|messages\.md/, profile);
    const names = transcripts.map(({ name }) => name);
    assertEquals(names, [...new Set(names)], profile);
  }
});

integrationTest("replay() fails at a wrong frame and at one too many", async () => {
  await using server = await ServerProcess.start();
  const play = (steps: Transcript["steps"]) =>
    replay({ name: "", url: "/ws/json", headers: {}, env: {}, steps }, server.dial);
  const receive = '{"type":"welcome","clientId":"<uuid>","pingPeriodMs":54000,"pongWaitMs":60000}';
  const ping = { send: '{"type":"ping"}' };
  const pong = { receive: '{"type":"pong","serverTime":<ms>}' };
  const close = { close: { code: 1000, reason: "" } };
  await play([{ receive }, ping, pong]);
  await assertRejects(() => play([{ receive: receive.replace("54000", "54") }]));
  await assertRejects(() => play([{ receive }, ping]), Error, "more came");
  await assertRejects(() => play([{ receive }, ping, close]), Error, "instead of a close");
});

Deno.test("patternOf() tells forms apart and takes everything else literally", () => {
  const cases: [string, string, string][] = [
    ['{"t":<ms>}', '{"t":17}', '{"t":"17"}'],
    ['"<rfc3339>"', '"2025-12-11T13:04:37.484843Z"', '"2025-12-11T13:04:37.484Z"'],
    ['"<hex64>"', `"${"0a".repeat(32)}"`, `"${"0A".repeat(32)}"`],
    ["<uuid>", "338a28f7-666e-46e1-8e7d-4feba5edc061", "338a28f7-666e-16e1-8e7d-4feba5edc061"],
    ['"<text>"', '"any. thing"', '"two","strings"'],
    ["a.c", "a.c", "abc"],
    ["[x]?{1}", "[x]?{1}", "x"],
    ["end", "end", "end\n"],
  ];
  for (const [expected, same, other] of cases) {
    assertMatch(same, patternOf(expected));
    assert(!patternOf(expected).test(other), `${other} is no ${expected}`);
  }
});
