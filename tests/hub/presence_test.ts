import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import fc from "fast-check";
import { type TestPeer, withWorld, type World, type WorldOptions } from "../support/fakes/world.ts";

// deno-lint-ignore no-explicit-any -- tests look into messages freely
type Message = any;

const GRACE_MS = 5_000;
/** A member leaves at the tick that follows its grace. */
const LATE_MS = 50;

const withGrace = (test: (world: World) => Promise<void>, options: WorldOptions = {}) =>
  withWorld({ presenceGraceMs: GRACE_MS, ...options }, test);

const ofType = ({ socket }: TestPeer, ...types: string[]): Message[] =>
  socket.messages.filter(({ type }) => types.includes(type));
const say = ({ socket }: TestPeer, message: unknown) => socket.say(message);

/** Who joined and left, as a peer was told. */
const changes = (peer: TestPeer) =>
  ofType(peer, "joined", "left").map(({ type, member }) => `${type} ${member}`);

function connect(world: World, keyId?: string): TestPeer {
  return world.connect({ grant: { keyId } });
}

/** Subscribes to `c`. */
async function subscribe(world: World, message: object, keyId?: string): Promise<TestPeer> {
  const peer = connect(world, keyId);
  say(peer, { type: "subscribe", channel: "c", ...message });
  await world.clock.turnOver();
  return peer;
}

/** Of the answer to `presence`. */
async function list(world: World, peer: TestPeer, channel = "c"): Promise<Message> {
  say(peer, { type: "presence", channel, id: "p" });
  await world.clock.turnOver();
  return ofType(peer, "presence").at(-1);
}

const namesOf = ({ members }: Message) => members.map(({ member }: Message) => member);

Deno.test("A member is told after the answer to its subscribe that it has joined, and then others", () =>
  withGrace(async (world) => {
    const alice = await subscribe(world, { presence: true, member: "a", info: { "1": 1e400 } });
    alice.socket.say('{"type":"subscribe","channel":"d","info":[1.0,1e400],"presence":true}');
    const bob = await subscribe(world, { member: "b" }, "jwt:bob");
    const keyed = await subscribe(world, { presence: true }, "some-key");
    const texts = alice.socket.texts.slice(1);
    const { id } = alice.client;
    assertEquals(texts, [
      '{"type":"subscribed","channel":"c"}',
      `{"type":"joined","channel":"c","user":null,"member":"a","clientId":"${id}","info":{"1":null}}`,
      '{"type":"subscribed","channel":"d"}',
      `{"type":"joined","channel":"d","user":null,"member":"${id}","clientId":"${id}","info":[1.0,1e400]}`,
      `{"type":"joined","channel":"c","user":"bob","member":"b","clientId":"${bob.client.id}","info":null}`,
      `{"type":"joined","channel":"c","user":null,"member":"${keyed.client.id}",` +
      `"clientId":"${keyed.client.id}","info":null}`,
    ]);
    assertEquals(changes(bob), [], "it has not asked for them");
    assertEquals(changes(keyed), [`joined ${keyed.client.id}`]);
    assertEquals(world.hub.presence.size, 4);
  }));

Deno.test("presence lists the members in the order of joining, subscribed or not", () =>
  withGrace(async (world) => {
    const startMs = world.clock.wall();
    await subscribe(world, { member: "first", info: "x" }, "jwt:ann");
    await world.clock.pass(1_000);
    await subscribe(world, {}); // no member
    await subscribe(world, { presence: false }); // no member
    const second = await subscribe(world, { info: null });
    const asking = connect(world);
    const { type, channel, count, members, more, id } = await list(world, asking);
    assertEquals([type, channel, count, more, id], ["presence", "c", 2, false, "p"]);
    assertEquals(members.map(({ clientId: _, ...member }: Message) => member), [
      { user: "ann", member: "first", info: "x", sinceMs: startMs },
      { user: null, member: second.client.id, info: null, sinceMs: startMs + 1_000 },
    ]);
    assertEquals(await list(world, asking, "nobody"), {
      type: "presence",
      channel: "nobody",
      count: 0,
      members: [],
      more: false,
      id: "p",
    });
  }));

