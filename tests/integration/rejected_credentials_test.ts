/**
 * Who has no right credential does not get in, is told so in the words of the system that was asked
 * for, and learns nothing.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  signedToken,
  type TestKey,
  testKey,
  unsignedToken,
} from "../support/server/credentials.ts";
import { KEY_SCHEMES, TALO_SCHEME } from "../support/server/credential_places.ts";
import { bearer, GuardedServer, type RoutedUpgrade } from "../support/server/guarded_server.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import type { HttpAnswer } from "../support/peers/plain_http.ts";
import { patternOf } from "../support/peers/transcript.ts";
import { within } from "../support/until.ts";

const JWT_SECRET = `signs tokens here ${crypto.randomUUID()}`;
const FOREIGN_SECRET = `signs tokens elsewhere ${crypto.randomUUID()}`;
const FULL = testKey("full");
const OTHER = testKey("other");
const EXPIRED = testKey("expired", { expiresAt: "2020-01-01T00:00:00Z" });
/** Its second message is one too many. */
const NAUGHTY = testKey("naughty", { maxMessagesPerMinute: 1 });
const ORIGINS = ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://"];

function start(): Promise<GuardedServer> {
  return GuardedServer.start({
    keys: [FULL, OTHER, EXPIRED, NAUGHTY],
    jwtSecret: JWT_SECRET,
    env: { SUSPEND_AFTER_VIOLATIONS: "1", CLOSE_WAIT_MS: "100", TICKETS_PER_MINUTE: "0" },
  });
}

/** Breaks the key's limit, so that it is suspended. */
async function suspend(server: GuardedServer, { credential }: TestKey): Promise<void> {
  using guest = await server.enter({ path: "/ws", headers: bearer(credential) });
  await guest.next();
  await guest.say({ type: "ping" });
  await guest.next();
  await guest.say({ type: "ping" });
  assertEquals((await guest.close())[0], 1008);
  await server.process.line("key suspended for repeated violations");
}

/** A good token, but for what it says. */
function tampered(token: string, other: string): string {
  const [header, , signature] = token.split(".");
  return [header, other.split(".")[1], signature].join(".");
}

/** Credentials that are none, by what is wrong with them. */
async function badCredentials(): Promise<Record<string, string>> {
  const signed = (claims = {}) => signedToken(JWT_SECRET, claims);
  const admin = unsignedToken({ systole: { admin: true } });
  return {
    "nothing in its place": "",
    "a wrong secret": `${FULL.id}.${OTHER.secret}`,
    "half a secret": FULL.credential.slice(0, -1),
    "an unknown id": `nobody.${FULL.secret}`,
    "a secret alone": FULL.secret,
    "an id alone": `${FULL.id}.`,
    "four parts": `${FULL.credential}.${FULL.credential}`,
    "three parts that are no token": `a.${FULL.credential}`,
    "the hash of the secret": `${FULL.id}.${FULL.entry.secretSha256}`,
    "an expired key": EXPIRED.credential,
    "a suspended key": NAUGHTY.credential,
    "an expired token": await signed({ expiresInS: -1 }),
    "a token of a foreign secret": await signedToken(FOREIGN_SECRET),
    "a token of alg none": unsignedToken(),
    "a token with another's signature": tampered(await signed(), admin),
    "a token without its signature": (await signed()).replace(/[^.]+$/, ""),
    "a token without exp": await signed({ expiresInS: null }),
    "a token without sub": await signed({ sub: "" }),
  };
}

/** How each system says no over HTTP. @returns its words, where it has any of its own */
const REFUSALS: Readonly<Record<string, (answer: HttpAnswer) => string>> = {
  json(answer) {
    assertEquals(answer.headers.get("www-authenticate"), "Bearer");
    return problemIn(answer, 401);
  },
  "events-hub"({ status, headers, body }) {
    assertEquals([status, headers.get("content-type")], [401, "application/json"]);
    const { error, error_description, ...rest } = JSON.parse(body);
    assertEquals({ error, rest }, { error: "unauthorized_client", rest: {} });
    return error_description;
  },
  infoway({ status, headers, body }) {
    assertEquals([status, headers.get("www-authenticate")], [401, 'apikey realm="key"']);
    assertEquals(body, "");
    return "";
  },
  tank({ status, body }) {
    assertEquals([status, body], [401, "Unauthorized\n"]);
    return "";
  },
};

function problemIn({ status, headers, body }: HttpAnswer, expected: number): string {
  assertEquals(status, expected, body);
  assertMatch(headers.get("content-type") ?? "", /^application\/problem\+json/);
  const problem = JSON.parse(body);
  assertEquals([problem.status, Object.keys(problem)], [expected, ["title", "status", "detail"]]);
  return problem.detail;
}

/** Talo lets everybody upgrade and says no by the close alone, at once. */
async function isSentAway(server: GuardedServer, arrival: RoutedUpgrade): Promise<void> {
  using guest = await server.enter(arrival);
  assertEquals(await guest.close(), [3000, ""]);
}

