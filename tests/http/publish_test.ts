import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { Relay } from "../support/fakes/relay.ts";
import { deliverTo } from "../support/fakes/world.ts";
import { MAX_BYTES, withApi } from "../support/server/api.ts";

const PATH = "/api/v1/publish";

Deno.test("POST /api/v1/publish delivers to every subscriber and returns their number", () =>
  withApi({}, async (api) => {
    const subscriber = api.world.connect();
    const other = api.subscribe("pdfm");
    subscriber.socket.say({ type: "subscribe", channel: "pdfm" });
    for (const data of [{ n: 1 }, null, "text", [1], 0]) {
      assertEquals(await api.json(PATH, { body: { channel: "pdfm", data } }), {
        status: 200,
        body: { channel: "pdfm", subscribers: 2 },
      });
    }
    await api.world.clock.turnOver();
    const got = subscriber.socket.messages.filter(({ type }) => type === "message");
    assertEquals(got.map(({ data }) => data), [{ n: 1 }, null, "text", [1], 0]);
    assertEquals(other.socket.messages.filter(({ message }) => message === "pdfm").length, 5);
    const nobody = await api.json(PATH, { body: { channel: "empty", data: 1 } });
    assertEquals(nobody.body, { channel: "empty", subscribers: 0 });
  }));

Deno.test("POST /api/v1/publish keeps the order relative to publications from sockets", () =>
  withApi({}, async (api) => {
    const { socket } = api.world.connect();
    socket.say({ type: "subscribe", channel: "c" });
    socket.say({ type: "publish", channel: "c", data: 1 });
    const second = api.world.hub.publish("c", "2");
    socket.say({ type: "unsubscribe", channel: "c" });
    socket.say({ type: "subscribe", channel: "c" });
    const third = api.world.hub.publish("c", "3");
    await api.world.clock.turnOver();
    const accepted = { subscribers: 1 };
    assertEquals([await second, await third], [accepted, accepted]);
    const got = socket.messages.filter(({ type }) => type === "message");
    assertEquals(got.map(({ data }) => data), [1, 2, 3]);
  }));

Deno.test("POST /api/v1/publish needs the right to publish on the channel", () =>
  withApi({ keys: true }, async (api) => {
    const publish = (channel: string, key?: string) =>
      api.json(PATH, { key, body: { channel, data: 1 } });
    assertEquals((await publish("news/a", "news.s")).status, 200);
    const { status, body } = await publish("sport", "news.s");
    assertEquals(status, 403);
    assertStringIncludes(body.detail, '"sport"');
    assertEquals((await publish("news/a", "root.s")).status, 403); // admin is another right
    assertEquals((await publish("news/a")).status, 401);
  }));

Deno.test("POST /api/v1/publish counts for the key's maxMessagesPerMinute", () =>
  withApi({ keys: true }, async (api) => {
    const publish = () => api.call(PATH, { key: "slow.s", body: { channel: "c", data: 1 } });
    const answers = [];
    for (const passMs of [0, 20_000, 500, 39_400, 100]) {
      await api.world.clock.pass(passMs);
      const response = await publish();
      await response.body?.cancel();
      answers.push([response.status, response.headers.get("Retry-After")]);
    }
    assertEquals(answers, [[200, null], [200, null], [429, "40"], [429, "1"], [200, null]]);
  }));