Deno.test("A member joins with its first connection and leaves after its last", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const one = await subscribe(world, { member: "m", info: 1 }, "jwt:ann");
    const two = await subscribe(world, { member: "m", info: 2 }, "jwt:ann");
    const shownOf = async () => (await list(world, watcher)).members[1];
    assertEquals((await shownOf()).info, 2);
    two.socket.leave();
    await world.clock.pass(GRACE_MS + LATE_MS);
    assertEquals(changes(watcher), ["joined watcher", "joined m"]);
    const { clientId, info } = await shownOf();
    assertEquals([clientId, info], [one.client.id, 1]);
    one.socket.leave();
    await world.clock.pass(GRACE_MS - 1);
    assertEquals(changes(watcher).length, 2);
    await world.clock.pass(LATE_MS);
    const [left] = ofType(watcher, "left");
    assertEquals(left, {
      type: "left",
      channel: "c",
      user: "ann",
      member: "m",
      clientId: one.client.id,
      info: 1,
    });
    assertEquals((await list(world, watcher)).count, 1);
  }));

Deno.test("The same name of another user, or of none, is another member", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "m" });
    for (const keyId of ["jwt:ann", "jwt:null", "some-key", undefined]) {
      await subscribe(world, { member: "m" }, keyId);
    }
    await subscribe(world, { member: "a" }, "jwt:x");
    await subscribe(world, { member: '"a' }, "jwt:x");
    const users = ofType(watcher, "joined").map(({ user }) => user);
    assertEquals(users, [null, "ann", "null", "x", "x"]);
  }));

Deno.test("Whoever returns within the grace has not left, whatever ended its subscription", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    let peer = await subscribe(world, { member: "m", info: 1 });
    const [, { sinceMs }] = (await list(world, watcher)).members;
    for (const how of ["unsubscribe", "cut", "unsubscribe", "no member"]) {
      if (how === "cut") peer.socket.leave({ byPeer: false });
      else if (how === "unsubscribe") say(peer, { type: "unsubscribe", channel: "c" });
      else say(peer, { type: "subscribe", channel: "c" });
      await world.clock.pass(GRACE_MS - 100);
      peer = await subscribe(world, { member: "m", info: how });
    }
    await world.clock.pass(2 * GRACE_MS);
    assertEquals(changes(watcher), ["joined watcher", "joined m"]);
    const { members } = await list(world, watcher);
    assertEquals([members[1].info, members[1].sinceMs], ["no member", sinceMs]);
  }));

Deno.test("A thousand members that return within the grace make neither left nor joined", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const join = async () => {
      const peers = Array.from({ length: 999 }, () => connect(world));
      for (const [i, peer] of peers.entries()) {
        say(peer, { type: "subscribe", channel: "c", member: `m${i}` });
        if (i % 100 === 0) await world.clock.pass(10);
      }
      await world.clock.turnOver();
      return peers;
    };
    let peers = await join();
    assertEquals(ofType(watcher, "joined").length, 1_000);
    const told = watcher.socket.texts.length;
    for (let round = 0; round < 3; round++) {
      for (const peer of peers) peer.socket.leave({ byPeer: false });
      await world.clock.pass(GRACE_MS - 200);
      peers = await join();
    }
    assertEquals(watcher.socket.texts.length, told);
    for (const peer of peers) peer.socket.leave({ byPeer: false });
    await world.clock.pass(GRACE_MS + 1_000);
    assertEquals(ofType(watcher, "left").length, 999);
    assertEquals(world.hub.presence.size, 1);
  }));

Deno.test("A second subscribe decides anew: member, info, and whether it is told", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const peer = await subscribe(world, { presence: true, member: "m", info: 1, id: 1 });
    const again = async (message: object) => {
      say(peer, { type: "subscribe", channel: "c", ...message });
      await world.clock.turnOver();
    };
    await again({ presence: true, member: "m", info: 2 });
    assertEquals((await list(world, watcher)).members[1].info, 2);
    assertEquals(changes(watcher), ["joined watcher", "joined m"]);
    await again({ member: "n" });
    await subscribe(world, { member: "o" });
    await world.clock.pass(GRACE_MS + LATE_MS);
    assertEquals(changes(watcher).slice(2), ["joined n", "joined o", "left m"]);
    assertEquals(changes(peer), ["joined m"], "it is told nothing any more");
    await again({});
    await world.clock.pass(GRACE_MS + LATE_MS);
    assertEquals(changes(watcher).slice(5), ["left n"]);
    assertEquals(ofType(peer, "subscribed").length, 4);
    assertEquals(namesOf(await list(world, watcher)), ["watcher", "o"]);
  }));

