import { assert, assertEquals, assertGreaterOrEqual, assertMatch } from "@std/assert";
import { parseConfig } from "../../../server/config/config.ts";
import { eventsHubProfile } from "../../../server/profiles/events_hub/events_hub.ts";
import { patternOf } from "../../support/peers/transcript.ts";
import { withWorld, type World } from "../../support/fakes/world.ts";

/** What holds when nothing is configured. */
const timing = parseConfig({}).timing["events-hub"];
const profile = eventsHubProfile({ timing, newId: () => crypto.randomUUID() });
/** What the wheel adds to any deadline (DESIGN section 4). */
const WHEEL_MS = 100;
/** Where a first ping may fall: at 15 s, in between, at 30 s. */
const FIRST_PINGS = [0, 0.5, 0.999_999];

const connect = (world: World) =>
  world.connect({ profile, url: "/api/v1/ws/subscribe?event_types=health" });

Deno.test("events-hub's own times are 30 s from ping to ping and 65 s until the timeout", () => {
  const { pingPeriodMs, pongWaitMs } = timing;
  assertEquals({ pingPeriodMs, pongWaitMs }, { pingPeriodMs: 30_000, pongWaitMs: 65_000 });
});

for (const random of FIRST_PINGS) {
  Deno.test(`A client that answers nothing is terminated at 65 s, first pinged at ${random}`, () =>
    withWorld({ random: () => random }, async (world) => {
      const { socket } = connect(world);
      await world.clock.pass(64_950);
      assertGreaterOrEqual(socket.pings.length, 1);
      assertEquals(socket.closedWith, undefined); // 64.95 s
      await world.clock.pass(50 + WHEEL_MS);
      assertEquals(socket.closedWith, { how: "terminate" }); // 45.1 s: no close frame
      const { closed } = world.metrics.of("events-hub");
      assertEquals([closed.stale, closed.missed_heartbeats], [1, 0]);
      assertEquals(socket.texts.length, 1, "it was told nothing but its welcome");
    }));
}

Deno.test("A client whose last word came at 20 s is terminated at 65 s", () =>
  withWorld({}, async (world) => {
    const { socket } = connect(world);
    await world.clock.pass(20_000);
    socket.say({ event_type: "health", message: "ping" });
    await world.clock.pass(64_950);
    assertEquals(socket.closedWith, undefined); // 64.95 s
    await world.clock.pass(50 + WHEEL_MS);
    assertEquals(socket.closedWith, { how: "terminate" });
  }));

for (const random of FIRST_PINGS) {
  Deno.test(`A client that answers control pings needs no heartbeat, first pinged at ${random}`, () =>
    withWorld({ random: () => random }, async (world) => {
      const { socket } = connect(world);
      let answered = 0;
      for (let ms = 0; ms < 600_000; ms += 50) { // answered soon: nobody is degraded
        await world.clock.pass(50);
        if (socket.pings.length === answered) continue;
        answered = socket.pings.length;
        socket.answer();
      }
      assertEquals(socket.closedWith, undefined);
      assertEquals(answered, 20, "one ping in 30 s, none of them missed");
      assertEquals(socket.texts.length, 1, "nothing but control frames keeps it");
    }));
}

const WORDS: readonly (readonly [string, unknown])[] = [
  ["a heartbeat", { event_type: "health", message: "ping" }],
  ["a message that gets no answer", { event_type: "health", message: "hello" }],
  ["a message that is an error", { event_type: "pdfm" }],
  ["what is not JSON", "hello"],
  ["an empty text", ""],
];

for (const [what, word] of WORDS) {
  Deno.test(`A client that says ${what} each 60 s lives without a pong, and not without`, () =>
    withWorld({}, async (world) => {
      const { socket } = connect(world);
      for (let each = 0; each < 15; each++) {
        await world.clock.pass(60_000);
        socket.say(word);
      }
      assertEquals(socket.closedWith, undefined); // 900 s
      assertEquals(socket.pongs, []);
      await world.clock.pass(65_000 + WHEEL_MS); // it falls silent
      assertEquals(socket.closedWith, { how: "terminate" });
    }));
}

Deno.test("A client that only pings lives, and gets its pongs", () =>
  withWorld({}, async (world) => {
    const { socket } = connect(world);
    for (let each = 0; each < 15; each++) {
      await world.clock.pass(60_000);
      socket.peerPing(Uint8Array.of(each));
    }
    assertEquals(socket.closedWith, undefined);
    assertEquals(socket.pongs.map(([first]) => first), Array.from({ length: 15 }, (_, i) => i));
  }));

Deno.test("Among silent and living clients only the silent go, and who stays hears on", () =>
  withWorld({}, async (world) => {
    const silent = connect(world).socket;
    const living = connect(world).socket;
    for (let each = 0; each < 3; each++) {
      await world.clock.pass(22_000);
      living.say({ event_type: "health", message: "ping", id: `${each}` });
    }
    await world.clock.turnOver();
    assertEquals([silent.closedWith?.how, living.closedWith], ["terminate", undefined]); // 66 s
    const pongs = living.texts.slice(1);
    assertEquals(pongs.length, 3);
    const form = '{"id":"<hex64>","ref_id":"2","event_type":"health","timestamp":"<rfc3339>",' +
      '"message":"pong","client_id":"<uuid>"}';
    assertMatch(pongs.at(-1)!, patternOf(form));
    assert(silent.texts.length === 1);
  }));
