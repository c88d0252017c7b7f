import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertThrows,
} from "@std/assert";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { withPage } from "../support/fakes/virtual_page.ts";

const EXPIRED = "token_expired: token expired; no retry";

/** A function that returns t1, t2, … */
function counted(): { token: () => string; readonly calls: number } {
  let calls = 0;
  return {
    token: () => `t${++calls}`,
    get calls() {
      return calls;
    },
  };
}

Deno.test("HeartbeatSocket asks for a token before each attempt and offers it as a subprotocol", () =>
  withPage(async (page) => {
    const lines: string[] = [];
    const { token } = counted();
    const debug = (line: string) => lines.push(line);
    const socket = page.connect({ token, debug, protocols: ["systole", "own"] });
    await page.pass(40);
    assertEquals(page.server.last.protocols, ["systole", "systole.bearer.t1", "own"]);
    assertEquals([socket.url, page.server.last.url], ["ws://hub.test/ws", "ws://hub.test/ws"]);
    page.server.last.end(1012);
    await page.pass(6_000);
    assertEquals(page.server.last.protocols, ["systole", "systole.bearer.t2", "own"]);
    assert(lines.every((line) => !/\bt\d/.test(line)), `${lines}`);
  }));

Deno.test("HeartbeatSocket takes a token together with an address function", () =>
  withPage(async (page) => {
    let addresses = 0;
    page.connect(
      { token: () => Promise.resolve("a.b-c_d"), protocols: "own" },
      () => Promise.resolve(`ws://hub.test/${++addresses}`),
    );
    await page.pass(40);
    assertEquals(page.server.last.url, "ws://hub.test/1");
    assertEquals(page.server.last.protocols, ["systole", "systole.bearer.a.b-c_d", "own"]);
  }));

Deno.test("HeartbeatSocket presents a new token when the hub announces the end of the old one", () =>
  withPage(async (page) => {
    const source = counted();
    page.connect({ token: source.token });
    await page.pass(40);
    const { last } = page.server;
    for (let times = 1; times <= 20; times++) {
      last.say({ type: "expiring", afterMs: 667 });
      await page.pass(1);
      assertEquals(last.messages.at(-1), {
        type: "refresh",
        id: "hb-token",
        token: `t${times + 1}`,
      });
      last.say({ type: "refreshed", expiresAt: 1 });
      await page.pass(1_300);
    }
    assertEquals([last.messages.length, source.calls, page.server.sockets.length], [20, 21, 1]);
    assertEquals(page.of("message").length, 40, "the user receives them, too");
  }));

Deno.test("HeartbeatSocket without a token ignores the announcement", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(40);
    page.server.last.say({ type: "expiring", afterMs: 667 });
    await page.pass(10_000);
    assertEquals(page.server.last.messages, []);
  }));

Deno.test("HeartbeatSocket asks again with backoff when the token function fails", () =>
  withPage(async (page) => {
    const askedMs: number[] = [];
    const token = () => {
      askedMs.push(performance.now());
      if (askedMs.length === 1) return "first";
      return askedMs.length < 5 ? Promise.reject(new Error("expired")) : "last";
    };
    page.connect({ token, reconnectInterval: 1_000 });
    await page.pass(40);
    page.server.last.say({ type: "expiring", afterMs: 30_000 });
    await page.pass(30_000);
    const waits = askedMs.slice(2).map((ms, index) => ms - askedMs[index + 1]);
    assertEquals(waits.length, 3, "it stops with the first success");
    for (const [index, waitMs] of waits.entries()) {
      assertGreaterOrEqual(waitMs, 1_000);
      assertLessOrEqual(waitMs, 1_001 + 1_000 * 2 ** index);
    }
    assertEquals(page.server.last.messages.map(({ token }) => token), ["last"]);
    askedMs.length = 1;
    page.server.last.say({ type: "expiring", afterMs: 30_000 });
    await page.pass(2_010);
    assertEquals(askedMs.length >= 3, true, "the backoff begins anew");
  }));

