import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { Browser } from "../support/browser/browser.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { servePages } from "../support/browser/page_server.ts";
import { SdkPage } from "../support/browser/sdk_page.ts";
import { outlivesItsServer, SDK_SCRIPT } from "../support/peers/sdk_story.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { at, until } from "../support/until.ts";
import { WsClient } from "../support/peers/ws_client.ts";

/** The minute of pongWait scaled down 20 times, and the client's own times with it. */
const PONG_WAIT_MS = 3_000;
const ENV = {
  PONG_WAIT_MS: `${PONG_WAIT_MS}`,
  EVENTS_HUB_PONG_WAIT_MS: `${PONG_WAIT_MS}`,
  INFOWAY_PONG_WAIT_MS: `${PONG_WAIT_MS}`,
};
const BEAT = { heartbeatInterval: 1_000, heartbeatTimeout: 1_000, reconnectInterval: 200 };
const IN_WORKER = { ...BEAT, heartbeatInWorker: true };
/** Lives by its own heartbeats alone, so the server tells whether they go on. */
const INFOWAY = { ...BEAT, profile: "infoway" };
/** Its server pings by control frames only: nothing that the page would see comes unasked. */
const EVENTS_HUB = { ...BEAT, profile: "events-hub" };

/** Hidden pages get their rarest timers, one a minute, after a second instead of 5 minutes. */
const EARLY_THROTTLING = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1";

/** Chromium 156 ends the WebSockets of a frozen page when it thaws; before, and elsewhere, they live on. */
const FREEZING_KEEPS = "--disable-features=DisconnectWebSocketOnBFCache";

/** What Chromium says of a connection that it could not make or keep. */
const NO_SERVER = /^WebSocket connection to .* failed/;

const CHANNEL = "updates";
const NUMBERS = Array.from({ length: 20 }, (_, index) => index);

const hub = (server: ServerProcess) => new URL("/ws", server.url);
const infoway = (server: ServerProcess) => new URL("/ws?business=stock&apikey=any", server.url);
const eventsHub = (server: ServerProcess) => new URL("/api/v1/ws/subscribe", server.url);

/** Where everybody gets the SDK: from the hub itself, which is another origin than the page's. */
const sdkOf = (hub: URL) => new URL("/sdk.js", hub.href.replace("ws", "http"));

const openPage = (browser: Browser, server: ServerProcess, headers = {}) =>
  SdkPage.open(browser, sdkOf(server.url), headers);

/** Subscribes, and waits until the hub says so as often as told. */
async function subscribe(page: SdkPage, socket: string): Promise<void> {
  await page.call(socket, "subscribe", CHANNEL);
  await subscribed(page, socket, 1);
}

function subscribed(page: SdkPage, socket: string, times: number): Promise<true> {
  return until(`${times} subscriptions`, async () => {
    const messages = await page.seen("message", { socket });
    return messages.filter(({ data }) => JSON.parse(data).type === "subscribed").length >= times;
  });
}

/** No heart was taken for dead, and nothing went wrong but what a lost server makes of itself. */
async function assertCalm(page: SdkPage): Promise<void> {
  assertEquals(await page.seen("heartbeattimeout"), []);
  assertEquals(await page.seen("giveup"), []);
  assertEquals(await page.seen("drop"), []);
  assertEquals(page.tab.problems.filter(({ text }) => !NO_SERVER.test(text)), []);
}

/** Why the server let connections go. */
const ends = (server: ServerProcess) =>
  server.lines("connection closed").map(({ profile, reason }) => `${profile} ${reason}`);

/** The log has these ends, and no other; its lines may be late. */
async function assertEnds(server: ServerProcess, expected: string[]): Promise<void> {
  await until("all ends", () => ends(server).length >= expected.length);
  assertEquals(ends(server), expected);
}

integrationTest("the SDK in a browser connects, exchanges and measures", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  await using browser = await Browser.start();
  await using page = await openPage(browser, server);
  using other = await WsClient.connect(hub(server));
  other.send({ type: "subscribe", channel: CHANNEL });
  await until("a subscription", () => other.of("subscribed").length > 0);
  await page.connect("it", hub(server), BEAT);
  await subscribe(page, "it");
  other.send({ type: "publish", channel: CHANNEL, data: "from outside" });
  await until("a publication", async () => (await page.heard("it")).length > 0);
  await page.call("it", "publish", CHANNEL, { from: "the page" });
  await until(
    "both to hear it",
    async () => other.of("message").length > 1 && (await page.heard("it")).length > 1,
  );
  assertEquals(await page.heard("it"), ["from outside", { from: "the page" }]);
  assertEquals(other.of("message").map(({ message }) => message.data), await page.heard("it"));
  const [{ rtt }] = await page.happens("heartbeat", { socket: "it" });
  assertGreater(rtt, 0);
  assertLess(rtt, 1_000);
  assertEquals(await page.property("it", "status"), "healthy");
  await page.call("it", "close");
  const [{ code, reason }] = await page.happens("close", { socket: "it" });
  assertEquals({ code, reason }, { code: 1000, reason: "Client closed" });
  await server.line("connection closed");
  await assertEnds(server, ["json client_close"]);
  await assertCalm(page);
  assertEquals(page.tab.problems, []);
});

