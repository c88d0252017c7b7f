import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { grantOf, OPEN_GRANT } from "../../server/auth/grant.ts";
import { Tickets } from "../../server/auth/tickets.ts";
import { KvStore } from "../../server/stores/kv.ts";
import type { Store } from "../../server/stores/store.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const newId = () => crypto.randomUUID();
const TTL_MS = 300_000;
const TERMS = { keyId: "k1", publish: ["*"], subscribe: ["a/*"], admin: false, maxConnections: 2 };
const GRANT = grantOf(TERMS);
const ADDRESS = "192.0.2.1";

function test(
  name: string,
  body: (tickets: Tickets, clock: VirtualClock, store: Store) => Promise<void>,
  perMinute = 20,
): void {
  Deno.test(name, async () => {
    const clock = new VirtualClock();
    const store = await KvStore.open({ kind: "memory" }, clock);
    await body(new Tickets({ store, clock, newId, ttlMs: TTL_MS, perMinute }), clock, store);
    await store.close();
  });
}

async function issued(tickets: Tickets, grant = GRANT, address = ADDRESS): Promise<string> {
  const answer = await tickets.issue(grant, address);
  assert(answer.kind === "issued", "limited");
  return answer.ticket;
}

test("redeem() gives the claims of the key that fetched the ticket, once", async (tickets) => {
  const [one, two] = [await issued(tickets), await issued(tickets)];
  assertNotEquals(one, two);
  assert(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(one));
  assertEquals(await tickets.redeem(one), TERMS);
  assertEquals(await tickets.redeem(one), undefined);
  assertEquals(await tickets.redeem(two), TERMS);
});

test("redeem() gives a ticket to one of those who come at the same time", async (tickets) => {
  const ticket = await issued(tickets);
  const all = await Promise.all(Array.from({ length: 20 }, () => tickets.redeem(ticket)));
  assertEquals(all.filter((claims) => claims !== undefined), [TERMS]);
});

test(
  "redeem() refuses a ticket when its time is over, and any other text",
  async (tickets, clock) => {
    const [early, late] = [await issued(tickets), await issued(tickets)];
    clock.block(TTL_MS - 1);
    assertEquals(await tickets.redeem(early), TERMS);
    clock.block(1);
    assertEquals(await tickets.redeem(late), undefined);
    for (const text of ["", "x", "ü".repeat(10_000), late.toUpperCase()]) {
      assertEquals(await tickets.redeem(text), undefined);
    }
  },
);

test(
  "Tickets survive a restart, and are not to be read in the store",
  async (tickets, clock, store) => {
    const ticket = await issued(tickets);
    assert(!JSON.stringify(await store.list("tickets")).includes(ticket));
    const again = new Tickets({ store, clock, newId, ttlMs: TTL_MS, perMinute: 20 });
    assertEquals(await again.redeem(ticket), TERMS);
  },
);

test(
  "issue() limits each key by itself over any minute, and says when to come back",
  async (tickets, clock) => {
    for (let i = 0; i < 10; i++) await issued(tickets); // at 0 s
    clock.block(30_000);
    for (let i = 0; i < 10; i++) await issued(tickets); // at 30 s
    assertEquals(await tickets.issue(GRANT, ADDRESS), { kind: "limited", retryAfterMs: 30_000 });
    await issued(tickets, grantOf({ ...TERMS, keyId: "k2" }));
    clock.block(29_999);
    assertEquals(await tickets.issue(GRANT, ADDRESS), { kind: "limited", retryAfterMs: 1 });
    clock.block(1); // 60 s: the first ten no longer count
    for (let i = 0; i < 10; i++) await issued(tickets);
    assertEquals((await tickets.issue(GRANT, ADDRESS)).kind, "limited");
  },
);

test("issue() limits by address where nobody has a key", async (tickets) => {
  await issued(tickets, OPEN_GRANT, "192.0.2.1");
  assertEquals((await tickets.issue(OPEN_GRANT, "192.0.2.1")).kind, "limited");
  await issued(tickets, OPEN_GRANT, "192.0.2.2");
}, 1);

test("issue() exempts those without an address, who cannot be told apart", async (tickets) => {
  for (let i = 0; i < 3; i++) await issued(tickets, OPEN_GRANT, "");
  await issued(tickets, GRANT, "");
  assertEquals((await tickets.issue(GRANT, "")).kind, "limited"); // a key is a key
}, 1);

test("issue() sets no limit when TICKETS_PER_MINUTE is 0", async (tickets) => {
  for (let i = 0; i < 50; i++) await issued(tickets);
}, 0);