for (
  const [what, body, status, detail] of [
    ["no JSON", "{", 400, /no JSON/],
    ["nothing", "", 400, /no JSON/],
    ["a repeated channel", '{"channel":"a","channel":"b","data":1}', 400, /^channel is repeated/],
    ["repeated data", '{"channel":"a","data":1,"data":1}', 400, /^data is repeated/],
    ["escaped data", '{"channel":"a","\\u0064ata":1}', 400, /^data is .* escape/],
    ["an empty list", [], 422, /^the list must have 1 to 1000 elements, got 0$/],
    ["a list of others", [{ channel: "c", data: 1 }, 7], 422, /^element 1: the value: must be Obj/],
    ["a bad element", [{ channel: "c" }], 422, /^element 0: data: missing$/],
    ["a long id", { channel: "c", data: 1, id: "x".repeat(129) }, 422, /^id: must have up to 128/],
    ["null", "null", 422, /^the body: must be Object, got null$/],
    ["nothing of what is needed", {}, 422, /^channel: missing; data: missing$/],
    [
      "wrong types and unknown fields",
      { channel: 5, a: 1, b: 2 },
      422,
      /channel: must be string, got 5; data: missing; a: unknown; b: unknown/,
    ],
    ["an empty channel", { channel: "", data: 1 }, 422, /^channel: must have 1 to 256 characters$/],
    ["a long channel", { channel: "x".repeat(257), data: 1 }, 422, /1 to 256/],
    ["too much", { channel: "c", data: "x".repeat(MAX_BYTES) }, 413, /1000 bytes/],
  ] as const
) {
  Deno.test(`POST /api/v1/publish of ${what} is rejected with ${status} and every problem`, () =>
    withApi({}, async (api) => {
      const response = await api.call(PATH, { method: "POST", body });
      assertEquals(response.status, status);
      assertEquals(response.headers.get("Content-Type"), "application/problem+json");
      const problem = await response.json();
      assertEquals(problem.status, status);
      assertMatch(problem.detail, detail);
    }));
}

Deno.test("A body that is too large is rejected even without a Content-Length, one of the maximum size is not", () =>
  withApi({}, async (api) => {
    const frame = JSON.stringify({ channel: "c", data: "" }).length;
    for (const [bytes, status] of [[MAX_BYTES, 200], [MAX_BYTES + 1, 413]] as const) {
      const text = JSON.stringify({ channel: "c", data: "x".repeat(bytes - frame) });
      const response = await api.app.request(PATH, {
        method: "POST",
        body: ReadableStream.from([...text].map((char) => new TextEncoder().encode(char))),
      });
      assertEquals(response.status, status);
      await response.body?.cancel();
    }
  }));

Deno.test("A body that is not UTF-8, or is aborted, is rejected", () =>
  withApi({}, async (api) => {
    const whole = new TextEncoder().encode('{"channel":"c","data":1}');
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(whole);
      },
      pull(controller) {
        controller.error(new Error("reset"));
      },
    });
    for (const body of [new Uint8Array([0x22, 0xff, 0x22]), broken]) {
      const response = await api.app.request(PATH, { method: "POST", body });
      assertEquals(response.status, 400);
      await response.body?.cancel();
    }
  }));

Deno.test("A hundred unknown fields are not all listed", () =>
  withApi({}, async (api) => {
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, 1]));
    const { body } = await api.json(PATH, { body: fields });
    assertMatch(body.detail, /and 82 more$/);
  }));

Deno.test("POST /api/v1/publish on a stopped hub is 503 with Retry-After", async () => {
  await withApi({}, async (api) => {
    api.world.hub.stop();
    const response = await api.call(PATH, { body: { channel: "c", data: 1 } });
    assertEquals([response.status, response.headers.get("Retry-After")], [503, "1"]);
    await response.body?.cancel();
  }).catch((error) => {
    // the fixture cannot ask a stopped hub what is left
    if (!String(error).includes("a subscriber is left")) throw error;
  });
});

Deno.test("POST /api/v1/publish accepts or rejects any body without a failure", () =>
  withApi({}, async (api) => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: MAX_BYTES + 100 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc.record({ channel: fc.anything(), data: fc.anything(), x: fc.anything() }, {
        requiredKeys: [],
      }).map((value) => new TextEncoder().encode(fc.stringify(value))),
    );
    await fc.assert(
      fc.asyncProperty(body, async (bytes) => {
        const response = await api.app.request(PATH, { method: "POST", body: new Blob([bytes]) });
        await response.body?.cancel();
        assertEquals([200, 400, 413, 422].includes(response.status), true, `${response.status}`);
      }),
      { numRuns: 500 },
    );
  }));