integrationTest("the SDK in a browser outlives its server, in order", async () => {
  await using browser = await Browser.start();
  await outlivesItsServer(async (_library, hub) => {
    const text = await Deno.readTextFile(SDK_SCRIPT);
    const pages = servePages({
      "/": `<!doctype html><script type="module" src="/script.js"></script>`,
      "/script.js": { text, headers: { "content-type": "text/javascript" } },
    });
    const page = await browser.open();
    const lines: string[] = [];
    page.devtools.on("Runtime.consoleAPICalled", ({ type, args: [{ value }] }) => {
      if (type === "log") lines.push(value);
    });
    const args = new URLSearchParams([["arg", sdkOf(hub).href], ["arg", hub.href]]);
    await page.goto(new URL(`?${args}`, pages.url));
    return {
      lines,
      complaints: () => JSON.stringify(page.problems),
      async [Symbol.asyncDispose]() {
        await pages[Symbol.asyncDispose]();
        assertEquals(page.problems.filter(({ text }) => !NO_SERVER.test(text)), []);
      },
    };
  });
});

integrationTest(
  "the SDK in a browser bridges a short time without network",
  async () => {
    await using server = await ServerProcess.start({ env: ENV });
    await using browser = await Browser.start();
    await using page = await openPage(browser, server);
    await page.connect("it", hub(server), BEAT);
    await subscribe(page, "it");
    await page.happens("heartbeat", { socket: "it" });
    // 0 s: offline, what is sent stays with the system; 1.5 s: back, long before pongWait.
    await page.tab.network("offline");
    await page.happens("offline");
    const offMs = performance.now();
    for (const number of NUMBERS) await page.call("it", "publish", CHANNEL, number);
    await at(offMs + PONG_WAIT_MS / 2);
    assertEquals(await page.heard("it"), [], "the network was not cut");
    await page.tab.network("online");
    await page.happens("online");
    await until("what was sent", async () => (await page.heard("it")).length >= NUMBERS.length);
    assertEquals(await page.heard("it"), NUMBERS);
    await assertCalm(page);
  },
);

integrationTest(
  "the SDK in a browser comes back after a long time without network",
  async () => {
    await using server = await ServerProcess.start({ env: ENV });
    await using browser = await Browser.start();
    await using page = await openPage(browser, server);
    await page.connect("it", hub(server), BEAT);
    await subscribe(page, "it");
    await page.tab.network("offline");
    await page.happens("offline");
    for (const number of NUMBERS) await page.call("it", "publish", CHANNEL, number);
    await server.line("connection closed", 2 * PONG_WAIT_MS);
    await assertEnds(server, ["json stale"]);
    await page.tab.network("online");
    const [{ atMs: onlineMs }] = await page.happens("online");
    const [, { atMs: backMs }] = await page.happens("open", { socket: "it", times: 2 });
    await until("the outbox", async () => (await page.heard("it")).length >= NUMBERS.length);
    assertEquals(await page.heard("it"), NUMBERS);
    console.log(`back ${(backMs - onlineMs).toFixed(0)} ms after the network was`);
    await assertCalm(page);
  },
);

integrationTest(
  "the SDK in a browser that is told of no network talks on where there is one",
  async () => {
    await using server = await ServerProcess.start({ env: ENV });
    await using browser = await Browser.start();
    await using page = await openPage(browser, server);
    await page.connect("it", hub(server), BEAT);
    await subscribe(page, "it");
    await page.tab.network("said to be offline");
    await page.happens("offline");
    await page.call("it", "publish", CHANNEL, "on this machine");
    await until("a publication", async () => (await page.heard("it")).length > 0);
    assertEquals(await page.tab.evaluate("navigator.onLine"), false);
    await assertCalm(page);
  },
);

/** Freezes a page for longer than pongWait; shows that it was. */
async function freezeAndThaw(page: SdkPage): Promise<void> {
  await page.tab.freeze();
  await page.happens("freeze");
  await at(performance.now() + 2 * PONG_WAIT_MS);
  assertEquals(await page.seen("resume"), []);
  await page.tab.thaw();
  await page.happens("resume");
  const [{ ms }] = await page.happens("silence");
  assertGreater(ms, 1.9 * PONG_WAIT_MS, "its timers ran on");
}