Deno.test("HeartbeatSocket asks again when the hub refuses a token, not earlier than after a second", () =>
  withPage(async (page) => {
    const source = counted();
    page.connect({ token: source.token, reconnectInterval: 1 });
    await page.pass(40);
    const { last } = page.server;
    last.say({ type: "expiring", afterMs: 30_000 });
    await page.pass(1);
    for (const code of ["bad_message", "unauthorized", "too_many_refreshes"]) {
      last.say({ type: "error", code, message: "no", id: "hb-token" });
      await page.pass(999);
      const { calls } = source;
      await page.pass(30);
      assertEquals(source.calls, calls + 1);
    }
    last.say({ type: "error", code: "bad_message", message: "of another request", id: "mine" });
    last.say({ type: "refreshed", expiresAt: 1 });
    await page.pass(20_000);
    assertEquals(last.messages.length, 4);
  }));

Deno.test("HeartbeatSocket counts a token function that fails as a failed attempt, which is not final", () =>
  withPage(async (page) => {
    let calls = 0;
    const token = () => {
      if (++calls < 3) throw new Error("the session has expired");
      return calls === 3 ? "not a token" : "good";
    };
    page.connect({ token, reconnectInterval: 1_000 });
    await page.pass(10_000);
    assertEquals(page.of("close").map(({ reason }) => reason), [
      "No token: Error: the session has expired",
      "No token: Error: the session has expired",
      "No token: TypeError: the token is not one",
    ]);
    assertEquals(page.of("open").length, 1);
  }));

Deno.test("HeartbeatSocket includes the token function in the time of the attempt", () =>
  withPage(async (page) => {
    let resolve = (_: string) => {};
    const token = () => new Promise<string>((done) => resolve = done);
    page.connect({ token, connectTimeout: 5_000, maxReconnectAttempts: 0 });
    await page.pass(5_010);
    assertEquals(page.of("close"), [{ code: 1006, reason: "Connect timeout" }]);
    resolve("late");
    await page.pass(1_000);
    assertEquals(page.server.sockets, []);
  }));

Deno.test("HeartbeatSocket ignores a token that comes after its connection has closed", () =>
  withPage(async (page) => {
    const resolves: ((token: string) => void)[] = [];
    page.connect({ token: () => new Promise((resolve) => resolves.push(resolve)) });
    await page.pass(1);
    resolves[0]("first");
    await page.pass(40);
    page.server.last.say({ type: "expiring", afterMs: 600 });
    await page.pass(10);
    page.server.last.end(1006);
    await page.pass(6_000);
    resolves[2]("third");
    await page.pass(40);
    resolves[1]("second");
    await page.pass(40);
    assertEquals(page.server.last.protocols, ["systole", "systole.bearer.third"]);
    assertEquals(page.server.last.messages, []);
  }));

Deno.test("HeartbeatSocket with a token or an address function reconnects after an expired token", () =>
  withPage(async (page) => {
    const address = () => "ws://hub.test/ws";
    for (const [code, reason] of [[1008, EXPIRED], [3000, "the token has expired; no retry"]]) {
      for (const [options, at] of [[counted(), address()], [{}, address]] as const) {
        page.happened.length = 0;
        const token = "token" in options ? options.token : undefined;
        const socket = page.connect({ token }, at);
        await page.pass(40);
        page.server.last.end(code as number, reason as string);
        await page.pass(6_000);
        assertEquals([page.of("open").length, page.of("giveup")], [2, []]);
        socket.close();
        await page.pass(40);
      }
    }
  }));

Deno.test("HeartbeatSocket gives up after an expired token where nothing brings a new one", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(40);
    page.server.last.end(1008, EXPIRED);
    assertEquals(page.of("giveup"), [{ attempts: 0, reason: EXPIRED }]);
  }));

Deno.test("HeartbeatSocket gives up when every token is refused: no tight loop", () =>
  withPage(async (page) => {
    const source = counted();
    page.connect({ token: source.token, reconnectInterval: 1_000, maxReconnectAttempts: 4 });
    for (let attempt = 0; attempt < 20; attempt++) {
      await page.pass(3_000);
      const { last } = page.server;
      if (last.readyState === 1) last.end(3000, "the token is not valid; no retry");
    }
    assertEquals(page.of("giveup"), [{ attempts: 4, reason: "too many attempts failed" }]);
    assertEquals(source.calls, 5);
  }));

Deno.test("HeartbeatSocket takes a token for json alone", () => {
  for (const profile of ["tank", "none"] as const) {
    assertThrows(
      () => new HeartbeatSocket("ws://hub.test/", { profile, token: () => "t" }),
      TypeError,
      `profile must be json where a token is given, got ${profile}`,
    );
  }
  assertThrows(() => new HeartbeatSocket("no address", { token: () => "t" }), TypeError);
});