Deno.test("POST /api/v1/publish waits for readers that are behind, then answers 429", () =>
  withApi({}, async (api) => {
    const { world } = api;
    const socket = new Relay(world.clock, { delayMs: 20, bytesPerSecond: 700_000, hoards: false });
    world.connect({ socket });
    socket.say({ type: "subscribe", channel: "c" });
    await world.clock.pass(100);
    for (let i = 0; i < 30; i++) deliverTo(world, "c", "x".repeat(60_000));
    const calls = [1, 2, 3].map((data) => api.call(PATH, { body: { channel: "c", data } }));
    await world.clock.pass(900);
    assertEquals([world.hub.gate.held, world.hub.gate.refused], [3, 0]);
    await world.clock.pass(200);
    for (const answer of await Promise.all(calls)) {
      assertEquals([answer.status, answer.headers.get("retry-after")], [429, "1"]);
      const { detail } = await answer.json();
      assertStringIncludes(detail, 'subscribers of "c"');
    }
    await world.clock.pass(2_000);
    assertEquals((await api.json(PATH, { body: { channel: "c", data: 4 } })).status, 200);
    await world.clock.pass(1_000);
    const got = socket.messages.filter(({ type }) => type === "message").map(({ data }) => data);
    assertEquals(got.slice(30), [4]); // those that were refused reach nobody
  }));

Deno.test("POST /api/v1/publish of an id is delivered once, and a repeat has the first position", () =>
  withApi({ history: {} }, async (api) => {
    const { socket } = api.world.connect();
    socket.say({ type: "subscribe", channel: "c" });
    const publish = (body: object) => api.json(PATH, { body: { channel: "c", data: 1, ...body } });
    const first = await publish({ id: "a" });
    assertEquals(first.body.offset, 1);
    assertEquals((await publish({ id: "a", data: 2 })).body, { ...first.body, duplicate: true });
    assertEquals((await publish({ id: "b" })).body.offset, 2);
    assertEquals((await publish({ id: "a", channel: "d" })).body.duplicate, undefined);
    assertEquals((await publish({})).body.offset, 3);
    await api.world.clock.turnOver();
    assertEquals(socket.messages.filter(({ type }) => type === "message").length, 3);
  }));

Deno.test("POST /api/v1/publish knows an id within its key alone", () =>
  withApi({ keys: true, history: {} }, async (api) => {
    const publish = async (key: string) => {
      const body = { channel: "news/a", data: 1, id: "a" };
      return (await api.json(PATH, { key, body })).body.duplicate;
    };
    assertEquals(await publish("news.s"), undefined);
    assertEquals(await publish("slow.s"), undefined);
    assertEquals(await publish("news.s"), true);
  }));

Deno.test("POST /api/v1/publish takes a list, in order", () =>
  withApi({ history: {} }, async (api) => {
    const { socket } = api.world.connect();
    socket.say({ type: "subscribe", channel: "c" });
    const text = ' [ {"channel":"c","data":[1.0,"]"]} ,{"channel":"d","data":null},' +
      '{"data":"2","id":"x","channel":"c"},{"channel":"c","data":3,"id":"x"}] ';
    const { status, body } = await api.json(PATH, { body: text });
    assertEquals(status, 200);
    assertEquals(
      body.map((
        { channel, offset, subscribers, duplicate }: Record<string, unknown>,
      ) => [channel, offset, subscribers, duplicate]),
      [["c", 1, 1, undefined], ["d", 1, 0, undefined], ["c", 2, 1, undefined], ["c", 2, 1, true]],
    );
    await api.world.clock.turnOver();
    const texts = socket.texts.filter((text) => text.includes('"type":"message"'));
    assertEquals(texts.map((text) => /"data":(.*),"timestamp"/.exec(text)?.[1]), [
      '[1.0,"]"]',
      '"2"',
    ]);
  }));

Deno.test("POST /api/v1/publish of a list names its first error, and says what was published", () =>
  withApi({ keys: true }, async (api) => {
    const list = (channels: string[]) => channels.map((channel) => ({ channel, data: 1 }));
    const { socket } = api.world.connect();
    socket.say({ type: "subscribe", channel: "news/a" });
    const forbidden = await api.json(PATH, { key: "news.s", body: list(["news/a", "sport"]) });
    assertEquals(forbidden.status, 403);
    assertStringIncludes(forbidden.body.detail, '"sport"');
    const messages = () => socket.messages.filter(({ type }) => type === "message").length;
    assertEquals(messages(), 0);
    const limited = await api.json(PATH, { key: "slow.s", body: list(Array(5).fill("news/a")) });
    assertEquals(limited.status, 429);
    assertStringIncludes(limited.body.detail, "after 2 were published");
    await api.world.clock.turnOver();
    assertEquals(messages(), 2);
  }));
