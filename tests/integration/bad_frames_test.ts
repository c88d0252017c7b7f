import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { clientFrame, join, OPCODE } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { sideBySide, until } from "../support/until.ts";

/** A peer that says nothing after its fault is not waited for: far below closeWait, 2 s. */
const AT_ONCE_MS = 500;

interface Fault {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly code: number;
  readonly reason: "bad_frame" | "message_too_big" | "rate_limited";
}

/** Others are bad frames. */
const REASONS: Readonly<Record<number, Fault["reason"]>> = {
  1008: "rate_limited",
  1009: "message_too_big",
};

function fault(what: string, bytes: Uint8Array, code = 1002): Fault {
  return { what, bytes, code, reason: REASONS[code] ?? "bad_frame" };
}

/** Of the largest message in pieces of 4 KiB, and one that says that it was the last. */
const MOST_FRAMES = 17;

const { text, binary, continuation, ping, pong, close, reserved } = OPCODE;
const NOT_UTF8 = Uint8Array.of(0x68, 0x69, 0xc3, 0x28);

const FAULTS: readonly Fault[] = [
  fault("an unmasked text", clientFrame(text, "{}", { masked: false })),
  fault("an unmasked ping", clientFrame(ping, "", { masked: false })),
  ...[1, 2, 4, 7].map((rsv) => fault(`reserved bits ${rsv}`, clientFrame(text, "{}", { rsv }))),
  fault("reserved bits on a ping", clientFrame(ping, "", { rsv: 4 })),
  fault("reserved opcode 3", clientFrame(reserved, "x")),
  fault("reserved opcode 11", clientFrame(0xb)),
  fault("a fragmented ping", clientFrame(ping, "x", { fin: false })),
  fault("a fragmented close", clientFrame(close, "", { fin: false })),
  fault("a ping of 126 bytes", clientFrame(ping, "p".repeat(126))),
  fault("a pong of 126 bytes, by its header", clientFrame(pong, "", { announcedBytes: 126 })),
  fault("a continuation of nothing", clientFrame(continuation, "x")),
  fault(
    "a text inside a fragmented text",
    join([clientFrame(text, "{", { fin: false }), clientFrame(text, "}")]),
  ),
  fault("a close with one byte", clientFrame(close, "x")),
  fault("a close with a code of nobody", clientFrame(close, Uint8Array.of(0x03, 0xed))), // 1005
  fault("a text that is not UTF-8", clientFrame(text, NOT_UTF8), 1007),
  fault(
    "a fragmented text that is not UTF-8",
    join([clientFrame(text, "hi", { fin: false }), clientFrame(continuation, NOT_UTF8)]),
    1007,
  ),
  fault(
    "a close whose text is not UTF-8",
    clientFrame(close, join([Uint8Array.of(0x03, 0xe8), NOT_UTF8])),
    1007,
  ),
  fault("70 000 bytes, by their header alone", announce(70_000), 1009),
  fault("65 537 bytes, by their header alone", announce(65_537), 1009),
  fault("4 GiB, by their header alone", announce(2 ** 32), 1009),
  fault("more bytes than a number counts", announce(2 ** 62), 1009),
  fault("more frames than a message has", fragmentsOfNothing(MOST_FRAMES + 1), 1008),
  fault(
    "fragments of 70 000 bytes together",
    join([
      clientFrame(text, "x".repeat(40_000), { fin: false }),
      clientFrame(continuation, "", { announcedBytes: 30_000 }),
    ]),
    1009,
  ),
];

function announce(announcedBytes: number): Uint8Array {
  return clientFrame(text, "", { announcedBytes });
}

function fragmentsOfNothing(count: number): Uint8Array {
  const fragments = new Array(count - 1).fill(clientFrame(continuation, "", { fin: false }));
  return join([clientFrame(text, "", { fin: false }), ...fragments]);
}

