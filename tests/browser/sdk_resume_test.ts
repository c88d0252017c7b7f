/**
 * What a page misses while it cannot receive comes when it can again: once, in order, without a reload.
 *
 * `FROZEN_SECONDS=60` freezes the page for a minute.
 *
 * @module
 */

import { assertEquals, assertGreater, assertGreaterOrEqual, assertLess } from "@std/assert";
import { Browser } from "../support/browser/browser.ts";
import { SdkPage } from "../support/browser/sdk_page.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { TcpRelay } from "../support/peers/tcp_relay.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { at, until } from "../support/until.ts";

const FROZEN_MS = 1_000 * Number(Deno.env.get("FROZEN_SECONDS") ?? 4);
const PONG_WAIT_MS = 2_000;
const ENV = { PONG_WAIT_MS: `${PONG_WAIT_MS}`, HISTORY_MESSAGES: "10000" };
const BEAT = { heartbeatInterval: 1_000, heartbeatTimeout: 1_000, reconnectInterval: 200 };
const CHANNEL = "updates";
/** From one publication to the next while they go on, ms. */
const PERIOD_MS = 50;

/** Chromium 156 ends the WebSockets of a frozen page when it thaws; before, and elsewhere, they live on. */
const FREEZING_KEEPS = "--disable-features=DisconnectWebSocketOnBFCache";

/** Publishes numbers, from 0. */
class Publisher implements Disposable {
  /** How many so far. */
  count = 0;
  readonly #client: WsClient;

  constructor(client: WsClient) {
    this.#client = client;
  }

  /** Publishes now and then for so long. */
  async publishFor(ms: number): Promise<void> {
    for (const endMs = performance.now() + ms; performance.now() < endMs;) {
      this.#client.send({ type: "publish", channel: CHANNEL, data: this.count++ });
      await at(performance.now() + PERIOD_MS);
    }
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

/** Where the page gets the SDK from. */
const sdkOf = ({ url }: ServerProcess) => new URL("/sdk.js", url.href.replace("ws", "http"));

/** Opens a socket in the page to a port, and subscribes. */
async function subscribe(page: SdkPage, socket: string, port: number, options = {}): Promise<void> {
  await page.connect(socket, new URL(`ws://127.0.0.1:${port}/ws`), { ...BEAT, ...options });
  await page.call(socket, "subscribe", CHANNEL);
  await until("a subscription", async () => {
    const messages = await page.seen("message", { socket });
    return messages.some(({ data }) => JSON.parse(data).type === "subscribed");
  });
}

/** The socket has all that was published, once, in order, and nobody has told it of a gap. */
async function assertComplete(page: SdkPage, socket: string, { count }: Publisher): Promise<void> {
  const heard = await until(
    `all of ${count} messages to ${socket}`,
    async () => {
      const heard = await page.heard(socket);
      return heard.length >= count && heard;
    },
    { withinMs: 20_000 },
  );
  assertEquals(heard, Array.from({ length: count }, (_, number) => number), socket);
  assertEquals(await page.seen("gap", { socket }), []);
}

for (
  const [what, flags, lost] of [
    ["whose connections its browser cuts", [], ["direct", "relayed"]],
    ["whose connections live on, but for one that vanished", [FREEZING_KEEPS], ["relayed"]],
  ] as const
) {
  integrationTest(
    `A page that was frozen, ${what}, has all that was published meanwhile`,
    async () => {
      await using server = await ServerProcess.start({ env: ENV });
      await using relay = await TcpRelay.start({ target: server.port });
      await using browser = await Browser.start({ flags });
      await using page = await SdkPage.open(browser, sdkOf(server));
      using publisher = new Publisher(await WsClient.connect(server.url));
      await subscribe(page, "direct", server.port);
      await subscribe(page, "relayed", relay.port);
      await publisher.publishFor(10 * PERIOD_MS);
      await page.tab.freeze();
      await page.happens("freeze");
      for (const connection of relay.connections) connection.drop("up", "down");
      const before = publisher.count;
      await publisher.publishFor(FROZEN_MS);
      const missed = publisher.count - before;
      await server.line("connection closed");
      assertEquals(server.lines("connection closed").map(({ reason }) => reason), ["stale"]);
      assertLess((await page.heard("direct")).length, publisher.count - missed / 2, "not frozen");
      await page.tab.thaw();
      await page.happens("resume");
      const [{ ms }] = await page.happens("silence");
      assertGreater(ms, 0.9 * FROZEN_MS, "its timers ran on");
      await publisher.publishFor(10 * PERIOD_MS);
      for (const socket of ["direct", "relayed"]) await assertComplete(page, socket, publisher);
      for (const socket of lost) {
        const [{ count }] = await page.happens("recovered", { socket });
        assertGreater(count, missed / 2);
      }
    },
  );
}

integrationTest(
  "A library that has given up has all that was published once it is online",
  async () => {
    await using server = await ServerProcess.start({ env: ENV });
    await using relay = await TcpRelay.start({ target: server.port });
    await using browser = await Browser.start();
    await using page = await SdkPage.open(browser, sdkOf(server));
    using publisher = new Publisher(await WsClient.connect(server.url));
    await subscribe(page, "it", relay.port, { maxReconnectAttempts: 3 });
    await publisher.publishFor(10 * PERIOD_MS);
    const before = publisher.count;
    relay.isDown = true;
    for (const connection of relay.connections) connection.reset();
    await page.happens("giveup", { socket: "it" });
    assertEquals(await page.property("it", "readyState"), WebSocket.CLOSED);
    relay.isDown = false;
    await publisher.publishFor(10 * PERIOD_MS);
    assertEquals((await page.seen("open", { socket: "it" })).length, 1, "it had not given up");
    await page.tab.network("offline");
    await page.happens("offline");
    await publisher.publishFor(10 * PERIOD_MS);
    const missed = publisher.count - before;
    await page.tab.network("online");
    await page.happens("open", { socket: "it", times: 2 });
    await publisher.publishFor(10 * PERIOD_MS);
    await assertComplete(page, "it", publisher);
    const [{ count }] = await page.happens("recovered", { socket: "it" });
    assertGreaterOrEqual(count, missed);
  },
);
