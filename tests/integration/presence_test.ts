import { assert, assertEquals } from "@std/assert";
import { signedToken, testKey } from "../support/server/credentials.ts";
import { bearer, GuardedServer, type Guest } from "../support/server/guarded_server.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { at } from "../support/until.ts";

const JWT_SECRET = `signs tokens here ${crypto.randomUUID()}`;
const KEY = testKey("a-key-that-nobody-sees");
const GRACE_MS = 1_000;

// deno-lint-ignore no-explicit-any -- tests look into messages freely
type Message = any;

async function start(): Promise<GuardedServer> {
  const env = { PRESENCE_GRACE_MS: `${GRACE_MS}` };
  return await GuardedServer.start({ keys: [KEY], jwtSecret: JWT_SECRET, env });
}

/** Connects as the subject of a token, or with the key, and subscribes to `room`. */
async function join(server: GuardedServer, sub?: string, member?: string): Promise<Guest> {
  const credential = sub === undefined
    ? KEY.credential
    : server.secret(await signedToken(JWT_SECRET, { sub }));
  const guest = await server.enter({ path: "/ws", headers: bearer(credential) });
  await guest.nextJson();
  await guest.say({ type: "subscribe", channel: "room", presence: true, member });
  assertEquals((await guest.nextJson()).type, "subscribed");
  return guest;
}

const who = ({ type, user, member }: Message) => [type, user, member];

integrationTest(
  "user is the sub of a token, and null for a key, whose id nobody sees",
  async () => {
    await using server = await start();
    using alice = await join(server, "alice", "m");
    assertEquals(who(await alice.nextJson()), ["joined", "alice", "m"]);
    using keyed = await join(server, undefined, "m");
    const { clientId, ...joined } = await alice.nextJson();
    assertEquals(joined, { type: "joined", channel: "room", user: null, member: "m", info: null });
    assertEquals(await keyed.nextJson(), { ...joined, clientId });
    const answer = await server.ask({
      path: "/api/v1/channels/room/presence",
      headers: bearer(KEY.credential),
    });
    const { count, members } = JSON.parse(answer.body);
    assertEquals(count, 2);
    assertEquals(members.map(({ user }: Message) => user), ["alice", null]);
    assert(!answer.body.includes(KEY.id));
  },
);

integrationTest(
  "Who is cut and returns within the grace has not left; who is gone has, after it",
  async () => {
    await using server = await start();
    using watcher = await join(server, "watcher", "w");
    await watcher.nextJson();
    for (let visits = 0; visits < 5; visits++) {
      using _guest = await join(server, "alice", "m"); // it ends without a word
    }
    const cutMs = performance.now();
    assertEquals(who(await watcher.nextJson()), ["joined", "alice", "m"]);
    assertEquals(who(await watcher.nextJson()), ["left", "alice", "m"]);
    const tookMs = performance.now() - cutMs;
    assert(tookMs >= GRACE_MS - 50, `${tookMs} ms`);
    await at(performance.now() + GRACE_MS / 2);
    await watcher.say({ type: "presence", channel: "room", id: "p" });
    assertEquals((await watcher.nextJson()).count, 1, "no other joined or left came before");
    const metrics = (await server.asOperator("/metrics")).body;
    assert(metrics.includes("\nsystole_members 1\n"), metrics);
  },
);