/** The peer sends the fault and then nothing, not even a close or a FIN of its own. */
async function isClosedAtOnce(server: ServerProcess, { what, bytes, code }: Fault): Promise<void> {
  using peer = await RawPeer.connect(server.dial);
  await peer.message("welcome");
  const sentMs = performance.now();
  await peer.write(bytes);
  const ending = await peer.ending();
  assertEquals({ what, code: ending.code, tcp: ending.tcp }, { what, code, tcp: "fin" });
  assertLess(performance.now() - sentMs, AT_ONCE_MS, `${what}: TCP did not end at once`);
}

/** The close codes that the recorders of those who ended for a reason keep, sorted. */
async function recordedCodes(server: ServerProcess, reason: string): Promise<number[]> {
  const look = async (path: string) => JSON.parse((await server.ask({ path })).body);
  const { closed } = await look(`/api/v1/closed?reason=${reason}`);
  const codes = closed.map(async ({ id }: { id: string }) => {
    const { events } = await look(`/api/v1/connections/${id}`);
    return events.find(({ kind }: { kind: string }) => kind === "closing").value;
  });
  return (await Promise.all<number>(codes)).sort();
}

integrationTest("A frame that breaks the protocol gets its close code, and TCP ends", async () => {
  await using server = await ServerProcess.start();
  using client = await RawPeer.connect(server.dial);
  await sideBySide(...FAULTS.map((fault) => isClosedAtOnce(server, fault)));
  for (const reason of ["bad_frame", "message_too_big", "rate_limited"]) {
    const count = FAULTS.filter((fault) => fault.reason === reason).length;
    await until(`${count} closed for ${reason}`, async () => {
      return (await server.metrics()).closed(reason) === count;
    });
    const told = FAULTS.filter((fault) => fault.reason === reason).map(({ code }) => code);
    assertEquals(await recordedCodes(server, reason), told.sort());
  }
  await client.send({ type: "ping", id: "client" });
  assertEquals((await client.message("pong")).id, "client");
  using newcomer = await RawPeer.connect(server.dial);
  await newcomer.message("welcome");
});

integrationTest(
  "No frame follows the close frame, not even a profile's own last frame",
  async () => {
    await using server = await ServerProcess.start();
    using peer = await RawPeer.connect(server.dial, { path: "/ws?business=crypto" });
    await peer.write(fragmentsOfNothing(MOST_FRAMES + 1));
    const opcodes: number[] = [];
    for (let frame = await peer.read(); frame !== undefined; frame = await peer.read()) {
      opcodes.push(frame.opcode);
    }
    assertEquals(opcodes, [text, OPCODE.ping, close]); // the initialFrames, the end
  },
);

integrationTest("The largest message and a message in fragments are taken", async () => {
  await using server = await ServerProcess.start();
  using peer = await RawPeer.connect(server.dial);
  const publication = (data: string) =>
    JSON.stringify({ type: "publish", channel: "c", data, id: "largest" });
  const largest = publication("x".repeat(65_536 - publication("").length));
  await peer.write(clientFrame(text, largest));
  assertEquals((await peer.message("published")).id, "largest");
  const [middle, end] = [20_000, 65_536];
  await peer.write(join([
    clientFrame(text, largest.slice(0, middle), { fin: false }),
    clientFrame(ping, "between fragments"),
    clientFrame(continuation, largest.slice(middle, end)),
  ]));
  assertEquals((await peer.message("published")).id, "largest");
  const pieces = Array.from(
    { length: MOST_FRAMES - 1 },
    (_, i) => largest.slice(i * 4_096, (i + 1) * 4_096),
  );
  await peer.write(join([
    ...pieces.map((piece, i) => clientFrame(i === 0 ? text : continuation, piece, { fin: false })),
    clientFrame(continuation),
  ]));
  assertEquals((await peer.message("published")).id, "largest");
});

const NESTED = 10_000;

const info = "i".repeat(1_023);

