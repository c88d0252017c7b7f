import { assert, assertEquals } from "@std/assert";
import { SignJWT, UnsecuredJWT } from "jose";
import { createHash } from "node:crypto";
import { Authenticator } from "../../server/auth/authenticator.ts";
import { grantOf, OPEN_GRANT } from "../../server/auth/grant.ts";
import { KeyRing, parseKeys } from "../../server/auth/keys.ts";
import { Suspensions } from "../../server/auth/suspensions.ts";
import { Tickets } from "../../server/auth/tickets.ts";
import { Tokens } from "../../server/auth/tokens.ts";
import { KvStore } from "../../server/stores/kv.ts";
import type { Store } from "../../server/stores/store.ts";
import { failingStore } from "../support/fakes/failing_store.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";
import type { Credential } from "../../server/auth/credential.ts";

const newId = () => crypto.randomUUID();
const JWT_SECRET = "0123456789abcdef0123456789abcdef";
const RULES = { afterViolations: 1, windowMs: 60_000, durationMs: 60_000 };
const LIFE_MS = 3_600_000;

interface Setup {
  readonly keys?: readonly string[];
  readonly jwt?: boolean;
  readonly store?: Store;
}

/** A authenticator before keys whose secret is `s-<id>`; `old` expires after an hour. */
class AuthFixture {
  readonly clock = new VirtualClock();
  readonly errors: unknown[] = [];
  readonly suspensions: Suspensions;
  readonly tickets: Tickets;
  readonly tokens = new Tokens({ secret: JWT_SECRET });
  readonly authenticator: Authenticator;
  readonly store: Store;

  constructor(store: Store, { keys = ["k1", "k2", "old"], jwt = true }: Setup = {}) {
    const { clock } = this;
    const onError = (error: unknown) => void this.errors.push(error);
    this.store = store;
    this.suspensions = new Suspensions({ store, clock, newId, rules: RULES, onError });
    this.tickets = new Tickets({ store, clock, newId, ttlMs: 300_000, perMinute: 0 });
    this.authenticator = this.gateFor({ keys, jwt });
  }

  /** Another authenticator on the same state, as after a restart with another configuration. */
  gateFor({ keys = [], jwt = false }: Setup): Authenticator {
    const { clock, suspensions, tickets } = this;
    const list = keys.map((id) => ({
      id,
      secretSha256: createHash("sha256").update(`s-${id}`).digest("hex"),
      publish: ["*"],
      ...(id === "old" && { expiresAt: new Date(clock.wall() + LIFE_MS).toISOString() }),
    }));
    const ring = new KeyRing(list.length === 0 ? [] : parseKeys(JSON.stringify(list)));
    return new Authenticator({
      keys: ring,
      tokens: jwt ? this.tokens : undefined,
      tickets,
      suspensions,
      clock,
      onError: (error) => this.errors.push(error),
    });
  }

  /** The key id that gets in, or why nobody does. */
  async outcome(
    presented: Credential,
    authenticator = this.authenticator,
  ): Promise<string | undefined> {
    const result = await authenticator.check(presented);
    if (result.kind === "granted") return result.grant.keyId;
    // Not shorter ones, which stand in any text.
    const { kind: _, ...parts } = presented;
    for (const part of Object.values(parts).filter((part) => part.length > 3)) {
      assert(presented.kind === "unreadable" || !result.detail.includes(part), "repeats it");
    }
    return `refused: ${result.detail}`;
  }

  token(token: string, authenticator = this.authenticator): Promise<string | undefined> {
    return this.outcome({ kind: "token", token }, authenticator);
  }

  jwt(claims: object = {}, secret = JWT_SECRET): Promise<string> {
    const exp = Math.floor(this.clock.wall() / 1_000) + 60;
    return new SignJWT({ sub: "alice", exp, systole: { publish: ["*"] }, ...claims })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(secret));
  }
}

function test(name: string, body: (fixture: AuthFixture) => Promise<void>, setup?: Setup): void {
  Deno.test(name, async () => {
    const clock = new VirtualClock();
    const store = await KvStore.open({ kind: "memory" }, clock);
    const fixture = new AuthFixture(setup?.store ?? store, setup);
    await body(fixture);
    await store.close();
  });
}

const UNKNOWN = "refused: unknown key or wrong secret";

test("check() lets a key in by token and by pair, with what it gives", async (fixture) => {
  assertEquals(await fixture.token("k1.s-k1"), "k1");
  assertEquals(await fixture.outcome({ kind: "pair", id: "k2", secret: "s-k2" }), "k2");
  const result = await fixture.authenticator.check({ kind: "token", token: "k1.s-k1" });
  assert(result.kind === "granted");
  assert(result.grant.rights.mayPublish("c") && !result.grant.rights.maySubscribe("c"));
});

