/**
 * Who has a right credential gets in by every way that a system knows, with as many connections as
 * the key allows, and for as long as the credential holds.
 *
 * @module
 */

import { assertEquals, assertGreaterOrEqual, assertLess, assertMatch } from "@std/assert";
import { signedToken, testKey } from "../support/server/credentials.ts";
import {
  type AuthScheme,
  firstWay,
  KEY_SCHEMES,
  schemeOf,
  TALO_SCHEME,
} from "../support/server/credential_places.ts";
import {
  bearer,
  GuardedServer,
  type Guest,
  type RoutedUpgrade,
} from "../support/server/guarded_server.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { patternOf } from "../support/peers/transcript.ts";
import { at, sideBySide, until, within } from "../support/until.ts";

const JWT_SECRET = `signs tokens here ${crypto.randomUUID()}`;
const FULL = testKey("full");
/** What the wheel adds to any deadline, and what a busy machine does. */
const LATE_MS = 1_000;

function start(env: Record<string, string> = {}, keys = [FULL]): Promise<GuardedServer> {
  return GuardedServer.start({ keys, jwtSecret: JWT_SECRET, env });
}

/** Comes in and has read the welcome. */
async function welcomed(
  server: GuardedServer,
  arrival: RoutedUpgrade,
  welcome: string,
): Promise<Guest> {
  const guest = await server.enter(arrival);
  assertMatch(await guest.next(), patternOf(welcome));
  return guest;
}

/** With a key or token, by way of a ticket where the system wants one. */
async function enterBy(
  server: GuardedServer,
  scheme: AuthScheme,
  credential: string,
): Promise<Guest> {
  const presented = scheme === TALO_SCHEME ? await server.ticket(credential) : credential;
  return await welcomed(server, firstWay(scheme)(presented), scheme.welcome);
}

integrationTest("Right credentials get in by every way", async () => {
  await using server = await start();
  const token = server.secret(await signedToken(JWT_SECRET));
  const comesIn = async (name: string, arrival: RoutedUpgrade, welcome: string) => {
    const arriving = welcomed(server, arrival, welcome).catch((cause) => {
      throw new Error(`${name}: ${cause.message}`, { cause });
    });
    using _guest = await arriving;
  };
  for (const { profile, ways, welcome } of KEY_SCHEMES) {
    for (const [way, carry] of Object.entries(ways)) {
      await comesIn(`${profile}: a key by ${way}`, carry(FULL.credential), welcome);
      if (profile === "events-hub" && way === "X-Api-Key") continue; // no place for a token
      await comesIn(`${profile}: a token by ${way}`, carry(token), welcome);
    }
  }
  for (const credential of [FULL.credential, token]) {
    const ticket = await server.ticket(credential);
    await comesIn("talo: a ticket", TALO_SCHEME.ways.ticket(ticket), TALO_SCHEME.welcome);
  }
});

/** A connection as pages open it: they give up unless one of their subprotocols is selected. */
class PageConnection {
  readonly #socket: WebSocket;
  readonly #opened: Promise<unknown>;
  readonly #closed: Promise<CloseEvent>;