/** Adds the case to what went wrong. */
async function named(name: string, test: Promise<unknown>): Promise<void> {
  await within(name, 10_000, test).catch((cause) => {
    throw new Error(`${name}: ${cause.message}`, { cause });
  });
}

for (const { profile, bare, ways } of KEY_SCHEMES) {
  integrationTest(
    `${profile} refuses whoever has no right credential, in its own words`,
    async () => {
      await using server = await start();
      await suspend(server, NAUGHTY);
      const refused = async (arrival: RoutedUpgrade) =>
        REFUSALS[profile](await server.refusal(arrival));
      // A client that offers `systole` is a browser's: it cannot read an HTTP answer.
      const closed = async (routed: RoutedUpgrade) => {
        using guest = await server.enter(routed);
        const [code, reason] = await guest.close();
        assertEquals(code, 3000);
        return reason;
      };
      await named("no credential", refused(bare));
      const bad = await badCredentials();
      for (const credential of Object.values(bad)) if (credential !== "") server.secret(credential);
      for (const [way, carry] of Object.entries(ways)) {
        const rejection = way === "subprotocol beside systole" ? closed : refused;
        for (const [what, credential] of Object.entries(bad)) {
          await named(`${what} by ${way}`, rejection(carry(credential)));
        }
        const [wrong, unknown] = [bad["a wrong secret"], bad["an unknown id"]].map(carry);
        assertEquals(await rejection(wrong), await rejection(unknown), "it tells which keys exist");
      }
      assertEquals(server.process.lines("connection opened").length, 1); // the naughty one
    },
  );
}

integrationTest("events-hub names the form to who has none, and takes no two at once", async () => {
  await using server = await start();
  const [, events] = KEY_SCHEMES;
  const refused = async (headers: Record<string, string>) =>
    REFUSALS["events-hub"](await server.refusal({ ...events.bare, headers }));
  const form = "API key must be in format base64(key:secret)";
  for (const apiKey of ["", "***", FULL.credential, btoa(FULL.id), btoa(`${FULL.id}:`)]) {
    assertEquals(await refused({ "X-Api-Key": apiKey }), form, apiKey);
  }
  assertEquals(await refused({}), form);
  const both = { ...bearer(FULL.credential), "X-Api-Key": FULL.pair };
  assert((await refused(both)) !== form);
});

integrationTest("talo closes with 3000 whoever has no good ticket, and gives none", async () => {
  await using server = await start();
  const { ticket: carry } = TALO_SCHEME.ways;
  const bad = await badCredentials();
  const revoked = await server.ticket(NAUGHTY.credential);
  await suspend(server, NAUGHTY);
  const used = await server.ticket(FULL.credential);
  {
    using guest = await server.enter(carry(used));
    assertMatch(await guest.next(), patternOf(TALO_SCHEME.welcome));
  }
  const tickets = {
    ...bad,
    "an unknown ticket": crypto.randomUUID(),
    "a used ticket": used,
    "a suspended key's ticket": revoked,
    "a key": FULL.credential,
    "a token": await signedToken(JWT_SECRET),
  };
  await named("no ticket", isSentAway(server, TALO_SCHEME.bare));
  for (const [what, ticket] of Object.entries(tickets)) {
    if (ticket !== "") server.secret(ticket);
    await named(what, isSentAway(server, carry(ticket)));
  }
  const inHeader = { path: "/ws/talo", headers: bearer(FULL.credential) };
  await named("a key in a header", isSentAway(server, inHeader));
  for (const [what, credential] of Object.entries(bad)) {
    const answer = server.post("/v1/socket-tickets", { headers: bearer(credential) });
    await named(what, answer.then((answer) => problemIn(answer, 401)));
  }
  problemIn(await server.post("/v1/socket-tickets", {}), 401);
});

integrationTest("Of many who come with one ticket at the same time one gets in", async () => {
  await using server = await start();
  const ticket = await server.ticket(FULL.credential);
  const outcomes = await Promise.all(Array.from({ length: 20 }, async () => {
    using guest = await server.enter(TALO_SCHEME.ways.ticket(ticket));
    return await guest.next().then(() => "in", () => "out");
  }));
  assertEquals(outcomes.filter((outcome) => outcome === "in").length, 1);
});

integrationTest("Pages of foreign origins are refused whatever they bring along", async () => {
  await using server = await start();
  for (const { profile, ways } of [...KEY_SCHEMES, TALO_SCHEME]) {
    const isTalo = profile === "talo";
    const credential = isTalo ? await server.ticket(FULL.credential) : FULL.credential;
    const { path, headers } = Object.values(ways)[0](credential);
    for (const Origin of ORIGINS) {
      const answer = server.refusal({ path, headers: { ...headers, Origin } });
      await named(`${profile} ${Origin}`, answer.then((answer) => problemIn(answer, 403)));
    }
    const Origin = "http://localhost:3000";
    using guest = await server.enter({ path, headers: { ...headers, Origin } });
    await named(`${profile} ${Origin}`, guest.next()); // the ticket, too, is as good as before
  }
});