Deno.test("A subscribe that is refused changes no member", () =>
  withGrace(async (world) => {
    const peer = await subscribe(world, { presence: true, member: "m" });
    for (
      const [more, code] of [
        [{ last: 1, member: "n" }, "already_subscribed"],
        [{ channel: "d", member: "n" }, "too_many_subscriptions"],
        [{ info: "x".repeat(1_023) }, "too_large"],
        [{ member: "" }, "bad_message"],
      ] as const
    ) {
      say(peer, { type: "subscribe", channel: "c", id: code, ...more });
      await world.clock.turnOver();
      assertEquals(ofType(peer, "error").at(-1).code, code);
      assertEquals(ofType(peer, "error").at(-1).id, code);
    }
    assertEquals(namesOf(await list(world, peer)), ["m"]);
    assertEquals(world.hub.presence.size, 1);
  }, { maxSubscriptions: 1 }));

Deno.test("A token that loses the right to subscribe ends the membership", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const peer = await subscribe(world, { presence: true, member: "m" }, "jwt:ann");
    const command = { kind: "restrict", maySubscribe: () => false } as const;
    world.hub.tell({ kind: "command", subscriber: peer.client, command });
    await subscribe(world, { member: "late" });
    await world.clock.pass(GRACE_MS + LATE_MS);
    assertEquals(changes(watcher), ["joined watcher", "joined m", "joined late", "left m"]);
    assertEquals(changes(peer), ["joined m"]);
  }));

Deno.test("presence and a membership need the right to subscribe", () =>
  withGrace(async (world) => {
    const rights = { maySubscribe: () => false, mayPublish: () => true, mayRelay: () => true };
    const peer = world.connect({ grant: { rights } });
    say(peer, { type: "presence", channel: "c", id: "p" });
    say(peer, { type: "subscribe", channel: "c", member: "m", id: "s" });
    await world.clock.turnOver();
    const errors = ofType(peer, "error").map(({ code, id }) => [code, id]);
    assertEquals(errors, [["forbidden", "p"], ["forbidden", "s"]]);
    assertEquals(world.hub.presence.size, 0);
  }));

Deno.test("A grace of 0 lets a member leave at once", () =>
  withWorld({ presenceGraceMs: 0 }, async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const peer = await subscribe(world, { member: "m" });
    peer.socket.leave();
    await world.clock.pass(LATE_MS);
    assertEquals(changes(watcher), ["joined watcher", "joined m", "left m"]);
  }));

for (
  const { how, stallMs, beforeMs, afterMs } of [
    { how: "block", stallMs: 10_000, beforeMs: 500, afterMs: 400 },
    { how: "block", stallMs: 10_000, beforeMs: 20, afterMs: 200 },
    { how: "stop", stallMs: 150, beforeMs: 155, afterMs: 30 }, // shorter than the wheel may sleep
  ] as const
) {
  Deno.test(`A stall of ${stallMs} ms, ${beforeMs} ms before the end of a grace, lets nobody leave`, () =>
    withGrace(async (world) => {
      const watcher = await subscribe(world, { presence: true, member: "watcher" });
      const peer = await subscribe(world, { member: "m" });
      peer.socket.leave({ byPeer: false });
      await world.clock.pass(GRACE_MS - beforeMs);
      world.clock[how](stallMs);
      await world.clock.pass(afterMs); // who has returned meanwhile is read late
      await subscribe(world, { member: "m" });
      await world.clock.pass(2 * GRACE_MS);
      assertEquals(changes(watcher), ["joined watcher", "joined m"]);
    }));
}

Deno.test("A member that subscribes in the same turn in which it would leave stays", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const peer = await subscribe(world, { member: "m" });
    const returned = connect(world);
    let isFirst = false;
    world.wheel.schedule({
      onDue() {
        isFirst = world.hub.backlog === 0;
        say(returned, { type: "subscribe", channel: "c", member: "m" });
        return Infinity;
      },
    }, world.wheel.now() + GRACE_MS);
    peer.socket.leave({ byPeer: false });
    await world.clock.pass(2 * GRACE_MS);
    assert(isFirst, "the wheel's call to presence comes behind it, in the same tick");
    assertEquals(changes(watcher), ["joined watcher", "joined m"]);
  }));