/** What is a whole frame but no message of ours, and the code of the error that says so. */
const NONSENSE: readonly (readonly [string, string | Uint8Array, string])[] = [
  ["null", "null", "bad_message"],
  ["[]", "[]", "bad_message"],
  ['""', '""', "bad_message"],
  ["true", "true", "bad_message"],
  ["a number", "1", "bad_message"],
  ["{}", "{}", "bad_message"],
  ["a type that is no string", '{"type":{}}', "bad_message"],
  ["nothing", "", "bad_json"],
  ["half an object", '{"type":"ping"', "bad_json"],
  ["a byte order mark alone", "\ufeff", "bad_json"],
  ["10 000 nested brackets", "[".repeat(NESTED) + "]".repeat(NESTED), "bad_json"],
  ["10 000 opened brackets", "[".repeat(NESTED), "bad_json"],
  ["10 000 nested objects", '{"a":'.repeat(NESTED) + "1" + "}".repeat(NESTED), "bad_json"],
  ["binary garbage", Uint8Array.from({ length: 4_096 }, (_, i) => i * 197), "binary_not_supported"],
  ["binary zeros", new Uint8Array(60_000), "binary_not_supported"],
  ["a type of Object.prototype", '{"type":"constructor"}', "unknown_type"],
  ["a type of __proto__", '{"type":"__proto__"}', "unknown_type"],
  ["no channel", '{"type":"subscribe"}', "bad_channel"],
  ["an empty channel", '{"type":"subscribe","channel":""}', "bad_channel"],
  ["a channel that is no string", '{"type":"subscribe","channel":["a"]}', "bad_channel"],
  ["a channel name of 257", `{"type":"subscribe","channel":"${"c".repeat(257)}"}`, "bad_channel"],
  ["a presence without an id", '{"type":"presence","channel":"c"}', "bad_message"],
  ["a member without a name", '{"type":"subscribe","channel":"c","member":""}', "bad_message"],
  ["an info of 1025 bytes", `{"type":"subscribe","channel":"c","info":"${info}"}`, "too_large"],
  ["a publication of nothing", '{"type":"publish","channel":"c"}', "bad_message"],
];

for (const echo of ["false", "true"]) {
  integrationTest(
    `Nonsense gets an error and the socket stays open, with ECHO=${echo}`,
    async () => {
      await using server = await ServerProcess.start({ env: { ECHO: echo } });
      using peer = await RawPeer.connect(server.dial);
      for (const [what, message, code] of NONSENSE) {
        await peer.write(clientFrame(typeof message === "string" ? text : binary, message));
        // In echo mode any JSON of no known type is sent back; the rest is as wrong as ever.
        const isKnown = /"type":"(subscribe|publish|presence)"/.test(`${message}`);
        const echoed = echo === "true" && code !== "bad_json" && code !== "binary_not_supported" &&
          !isKnown;
        const answer = await peer.message(echoed ? "echo" : "error");
        if (echoed) assertEquals(JSON.stringify(answer.data), message);
        else assertEquals({ what, code: answer.code }, { what, code });
        if (!echoed) assertMatch(answer.message, /\w+ \w+/);
      }
      await peer.send({ type: "ping", id: "still here" });
      assertEquals((await peer.message("pong")).id, "still here");
      assertEquals((await server.metrics()).value("systole_connections_closed_total"), 0);
    },
  );
}

integrationTest("Names from Object.prototype are names of channels like any other", async () => {
  await using server = await ServerProcess.start();
  using subscriber = await RawPeer.connect(server.dial);
  using publisher = await RawPeer.connect(server.dial);
  for (const channel of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    await publisher.send({ type: "publish", channel, data: "to nobody", id: "1" });
    assertEquals((await publisher.message("published")).channel, channel);
    await subscriber.send({ type: "subscribe", channel });
    assertEquals((await subscriber.message("subscribed")).channel, channel);
    await publisher.write(clientFrame(
      text,
      `{"type":"publish","channel":"${channel}","data":{"__proto__":{"polluted":true}},"id":"2"}`,
    ));
    const { data, channel: of } = await subscriber.message("message");
    assertEquals(of, channel);
    assertEquals(JSON.stringify(data), '{"__proto__":{"polluted":true}}');
    assertEquals((await publisher.message("published")).id, "2");
    await subscriber.send({ type: "unsubscribe", channel });
    assertEquals((await subscriber.message("unsubscribed")).channel, channel);
  }
  assertEquals((await server.metrics()).value("systole_channels"), 0);
});
