/**
 * Payloads go through as they were written: whatever numbers, escapes, white space and order of members
 * a JSON text has, its bytes arrive, in every envelope that embeds JSON.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { manyJsonTexts } from "../support/json_texts.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { aliasForm, channelForm } from "../support/peers/talo_forms.ts";
import { patternOf } from "../support/peers/transcript.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

/** So many frames are on the way at once: less than half of a send queue, so nobody waits. */
const WINDOW = 120;

const UNLIMITED = { MAX_MESSAGES_PER_SECOND: "0" };

/** Texts whose forms a parser and a writer change, at hand for those who read a failure. */
const NAMED = [
  '{"id":12345678901234567890}',
  "1e400",
  "-0",
  "1.0",
  '{"a":1,"b":2,"a":3}',
  '{"__proto__":{"polluted":true},"constructor":1}',
  '"\\ud800"',
  '"\\/\\u0041"',
  '"😀"',
  '{ "b" : [ ] ,\t"a"\n:\r{ } }',
  '{"q":1,"\\\\":1}', // after this one, V8 15 takes any one escaped character of a name for a backslash
  '{"q":1,"\\u0061":1}',
  "[".repeat(496) + "]".repeat(496),
];

const textsFor = (count: number) => [...NAMED, ...manyJsonTexts(count - NAMED.length)];

/** Sends frames in windows and gives the answers, one for each, in order. */
async function exchange(
  frames: readonly string[],
  { sender, receiver }: { sender: TextClient; receiver: TextClient },
): Promise<string[]> {
  const before = receiver.texts.length;
  for (let start = 0; start < frames.length; start += WINDOW) {
    const sent = frames.slice(start, start + WINDOW);
    for (const frame of sent) sender.send(frame);
    const due = before + start + sent.length;
    await until(`the answers from ${start} on`, () => {
      if (!sender.open || !receiver.open) throw new Error("a connection has ended");
      return receiver.texts.length >= due;
    });
  }
  return receiver.texts.slice(before);
}

/** Every received frame has its payload between these parts; a `<form>` stands for what varies. */
function assertPayloads(
  received: readonly string[],
  payloads: readonly string[],
  [before, after]: readonly [string, string],
): void {
  assertEquals(received.length, payloads.length);
  const [head, tail] = [
    new RegExp(patternOf(before).source.slice(0, -1)),
    new RegExp(patternOf(after).source.slice(1)),
  ];
  received.forEach((frame, index) => {
    const at = head.exec(frame)?.[0].length ?? -1;
    assert(at >= 0, frame);
    const end = frame.length - (tail.exec(frame)?.[0].length ?? NaN);
    assertEquals(frame.slice(at, end), payloads[index]);
  });
}

/** The texts that are ids of publications, no two of the same. */
function textsOfIds(texts: readonly string[]): string[] {
  const strings = texts.filter((text) => text.startsWith('"'));
  const byId = new Map(strings.map((text) => [JSON.parse(text) as string, text]));
  return [...byId].filter(([id]) => id.length <= 128).map(([, text]) => text);
}

const publishing = (channel: string, texts: readonly string[]) =>
  texts.map((text) => `{"type":"publish","channel":"${channel}","data":${text}}`);

async function connect(
  server: ServerProcess,
  path: string,
  { frames, says = [] }: { frames: number; says?: readonly string[] },
): Promise<TextClient> {
  const client = await TextClient.connect(new URL(path, server.url));
  for (const text of says) client.send(text);
  await until("its first frames", () => client.texts.length >= frames);
  return client;
}

const jsonSubscriber = (server: ServerProcess, channel: string) =>
  connect(server, "/ws/json", {
    frames: 2,
    says: [JSON.stringify({ type: "subscribe", channel })],
  });

const MESSAGE = (channel: string) =>
  [
    `{"type":"message","channel":"${channel}","data":`,
    ',"timestamp":<ms>,"offset":<number>}',
  ] as const;