test("check() refuses no credential and wrong ones, with the same words for any key", async (fixture) => {
  assertEquals(await fixture.outcome({ kind: "none" }), "refused: no credential");
  assertEquals(await fixture.token("k1.s-k2"), UNKNOWN);
  assertEquals(await fixture.token("k9.s-k9"), UNKNOWN);
  assertEquals(await fixture.outcome({ kind: "pair", id: "k1", secret: "" }), UNKNOWN);
  const form = "refused: the credential is neither <id>.<secret> nor a JWT";
  for (const token of ["k1", "k1:s-k1", "a.b.c.d", "k1.", "Bearer k1.s-k1"]) {
    assertEquals(await fixture.token(token), form, token);
  }
});

test("check() says which fault a key has, for systems with a text for each", async (fixture) => {
  const faultOf = async (token: string) => {
    const result = await fixture.authenticator.check({ kind: "token", token });
    return result.kind === "rejected" ? result.fault : result.kind;
  };
  assertEquals(await faultOf("k9.s-k9"), "invalid");
  assertEquals(await faultOf("k1.s-k2"), "invalid");
  fixture.clock.block(LIFE_MS);
  assertEquals(await faultOf("old.s-old"), "expired");
  assertEquals(await faultOf("old.wrong"), "invalid");
  await fixture.suspensions.violation("k1");
  assertEquals(await faultOf("k1.s-k1"), "suspended");
  assertEquals(await faultOf("k1.wrong"), "invalid");
});

test("check() refuses what cannot be read with its own detail, on an open hub too", async (fixture) => {
  const unreadable = { kind: "unreadable", detail: "two credentials at once" } as const;
  assertEquals(await fixture.outcome(unreadable), "refused: two credentials at once");
  assertEquals(
    await fixture.outcome(unreadable, new Authenticator()),
    "refused: two credentials at once",
  );
});

test("check() refuses an expired key from the moment on, but tells its owner alone", async (fixture) => {
  fixture.clock.block(LIFE_MS - 1);
  assertEquals(await fixture.token("old.s-old"), "old");
  fixture.clock.block(1);
  assertEquals(await fixture.token("old.s-old"), "refused: the key has expired");
  assertEquals(await fixture.token("old.wrong"), UNKNOWN);
  assertEquals(await fixture.token("k1.s-k1"), "k1");
});

test("check() refuses a suspended key until that ends, and no other", async (fixture) => {
  const suspended = "refused: the key is suspended for breaking its limits";
  await fixture.suspensions.violation("k1");
  assertEquals(await fixture.token("k1.s-k1"), suspended);
  assertEquals(await fixture.token("k1.wrong"), UNKNOWN);
  assertEquals(await fixture.token("k2.s-k2"), "k2");
  fixture.clock.block(RULES.durationMs);
  assertEquals(await fixture.token("k1.s-k1"), "k1");
  await fixture.suspensions.violation("k1");
  await fixture.suspensions.lift("k1");
  assertEquals(await fixture.token("k1.s-k1"), "k1");
});

test("check() takes a JWT by its two dots, and refuses bad ones", async (fixture) => {
  assertEquals(await fixture.token(await fixture.jwt()), "jwt:alice");
  const foreign = await fixture.jwt({}, JWT_SECRET.replace("0", "1"));
  assertEquals(
    await fixture.token(foreign),
    "refused: the token is not signed by a key that is trusted here",
  );
  assertEquals(
    await fixture.token(await fixture.jwt({ exp: 1 })),
    "refused: the token has expired",
  );
  const none = new UnsecuredJWT({ sub: "alice", exp: 9e9, systole: {} }).encode();
  assertEquals(
    await fixture.token(none),
    "refused: the token is not signed in a way that is accepted here",
  );
  assertEquals(
    await fixture.token(await fixture.jwt(), fixture.gateFor({ keys: ["k1"] })),
    "refused: no JWT is accepted here",
  );
});

test("check() keeps a token's name apart from a key's, also when it is suspended", async (fixture) => {
  const token = await fixture.jwt({ sub: "k1" });
  await fixture.suspensions.violation("jwt:k1");
  assertEquals(await fixture.token("k1.s-k1"), "k1");
  assertEquals(
    await fixture.token(token),
    "refused: the key is suspended for breaking its limits",
  );
});

const GONE = "refused: unknown, used or expired ticket";

test("check() takes a ticket once, with the grant of the key that fetched it", async (fixture) => {
  const byKey = await ticketOf(fixture, { kind: "token", token: "k1.s-k1" });
  const byToken = await ticketOf(fixture, { kind: "token", token: await fixture.jwt() });
  assertEquals(await fixture.outcome({ kind: "ticket", ticket: byKey }), "k1");
  assertEquals(await fixture.outcome({ kind: "ticket", ticket: byKey }), GONE);
  const result = await fixture.authenticator.check({ kind: "ticket", ticket: byToken });
  assert(result.kind === "granted");
  assertEquals(result.grant.keyId, "jwt:alice");
  assert(result.grant.rights.mayPublish("c") && !result.grant.rights.maySubscribe("c"));
  assertEquals(await fixture.outcome({ kind: "ticket", ticket: crypto.randomUUID() }), GONE);
  assertEquals(
    await fixture.token(byKey),
    "refused: the credential is neither <id>.<secret> nor a JWT",
  );
});

