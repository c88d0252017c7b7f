/**
 * Tokens that are renewed on a living connection: by frames, and by the client library.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { HeartbeatSocket, type HeartbeatSocketOptions } from "../../server/sdk/heartbeat_socket.ts";
import { signedToken, testKey, type TokenTerms } from "../support/server/credentials.ts";
import { bearer, GuardedServer, type Guest } from "../support/server/guarded_server.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { at, sideBySide, until } from "../support/until.ts";

const JWT_SECRET = `signs tokens here ${crypto.randomUUID()}`;
const KEY = testKey("k");

function start(env: Record<string, string> = {}): Promise<GuardedServer> {
  return GuardedServer.start({ keys: [KEY], jwtSecret: JWT_SECRET, env });
}

/** A token that must not turn up in anything that the server says. */
async function token(server: GuardedServer, terms: TokenTerms = {}): Promise<string> {
  return server.secret(await signedToken(JWT_SECRET, terms));
}

async function enter(server: GuardedServer, credential: string): Promise<Guest> {
  const guest = await server.enter({ path: "/ws", headers: bearer(credential) });
  assertEquals((await guest.nextJson()).type, "welcome");
  return guest;
}

integrationTest("A refresh is answered, and no token is echoed or logged", async () => {
  await using server = await start({ ECHO: "true" });
  using guest = await enter(server, await token(server, { expiresInS: 60 }));
  const answers: unknown[] = [];
  const say = async (text: string) => {
    await guest.say({ type: "refresh", token: text });
    const { type, code, expiresAt } = await guest.nextJson();
    answers.push(type === "refreshed" ? expiresAt % 1_000 : code);
  };
  const tokens: [TokenTerms, string][] = [
    [{ expiresInS: 120 }, JWT_SECRET],
    [{ expiresInS: 60 }, JWT_SECRET],
    [{ expiresInS: 180, sub: "mallory" }, JWT_SECRET],
    [{ expiresInS: 180 }, "another secret that is 32 bytes long"],
    [{ expiresInS: -10 }, JWT_SECRET],
  ];
  for (const [terms, secret] of tokens) {
    await say(server.secret(await signedToken(secret, terms)));
    await at(performance.now() + 1_010);
  }
  await say(KEY.credential);
  await say(await token(server, { expiresInS: 240 }));
  assertEquals(answers, [
    ...[0, "bad_message", "forbidden", "unauthorized", "unauthorized", "forbidden"],
    "too_many_refreshes",
  ]);
  using keyed = await enter(server, KEY.credential);
  await keyed.say({ type: "refresh", token: await token(server) });
  assertEquals((await keyed.nextJson()).code, "forbidden");
});

integrationTest("Rights that shrink end just the subscriptions concerned", async () => {
  await using server = await start();
  using guest = await enter(server, await token(server, { expiresInS: 60 }));
  for (const channel of ["news", "chat"]) {
    await guest.say({ type: "subscribe", channel });
    await guest.next();
  }
  const systole = { subscribe: ["news"], publish: [] };
  await guest.say({ type: "refresh", token: await token(server, { expiresInS: 90, systole }) });
  assertEquals((await guest.nextJson()).type, "refreshed");
  const ended = { type: "unsubscribed", channel: "chat", reason: "forbidden" };
  assertEquals(await guest.nextJson(), ended);
  await guest.say({ type: "publish", channel: "news", data: 1, id: "p" });
  assertEquals((await guest.nextJson()).code, "forbidden");
  const headers = bearer(KEY.credential);
  for (const channel of ["chat", "news"]) {
    await server.post("/api/v1/publish", { headers, body: { channel, data: channel } });
  }
  assertEquals((await guest.nextJson()).data, "news");
});

integrationTest(
  "The minute of a new token holds at once, and a refresh does not count",
  async () => {
    await using server = await start();
    const minute = (maxMessagesPerMinute?: number): TokenTerms["systole"] => ({
      maxMessagesPerMinute,
    });
    using guest = await enter(server, await token(server, { expiresInS: 60, systole: minute(2) }));
    const publish = async () => {
      await guest.say({ type: "publish", channel: "c", data: 1, id: "p" });
      return (await guest.nextJson()).type;
    };
    const refresh = async (expiresInS: number, systole: TokenTerms["systole"]) => {
      await guest.say({ type: "refresh", token: await token(server, { expiresInS, systole }) });
      assertEquals((await guest.nextJson()).type, "refreshed");
      await at(performance.now() + 1_010);
    };
    assertEquals(await publish(), "published");
    await refresh(70, minute(2)); // the same limit, the same minute
    assertEquals(await publish(), "published");
    await refresh(80, minute(3));
    assertEquals(await publish(), "published");
    await refresh(90, minute());
    for (let i = 0; i < 10; i++) assertEquals(await publish(), "published");
    await refresh(100, minute(2)); // the minute that it had left
    await guest.say({ type: "publish", channel: "c", data: 1, id: "p" });
    const [code, reason] = await guest.close();
    assertEquals(code, 1008);
    assertMatch(reason, /^rate_limited/);
  },
);

/** A client of the library, and what it saw. */
class TokenClient implements Disposable {
  readonly socket: HeartbeatSocket;
  readonly events: string[] = [];
  readonly types: string[] = [];
  asked = 0;

  constructor(server: GuardedServer, options: HeartbeatSocketOptions & TokenTerms) {
    const { expiresInS, sub, systole, ...rest } = options;
    this.socket = new HeartbeatSocket(new URL("/ws", server.process.url), {
      token: () => {
        this.asked++;
        return token(server, { expiresInS, sub, systole });
      },
      reconnectInterval: 200,
      ...rest,
    });
    for (const type of ["open", "close", "giveup"] as const) {
      this.socket.addEventListener(type, () => this.events.push(type));
    }
    this.socket.onmessage = ({ data }) => this.types.push(JSON.parse(data).type);
  }

  count(type: string): number {
    return this.types.filter((it) => it === type).length;
  }

  async close(): Promise<void> {
    this.socket.close();
    await until("its end", () => this.socket.readyState === this.socket.CLOSED);
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

integrationTest("HeartbeatSocket renews a token of 2 s 20 times on one connection", async () => {
  await using server = await start();
  using it = new TokenClient(server, { expiresInS: 2 });
  it.socket.subscribe("news");
  await until("20 renewals", () => it.count("refreshed") >= 20, { withinMs: 45_000 });
  assertEquals([it.events, it.count("error")], [["open"], 0]);
  assertEquals([it.asked, it.count("expiring")], [21, 20], "no tight loop");
  assertEquals(it.socket.protocol, "systole");
  await it.close();
  await until("its end", () => server.process.lines("connection closed").length === 1);
});

integrationTest(
  "HeartbeatSocket whose token function fails outlives its token by a new connection",
  async () => {
    await using server = await start();
    let calls = 0;
    const failing = () => {
      if (++calls % 2 === 0) throw new Error("no token at the moment");
      return token(server, { expiresInS: 2 });
    };
    using failed = new TokenClient(server, { token: failing });
    using stale = new TokenClient(server, { expiresInS: 2 });
    await sideBySide(
      until("a second connection", () => failed.count("welcome") >= 2, { withinMs: 20_000 }),
      until("three renewals", () => stale.count("refreshed") >= 3, { withinMs: 20_000 }),
    );
    const reasons = server.process.lines("connection closed").map(({ reason }) => reason);
    assertEquals(reasons[0], "token_expired");
    assert(!failed.events.includes("giveup"));
    await failed.close();
    await stale.close();
  },
);