Deno.test("With more than 1000 members their number is told, once a second, when it has changed", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const peers: TestPeer[] = [];
    const join = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const peer = connect(world);
        say(peer, { type: "subscribe", channel: "c", member: `m${peers.push(peer)}` });
      }
      await world.clock.pass(10);
    };
    const counts = () => ofType(watcher, "members").map(({ count }) => count);
    await join(999);
    assertEquals([ofType(watcher, "joined").length, counts()], [1_000, []]);
    await join(1);
    assertEquals(ofType(watcher, "members"), [{ type: "members", channel: "c", count: 1_001 }]);
    await join(500);
    await world.clock.pass(900);
    assertEquals(counts(), [1_001]);
    await world.clock.pass(200);
    assertEquals(counts(), [1_001, 1_501]);
    const answer = await list(world, watcher);
    assertEquals([answer.count, answer.members.length, answer.more], [1_501, 1_000, true]);
    await world.clock.pass(5_000);
    assertEquals(counts().length, 2);
    for (const { socket } of peers.splice(998)) socket.leave();
    await world.clock.pass(GRACE_MS + 1_200);
    assertEquals(counts(), [1_001, 1_501, 1_500, 999]);
    assertEquals(ofType(watcher, "joined").length, 1_000);
    const named = ofType(watcher, "left").length; // at 1000 and below
    assertEquals(named, 1);
    peers.pop()!.socket.leave();
    await world.clock.pass(GRACE_MS + 1_200);
    assertEquals([ofType(watcher, "left").length, counts().at(-1)], [2, 999]);
    assertEquals((await list(world, watcher)).count, 998);
  }));

Deno.test("A number of members that is again the one that was told is not told", () =>
  withWorld({ presenceGraceMs: 300 }, async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const peers = Array.from({ length: 1_001 }, () => connect(world));
    for (const peer of peers) say(peer, { type: "subscribe", channel: "c", info: 1 });
    await world.clock.pass(2_000);
    const counts = () => ofType(watcher, "members").map(({ count }) => count);
    assertEquals(counts(), [1_001, 1_002]);
    peers[0].socket.leave();
    await world.clock.pass(400);
    assertEquals(counts().at(-1), 1_001);
    peers[1].socket.leave();
    await subscribe(world, { member: "new" });
    await world.clock.pass(5_000);
    assertEquals(counts(), [1_001, 1_002, 1_001]);
  }));

Deno.test("A list has at most 256 KiB of members", () =>
  withGrace(async (world) => {
    const info = "x".repeat(1_022);
    for (let i = 0; i < 300; i++) await subscribe(world, { info });
    const asking = connect(world);
    const { count, members, more } = await list(world, asking);
    assertEquals([count, more], [300, true]);
    const bytes = asking.socket.texts.at(-1)!.length;
    assert(bytes > 260_000 && bytes < 262_400, `${bytes}`);
    assertEquals(members.length, 224);
  }));

Deno.test("Joined is one frame for all who are told", () =>
  withGrace(async (world) => {
    const told = [];
    for (let i = 0; i < 5; i++) told.push(await subscribe(world, { presence: true }));
    await world.clock.pass(10);
    await subscribe(world, { member: "m" });
    const batches = told.map(({ socket }) => socket.batches.at(-1));
    assert(batches.every((batch) => batch === batches[0]));
  }));

Deno.test("Members that are away take bounded memory: beyond it the first to leave leaves early", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const first = await subscribe(world, { member: "first" });
    first.socket.leave();
    await world.clock.turnOver();
    const flapping = connect(world);
    const info = "x".repeat(1_022);
    let names = 0;
    for (; world.hub.presence.leftEarly === 0; names++) {
      say(flapping, { type: "subscribe", channel: `${names % 100}`, member: `m${names}`, info });
      if (names % 1_000 === 999) await world.clock.turnOver();
      assertLess(names, 30_000);
    }
    assertGreater(names, 20_000);
    assertEquals(changes(watcher), ["joined watcher", "joined first", "left first"]);
    const { size } = world.hub.presence;
    for (let i = 0; i < 10_000; i++) {
      say(flapping, { type: "subscribe", channel: `${i % 100}`, member: `n${i}`, info });
      if (i % 1_000 === 999) await world.clock.turnOver();
    }
    assertLess(Math.abs(world.hub.presence.size - size), 2_000);
    assertGreater(world.hub.presence.leftEarly, 5_000);
    await world.clock.pass(GRACE_MS + LATE_MS);
    assertEquals(world.hub.presence.size, 101);
    const { leftEarly } = world.hub.presence;
    const last = await subscribe(world, { member: "last" });
    last.socket.leave();
    await world.clock.pass(GRACE_MS - 100);
    assertEquals([world.hub.presence.size, world.hub.presence.leftEarly], [102, leftEarly]);
  }));