  constructor(server: GuardedServer, offered: string[]) {
    const socket = this.#socket = new WebSocket(new URL("/ws", server.process.url), offered);
    this.#opened = new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("no connection"));
    });
    this.#closed = new Promise((resolve) => socket.onclose = resolve);
  }

  /** @returns the subprotocol that was selected */
  async selectedSubprotocol(): Promise<string> {
    await within("a page's connection", 5_000, this.#opened);
    this.#socket.close();
    await within("its close", 5_000, this.#closed);
    return this.#socket.protocol;
  }

  /** @returns how the server ended the connection */
  async closeByServer(): Promise<CloseEvent> {
    await within("a page's connection", 5_000, this.#opened);
    return await within("the server's close", 5_000, this.#closed);
  }
}

integrationTest(
  "A page brings its credential as a subprotocol, alone or beside systole",
  async () => {
    await using server = await start();
    const token = server.secret(await signedToken(JWT_SECRET));
    const selected = (offered: string[]) =>
      new PageConnection(server, offered).selectedSubprotocol();
    for (const credential of [FULL.credential, token]) {
      const carrier = `systole.bearer.${credential}`;
      assertEquals(await selected([carrier]), carrier);
      assertEquals(await selected(["systole", carrier]), "systole");
      assertEquals(await selected([carrier, "systole"]), "systole");
    }
    for (const offered of [["systole", "systole.bearer.full.wrong"], ["systole"]]) {
      const { code, reason } = await new PageConnection(server, offered).closeByServer();
      assertEquals(code, 3000);
      assertMatch(reason, /; no retry$/);
    }
  },
);

const EXPIRED = "token_expired: token expired; no retry";

/** How each system ends a connection whose token has expired. */
const EXPIRIES: Readonly<Record<string, { readonly frame?: string; readonly reason: string }>> = {
  json: {
    frame: '{"type":"expiring","afterMs":<ms>}',
    reason: EXPIRED,
  },
  infoway: {
    frame: '{"traceId":"","code":508,"msg":"The apikey has expired"}',
    reason: "The apikey has expired",
  },
};
/** Lives until its token's last moment, and no longer. */
async function endsWithItsToken(
  server: GuardedServer,
  scheme: AuthScheme,
  token: string,
): Promise<void> {
  const { exp } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  const endMs = performance.now() + exp * 1_000 - Date.now();
  using guest = await enterBy(server, scheme, token);
  const { frame, reason } = EXPIRIES[scheme.profile] ?? { reason: EXPIRED };
  if (frame !== undefined) assertMatch(await guest.next(), patternOf(frame));
  assertEquals(await guest.close(), [1008, reason]);
  const lateMs = performance.now() - endMs;
  assertGreaterOrEqual(lateMs, -10);
  assertLess(lateMs, LATE_MS);
}

integrationTest("A connection ends when its token expires, whatever it speaks", async () => {
  await using server = await start({ TICKET_TTL_MS: "900" });
  const token = server.secret(await signedToken(JWT_SECRET, { expiresInS: 3 }));
  using witness = await enterBy(server, schemeOf("json"), FULL.credential);
  const expired = await server.ticket(FULL.credential);
  await sideBySide(
    ...[...KEY_SCHEMES, TALO_SCHEME].map((scheme) => endsWithItsToken(server, scheme, token)),
    ticketOutlived(server, expired),
  );
  await witness.say({ type: "ping", id: "still here" });
  assertEquals((await witness.nextJson()).id, "still here");
  await until("five ends for this reason", () => {
    const reasons = server.process.lines("connection closed").map(({ reason }) => reason);
    return reasons.filter((reason) => reason === "token_expired").length === 5;
  });
});

/** A ticket that nobody has used ends by itself. */
async function ticketOutlived(server: GuardedServer, ticket: string): Promise<void> {
  await at(performance.now() + 1_000);
  using guest = await server.enter(TALO_SCHEME.ways.ticket(ticket));
  assertEquals(await guest.close(), [3000, ""]);
}

integrationTest(
  "A connection ends when its key expires, and no ticket outlives the key",
  async () => {
    const lasting = 2_000;
    const expiresAt = new Date(Date.now() + lasting).toISOString();
    const key = testKey("short", { expiresAt });
    await using server = await start({}, [FULL, key]);
    const ticket = await server.ticket(key.credential);
    using guest = await enterBy(server, schemeOf("tank"), key.credential);
    assertEquals(await guest.close(), [1008, EXPIRED]);
    assertGreaterOrEqual(Date.now(), Date.parse(expiresAt));
    using late = await server.enter(TALO_SCHEME.ways.ticket(ticket));
    assertEquals(await late.close(), [3000, ""]);
  },
);

/** How each system refuses a connection that is one too many for the key. */
const ONE_TOO_MANY: Readonly<
  Record<string, (server: GuardedServer, arrival: RoutedUpgrade) => Promise<void>>
> = {
  async json(server, arrival) {
    const { status, headers } = await server.refusal(arrival);
    assertEquals([status, headers.get("content-type")], [429, "application/problem+json"]);
  },
  async "events-hub"(server, arrival) {
    const { status, body } = await server.refusal(arrival);
    assertEquals([status, JSON.parse(body).error], [429, "too_many_connections"]);
  },
  async infoway(server, arrival) {
    const msg = "The number of connections exceed the limit of the apikey";
    using guest = await server.enter(arrival);
    assertEquals(await guest.next(), JSON.stringify({ traceId: "", code: 512, msg }));
    assertEquals(await guest.close(), [1008, msg]);
  },
  async tank(server, arrival) {
    const { status, body } = await server.refusal(arrival);
    assertEquals([status, body], [429, "Too Many Requests\n"]);
  },
  async talo(server, arrival) {
    using guest = await server.enter(arrival);
    assertEquals(await guest.close(), [1013, ""]);
  },
};

integrationTest("Connections beyond the key's own limit are refused until one goes", async () => {
  const pair = testKey("pair", { maxConnections: 2 });
  await using server = await start({ MAX_CONNECTIONS_PER_KEY: "3" }, [FULL, pair]);
  const enter = (profile: string) => enterBy(server, schemeOf(profile), pair.credential);
  using _first = await enter("json");
  {
    using _second = await enter("talo");
    for (const scheme of [...KEY_SCHEMES, TALO_SCHEME]) {
      const isTalo = scheme === TALO_SCHEME;
      const presented = isTalo ? await server.ticket(pair.credential) : pair.credential;
      await ONE_TOO_MANY[scheme.profile](server, firstWay(scheme)(presented));
    }
    using _other = await enterBy(server, schemeOf("json"), FULL.credential);
  }
  const gone = () => server.process.lines("connection closed").length === 2;
  await until("the second is gone", gone);
  using _again = await enter("infoway");
});

integrationTest("MAX_CONNECTIONS_PER_KEY holds for keys without a limit of their own", async () => {
  const own = testKey("own", { maxConnections: 2 });
  await using server = await start({ MAX_CONNECTIONS_PER_KEY: "1" }, [FULL, own]);
  const enter = ({ credential }: typeof own) => enterBy(server, schemeOf("json"), credential);
  using _full = await enter(FULL);
  await ONE_TOO_MANY.json(server, { path: "/ws", headers: bearer(FULL.credential) });
  using _first = await enter(own);
  using _second = await enter(own);
  await ONE_TOO_MANY.json(server, { path: "/ws", headers: bearer(own.credential) });
});