test("check() refuses a ticket whose key has expired, is suspended or was taken away", async (fixture) => {
  const fetch = async (id: string) => {
    const ticket = await ticketOf(fixture, { kind: "token", token: `${id}.s-${id}` });
    return { kind: "ticket", ticket } as const;
  };
  const [k1, k2] = [await fetch("k1"), await fetch("k2")];
  await fixture.suspensions.violation("k1");
  assertEquals(
    await fixture.outcome(k1),
    "refused: the key is suspended for breaking its limits",
  );
  assertEquals(await fixture.outcome(k2, fixture.gateFor({ keys: ["k1"], jwt: true })), GONE);
  const jwt = await ticketOf(fixture, { kind: "token", token: await fixture.jwt() });
  assertEquals(
    await fixture.outcome({ kind: "ticket", ticket: jwt }, fixture.gateFor({ keys: ["k1"] })),
    GONE,
  );
  fixture.clock.block(LIFE_MS - 1);
  const old = await fetch("old");
  fixture.clock.block(1);
  assertEquals(await fixture.outcome(old), "refused: the key has expired");
});

test("check() refuses a ticket that was fetched while the hub was open", async (fixture) => {
  const answer = await fixture.tickets.issue(OPEN_GRANT, "192.0.2.1");
  assert(answer.kind === "issued");
  assertEquals(await fixture.outcome({ kind: "ticket", ticket: answer.ticket }), GONE);
});

test(
  "A authenticator without keys and tokens is open: any credential or none, used or not",
  async (fixture) => {
    for (const authenticator of [fixture.authenticator, new Authenticator()]) {
      assert(authenticator.open && authenticator.isKey("anything"));
      const presented: Credential[] = [
        { kind: "none" },
        { kind: "token", token: "whatever" },
        { kind: "pair", id: "a", secret: "b" },
        { kind: "ticket", ticket: "t" },
        { kind: "ticket", ticket: "t" },
      ];
      for (const each of presented) {
        assertEquals(await authenticator.check(each), { kind: "granted", grant: OPEN_GRANT });
      }
    }
  },
  { keys: [], jwt: false },
);

test("A authenticator with tokens alone is closed", async (fixture) => {
  assert(!fixture.authenticator.open);
  assert(fixture.authenticator.isKey("any"), "where no key is configured any socketToken will do");
  assertEquals(await fixture.outcome({ kind: "none" }), "refused: no credential");
  assertEquals(await fixture.token("k1.s-k1"), UNKNOWN);
  assertEquals(await fixture.token(await fixture.jwt()), "jwt:alice");
}, { keys: [], jwt: true });

test("isKey() knows keys that hold now, and no tokens or tickets", async (fixture) => {
  const { authenticator, clock, suspensions } = fixture;
  assert(authenticator.isKey("k1.s-k1") && authenticator.isKey("old.s-old"));
  for (const text of ["", "k1", "k1.s-k2", "k9.s-k9", await fixture.jwt(), crypto.randomUUID()]) {
    assert(!authenticator.isKey(text), text);
  }
  await suspensions.violation("k1");
  assert(!authenticator.isKey("k1.s-k1") && authenticator.isKey("k2.s-k2"));
  clock.block(LIFE_MS);
  assert(authenticator.isKey("k1.s-k1") && !authenticator.isKey("old.s-old"));
});

test(
  "check() refuses a ticket, and lets a key in, when the store is gone; it tells of both",
  async (fixture) => {
    assertEquals(await fixture.token("k1.s-k1"), "k1");
    assertEquals(
      await fixture.outcome({ kind: "ticket", ticket: "t" }),
      "refused: the credential cannot be checked at the moment",
    );
    assertEquals(fixture.errors.length, 2);
  },
  { store: failingStore },
);

/** Fetches a ticket as the HTTP route does. */
async function ticketOf(
  { authenticator, tickets }: AuthFixture,
  presented: Credential,
): Promise<string> {
  const result = await authenticator.check(presented);
  assert(result.kind === "granted");
  const answer = await tickets.issue(result.grant, "192.0.2.1");
  assert(answer.kind === "issued");
  return answer.ticket;
}

Deno.test("grantOf() makes rights of patterns", () => {
  const { rights } = grantOf({ ...OPEN_GRANT, publish: ["a"], subscribe: ["b*"] });
  assert(rights.mayPublish("a") && !rights.mayPublish("b"));
  assert(rights.maySubscribe("bc") && !rights.maySubscribe("a"));
});