Deno.test("Members leave in time, however many others leave later", () =>
  withGrace(async (world) => {
    const watcher = await subscribe(world, { presence: true, member: "watcher" });
    const leftMs: number[] = [];
    for (let i = 0; i < 20; i++) {
      const peer = await subscribe(world, { member: `m${i}` });
      peer.socket.leave();
      leftMs.push(world.clock.now());
      await world.clock.pass(500);
      const due = leftMs.filter((ms) => world.clock.now() >= ms + GRACE_MS + LATE_MS).length;
      assertEquals(ofType(watcher, "left").length, due, `${i}`);
    }
  }));

Deno.test("A mass of members that leave does not occupy the hub: others are served between", () =>
  withGrace(async (world) => {
    const told = Array.from({ length: 500 }, () => connect(world));
    for (const peer of told) say(peer, { type: "subscribe", channel: "c", presence: true });
    await world.clock.turnOver();
    const leaving = Array.from({ length: 400 }, () => connect(world));
    for (const peer of leaving) say(peer, { type: "subscribe", channel: "c", info: 1 });
    await world.clock.turnOver();
    for (const { socket } of leaving) socket.leave();
    await world.clock.turnOver();
    await world.clock.pass(GRACE_MS - 100);
    let worst = 0;
    let before = ofType(told[0], "left").length;
    const look = () => {
      const now = ofType(told[0], "left").length;
      worst = Math.max(worst, now - before);
      before = now;
      if (now < 400) world.clock.turn(look);
    };
    world.clock.turn(look);
    await world.clock.pass(200);
    assertEquals(before, 400);
    assertLess(worst, 100); // 32 768 frames are a turn
    assertEquals(told.filter(({ socket }) => socket.closedWith).length, 0);
  }));

Deno.test("Any interleaving of subscriptions and ends: joined and left alternate, the list agrees", async () => {
  const KEY_IDS = ["jwt:ann", "jwt:ann", "jwt:bob", "some-key", undefined];
  const CHANNELS = ["c", "d"];
  const who = fc.nat(KEY_IDS.length - 1);
  const channel = fc.constantFrom(...CHANNELS);
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        what: fc.constant("subscribe" as const),
        who,
        channel,
        member: fc.constantFrom("m", "n", undefined),
        info: fc.option(fc.nat(3), { nil: undefined }),
        presence: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("plain" as const), who, channel }) },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant("unsubscribe" as const), who, channel }),
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("cut" as const), who }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("pass" as const), ms: fc.nat(6_000) }) },
  );
  const seen = { joined: 0, left: 0, inGrace: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }),
      (steps) =>
        withGrace(async (world) => {
          const watcher = connect(world, "jwt:watcher");
          for (const channel of CHANNELS) {
            say(watcher, { type: "subscribe", channel, presence: true, member: "w" });
          }
          const peers = KEY_IDS.map((keyId) => connect(world, keyId));
          const model = new Model();
          for (const [step, isTurn] of steps) {
            switch (step.what) {
              case "subscribe":
              case "plain": {
                const { what: _, who, ...message } = step;
                say(peers[who], { type: "subscribe", ...message });
                const user = KEY_IDS[who]?.startsWith("jwt:") ? KEY_IDS[who]!.slice(4) : null;
                const isMember = "presence" in message &&
                  (message.presence || message.member !== undefined || message.info !== undefined);
                model.end(peers[who], step.channel, world.clock.now());
                if (isMember) {
                  const { member = peers[who].client.id, info = null } = message;
                  model.subscribe(peers[who], step.channel, { user, member, info });
                }
                break;
              }
              case "unsubscribe":
                say(peers[step.who], { type: "unsubscribe", channel: step.channel });
                model.end(peers[step.who], step.channel, world.clock.now());
                break;
              case "cut":
                peers[step.who].socket.leave({ byPeer: false });
                for (const channel of CHANNELS) {
                  model.end(peers[step.who], channel, world.clock.now());
                }
                peers[step.who] = connect(world, KEY_IDS[step.who]);
                break;
              case "pass":
                await world.clock.pass(step.ms);
            }
            if (!isTurn) continue;
            for (const channel of CHANNELS) {
              const answer = await list(world, watcher, channel);
              seen.inGrace += model.check(channel, answer, world.clock.now());
              assertEquals(presentOf(watcher, channel), keysOf(answer));
            }
          }
          for (const { socket } of peers) socket.leave();
          await world.clock.pass(GRACE_MS + LATE_MS);
          for (const channel of CHANNELS) {
            assertEquals(presentOf(watcher, channel), ['"watcher" w']);
          }
          assertEquals(world.hub.presence.size, CHANNELS.length);
          seen.joined += ofType(watcher, "joined").length;
          seen.left += ofType(watcher, "left").length;
          watcher.socket.leave();
          await world.clock.pass(GRACE_MS + LATE_MS);
          assertEquals(world.hub.presence.size, 0);
        }),
    ),
    { numRuns: Number(Deno.env.get("PROPERTY_RUNS") ?? 500) },
  );
  assertGreater(seen.left, 500);
  assertGreater(seen.joined, seen.left);
  assertGreater(seen.inGrace, 100);
});