integrationTest("the SDK in a frozen page that keeps its connections", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  await using browser = await Browser.start({ flags: [FREEZING_KEEPS] });
  await using page = await openPage(browser, server);
  await page.connect("json", hub(server), IN_WORKER);
  await page.connect("infoway", infoway(server), { ...INFOWAY, heartbeatInWorker: true });
  await page.connect("events-hub", eventsHub(server), EVENTS_HUB);
  await subscribe(page, "json");
  await page.happens("heartbeat", { times: 3 });
  await freezeAndThaw(page);
  // The browser answers control pings for a frozen page, but cannot say infoway's heartbeats.
  await assertEnds(server, ["infoway stale"]);
  await page.happens("open", { socket: "infoway", times: 2 });
  await page.call("json", "publish", CHANNEL, "awake");
  await until("a publication", async () => (await page.heard("json")).length > 0);
  const beats = (await page.seen("heartbeat", { socket: "events-hub" })).length;
  await page.happens("heartbeat", { socket: "events-hub", times: beats + 2 });
  for (const socket of ["json", "events-hub"]) {
    assertEquals(await page.seen("close", { socket }), []);
  }
  await assertCalm(page);
});

integrationTest(
  "the SDK in a frozen page whose connections its browser cuts",
  async () => {
    await using server = await ServerProcess.start({ env: ENV });
    await using browser = await Browser.start();
    await using page = await openPage(browser, server);
    await page.connect("it", hub(server), IN_WORKER);
    await subscribe(page, "it");
    await freezeAndThaw(page);
    assertEquals((await page.happens("close", { socket: "it" })).map(({ code }) => code), [1006]);
    await page.happens("open", { socket: "it", times: 2 });
    await subscribed(page, "it", 2);
    await page.call("it", "publish", CHANNEL, "awake");
    await until("a publication", async () => (await page.heard("it")).length > 0);
    await assertEnds(server, ["json client_close"]);
    await assertCalm(page);
  },
);

integrationTest(
  "the SDK under a strict policy beats with or without its worker",
  async () => {
    await using server = await ServerProcess.start({ env: ENV });
    await using browser = await Browser.start();
    const strict = "default-src 'none'; script-src 'self' http://127.0.0.1:*; connect-src ws:";
    for (const [policy, breaches] of [[`${strict}; worker-src blob:`, 0], [strict, 1]] as const) {
      await using page = await openPage(browser, server, { "content-security-policy": policy });
      await page.connect("it", hub(server), IN_WORKER);
      await page.happens("heartbeat", { socket: "it", times: 2 });
      const told = page.tab.problems.filter(({ text }) => /Content Security Policy/.test(text));
      assertEquals(told.length, breaches, JSON.stringify(page.tab.problems));
      assertEquals(page.tab.problems.length, breaches);
    }
  },
);

integrationTest("the SDK runs in a worker of a page", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  await using browser = await Browser.start();
  await using page = await openPage(browser, server);
  const script = `
    import { HeartbeatSocket } from ${JSON.stringify(page.sdk)};
    const socket = new HeartbeatSocket(${JSON.stringify(hub(server))}, ${
    JSON.stringify(IN_WORKER)
  });
    socket.addEventListener("heartbeat", ({ rtt }) => postMessage(rtt));`;
  const rtt = await page.tab.evaluate(`new Promise((resolve, reject) => {
    const script = new Blob([${JSON.stringify(script)}], { type: "text/javascript" });
    const worker = new Worker(URL.createObjectURL(script), { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  })`);
  assertGreater(rtt, 0);
  assertEquals(page.tab.problems, []);
});

integrationTest("the SDK in a hidden, throttled tab beats on in its worker", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  await using browser = await Browser.start({ flags: [EARLY_THROTTLING] });
  await using page = await openPage(browser, server);
  await page.connect("json", hub(server), BEAT);
  await page.connect("json, worker", hub(server), IN_WORKER);
  await page.connect("infoway", infoway(server), INFOWAY);
  await page.connect("infoway, worker", infoway(server), { ...INFOWAY, heartbeatInWorker: true });
  await page.happens("heartbeat", { times: 8 });
  await browser.open();
  const [hidden] = await page.happens("visibilitychange");
  assertEquals(hidden.visibility, "hidden");
  const hiddenMs = performance.now();
  await at(hiddenMs + 5 * PONG_WAIT_MS);
  const beats = (await page.seen("heartbeat")).filter(({ atMs }) => atMs > hidden.atMs);
  const beatsOf = (name: string) => beats.filter(({ socket }) => socket === name).length;
  await page.tab.show();
  await page.happens("visibilitychange", { times: 2 });
  const longest = Math.max(...(await page.seen("silence")).map(({ ms }) => ms));
  assertGreater(longest, PONG_WAIT_MS, "its timers were not throttled");
  console.log(
    `hidden for ${5 * PONG_WAIT_MS} ms, timers silent for up to ${longest.toFixed(0)} ms; ` +
      Object.keys(await page.tab.evaluate("witness.sockets")).map((name) =>
        `${name}: ${beatsOf(name)} beats`
      ).join(", "),
  );
  for (const name of ["json, worker", "infoway, worker"]) {
    assertEquals(await page.seen("close", { socket: name }), []);
    assertGreater(beatsOf(name), 12, name); // one a second, the first and last cut off
  }
  // The control: without the worker the same tab sends its heartbeats too late for infoway.
  await until("the end of the one without a worker", () => ends(server).includes("infoway stale"));
  assertEquals(ends(server).filter((end) => end !== "infoway stale"), []);
  await assertCalm(page);
});