integrationTest("10 000 payloads go from json to json as they were written", async () => {
  await using server = await ServerProcess.start({ env: UNLIMITED });
  using receiver = await jsonSubscriber(server, "c");
  using sender = await connect(server, "/ws/json", { frames: 1 });
  const deepest = "[".repeat(499) + "]".repeat(499); // with the envelope 500 levels, the limit
  const texts = [deepest, ...textsFor(10_000)];
  const spaces = ["", " ", "\n\t", "\r\n "];
  const spaced = texts.map((text, i) => spaces[i % 4] + text + spaces[(i >> 2) % 4]);
  const received = await exchange(publishing("c", spaced), { sender, receiver });
  assertPayloads(received, texts, MESSAGE("c"));
});

integrationTest("What POST /api/v1/publish takes arrives as it was written", async () => {
  await using server = await ServerProcess.start({ env: UNLIMITED });
  using receiver = await jsonSubscriber(server, "c");
  const before = receiver.texts.length;
  const texts = textsFor(300);
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const url = new URL("/api/v1/publish", server.url.href.replace(/^ws/, "http"));
  for (const text of texts) {
    const body = ` { "data" : ${text} , "channel":"c" } `;
    const response = await fetch(url, { client, method: "POST", body });
    assertEquals(response.status, 200);
    assertMatch(await response.text(), /^\{"channel":"c","subscribers":1,/);
  }
  await until("all of them", () => receiver.texts.length >= before + texts.length);
  assertPayloads(receiver.texts.slice(before), texts, MESSAGE("c"));
});

integrationTest("An echo is what was said, as it was written", async () => {
  await using server = await ServerProcess.start({ env: { ...UNLIMITED, ECHO: "true" } });
  using sender = await connect(server, "/ws/json", { frames: 1 });
  const texts = textsFor(2_000).map((text) => text.startsWith("{") ? `{"x":[ ${text}]}` : text);
  const received = await exchange(texts.map((text) => `\t${text}\n`), { sender, receiver: sender });
  assertPayloads(received, texts, ['{"type":"echo","data":', ',"timestamp":<ms>}']);
});

const ACK_END = ',"epoch":"<epoch>","offset":<number>}';

integrationTest("A pong repeats id and timestamp, and an ack its id, as written", async () => {
  await using server = await ServerProcess.start({ env: UNLIMITED });
  using sender = await connect(server, "/ws/json", { frames: 1 });
  const texts = textsFor(2_000);
  const pings = texts.map((text) => `{"timestamp": ${text} ,"id":[${text}],"type":"ping"}`);
  const pongs = await exchange(pings, { sender, receiver: sender });
  const repeated = texts.map((text) => `"id":[${text}],"timestamp":${text}`);
  assertPayloads(pongs, repeated, ['{"type":"pong",', ',"serverTime":<ms>}']);
  const ids = textsOfIds(texts);
  const publications = ids.map((id) =>
    `{"type":"publish","channel":"nobody","data":1,"id": ${id}}`
  );
  const acks = await exchange(publications, { sender, receiver: sender });
  assertPayloads(acks, ids, ['{"type":"published","channel":"nobody","id":', ACK_END]);
  const errors = await exchange(texts.map((text) => `{"type":"?","id":${text}}`), {
    sender,
    receiver: sender,
  });
  const head = '{"type":"error","code":"unknown_type","message":"unknown type \\"?\\": ' +
    'use ping, pong, subscribe, unsubscribe, publish, history, presence or refresh","id":';
  assertPayloads(errors, texts, [head, "}"]);
});

integrationTest("events-hub, infoway and talo embed payloads as they were written", async () => {
  const env = { ...UNLIMITED, INFOWAY_MESSAGES_PER_MINUTE: "0" };
  await using server = await ServerProcess.start({ env });
  using sender = await connect(server, "/ws/json", { frames: 1 });
  const texts = textsFor(1_000);
  {
    using receiver = await connect(server, "/api/v1/ws/subscribe?event_types=pdfm", { frames: 1 });
    const head = '{"id":"<hex64>","event_type":"pdfm","timestamp":"<rfc3339>","message":';
    const lists = texts.map((text) => `[${text}]`); // null has no body, see the profile's own test
    const bodies = await exchange(publishing("pdfm", lists), { sender, receiver });
    assertPayloads(bodies, lists, [`${head}"pdfm","body":`, "}"]);
    const named = lists.map((list) => `{ "body":${list} , "message" : "\\u0056M"}`);
    const events = await exchange(publishing("pdfm", named), { sender, receiver });
    assertPayloads(events, lists, [`${head}"\\u0056M","body":`, "}"]);
  }
  {
    const says = ['{"code":10000,"trace":"t","data":{"codes":"A"}}'];
    using receiver = await connect(server, "/ws/infoway?business=crypto", { frames: 2, says });
    const pushes = await exchange(publishing("trade/A", texts), { sender, receiver });
    assertPayloads(pushes, texts, ['{"code":10002,"data":', "}"]);
  }
  {
    const player = '{"playerAliasId":7,"socketToken":"any"}';
    const says = [`{"req":"v1.players.identify","data":${player}}`];
    using receiver = await connect(server, "/ws/talo", { frames: 2, says });
    const messages = await exchange(publishing("players/7", texts), { sender, receiver });
    assertPayloads(messages, texts, ['{"res":"v1.players.message","data":', "}"]);
  }
});

integrationTest(
  "tank and talo's channels carry strings: a payload's own, or its text",
  async () => {
    await using server = await ServerProcess.start({ env: UNLIMITED });
    using sender = await connect(server, "/ws/json", { frames: 1 });
    const texts = textsFor(1_000);
    const strings = texts.map((text) => text.startsWith('"') ? text : JSON.stringify(text));
    {
      using receiver = await connect(server, "/ws/tank", { frames: 1, says: ["sub:t"] });
      await until(
        "its subscription",
        async () => (await server.metrics()).value("systole_channels") === 1,
      );
      const frames = await exchange(publishing("t", texts), { sender, receiver });
      assertPayloads(frames, strings, ['{"topic":"t","data":', "}"]);
    }
    const head = `{"res":"v1.channels.message","data":{"channel":${channelForm(1)},"message":`;
    const says = [
      '{"req":"v1.players.identify","data":{"playerAliasId":7,"socketToken":"any"}}',
      '{"req":"v1.channels.message","data":{"channel":{"id":1},"message":"joins"}}',
    ];
    using receiver = await connect(server, "/ws/talo", { frames: 3, says });
    assertMatch(receiver.texts[2], patternOf(`${head}"joins","playerAlias":${aliasForm(7)}}}`));
    const frames = await exchange(publishing("channels/1", texts), { sender, receiver });
    assertPayloads(frames, strings, [head, "}}"]);
  },
);

integrationTest("What a talo client says is the JSON text of its string to json", async () => {
  const env = { TALO_MESSAGES_PER_MINUTE: "0", TALO_MESSAGES_PER_MINUTE_IDENTIFIED: "0" };
  await using server = await ServerProcess.start({ env: { ...UNLIMITED, ...env } });
  const says = ['{"req":"v1.players.identify","data":{"playerAliasId":7,"socketToken":"any"}}'];
  using sender = await connect(server, "/ws/talo", { frames: 2, says });
  using receiver = await jsonSubscriber(server, "channels/1");
  const strings = textsFor(2_000).filter((text) => text.startsWith('"'));
  const frames = strings.map((text) =>
    `{"req":"v1.channels.message","data":{"channel":{"id":1},"message":${text}}}`
  );
  const received = await exchange(frames, { sender, receiver });
  const values = strings.map((text) => JSON.stringify(JSON.parse(text)));
  assertPayloads(received, values, MESSAGE("channels/1"));
});