interface ModelMember {
  readonly user: string | null;
  readonly member: string;
  readonly info: unknown;
}

const keyOf = ({ user, member }: ModelMember) => `${JSON.stringify(user)} ${member}`;
const keysOf = ({ members }: Message): string[] => members.map(keyOf).sort();

/** Who is there, by `joined` and `left` alone, which must alternate for each member. */
function presentOf(peer: TestPeer, channel: string): string[] {
  const present = new Set<string>();
  for (const change of ofType(peer, "joined", "left")) {
    if (change.channel !== channel) continue;
    const key = keyOf(change);
    assertEquals(present.has(key), change.type === "left", `${change.type} ${key}`);
    if (change.type === "joined") present.add(key);
    else present.delete(key);
  }
  return [...present].sort();
}

/** Subscriptions in the order of subscribing, and who was seen last when. */
class Model {
  #subscriptions: { peer: TestPeer; channel: string; member: ModelMember }[] = [];
  readonly #endedMs = new Map<string, number>();

  subscribe(peer: TestPeer, channel: string, member: ModelMember): void {
    this.#subscriptions.push({ peer, channel, member });
  }

  end(peer: TestPeer, channel: string, nowMs: number): void {
    const ended = this.#subscriptions.find((it) => it.peer === peer && it.channel === channel);
    if (ended === undefined) return;
    this.#subscriptions = this.#subscriptions.filter((it) => it !== ended);
    this.#endedMs.set(`${channel} ${keyOf(ended.member)}`, nowMs);
  }

  /** Compares a list. @returns how many are listed that have no subscription */
  check(channel: string, { count, members, more }: Message, nowMs: number): number {
    assertEquals([members.length, more], [count, false]);
    const newest = new Map<string, { clientId: string; info: unknown }>();
    for (const { peer, member, ...of } of this.#subscriptions) {
      if (of.channel !== channel) continue;
      newest.set(keyOf(member), { clientId: peer.client.id, info: member.info });
    }
    const listed = new Set<string>();
    let inGrace = 0;
    for (const member of members) {
      const key = keyOf(member);
      listed.add(key);
      if (key === '"watcher" w') continue;
      const { clientId, info } = member;
      if (newest.has(key)) assertEquals({ clientId, info }, newest.get(key));
      else {
        assertLess(nowMs - this.#endedMs.get(`${channel} ${key}`)!, GRACE_MS + LATE_MS, key);
        inGrace++;
      }
    }
    for (const key of newest.keys()) assert(listed.has(key), `${key} is missing`);
    for (const [of, endedMs] of this.#endedMs) {
      if (!of.startsWith(`${channel} `) || nowMs - endedMs >= GRACE_MS) continue;
      assert(listed.has(of.slice(channel.length + 1)), `${of} has left early`);
    }
    return inGrace;
  }
}
