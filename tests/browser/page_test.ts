/**
 * The live page in a real browser: before a crowd of ten thousand real connections, before a locked
 * door, and before a server that goes away. Any error in the console, any breach of the page's
 * Content-Security-Policy fails it.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { Browser } from "../support/browser/browser.ts";
import { apiKeys, testKey } from "../support/server/credentials.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import type { Page, Screen } from "../support/browser/page.ts";
import { UPGRADE_HEADERS } from "../support/peers/plain_http.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until, within } from "../support/until.ts";

const CROWD = 10_000;
const LEAVING = 12;

/** All of them have come in 4 s here; a machine may have a tenth of the time. */
const CROWD_MS = 240_000;

/** What takes a second or two here, and longer beside so many. */
const BUSY_MS = 60_000;

/** Where the pictures are kept, if anywhere; README's are in server/web/. */
const PICTURES = Deno.env.get("SCREENSHOTS");

const DESK: Screen = { width: 1_360, height: 900, scheme: "light" };
const PHONE: Screen = { width: 360, height: 740, scheme: "light" };

const ROWS = "tbody tr:not(.space)";

/** Thousands of clients in a process of their own; see lively_crowd.ts. */
async function crowdOf(port: number, count: number): Promise<AsyncDisposable> {
  const program = new URL("../support/peers/lively_crowd.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", program, String(port), String(count), String(LEAVING)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  await within("the crowd", CROWD_MS, output.read());
  return {
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await output.cancel();
      await within("the end of the crowd", 10_000, child.status);
    },
  };
}

const pageOf = (server: ServerProcess) => new URL(server.url.href.replace(/^ws/, "http"));

const text = (page: Page, selector: string): Promise<string> =>
  page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`);

/** What a column shows, from the top. */
const column = (page: Page, index: number): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll("${ROWS}")].map((row) =>
    row.cells[${index}].textContent)`);

/** A time as the page writes it, ms. */
function msOf(time: string): number {
  const [, figure, unit] = /^([\d.]+) (ms|s)$/.exec(time) ?? [];
  return Number(figure) * (unit === "s" ? 1_000 : 1);
}

/** The longest that a column of figures may have to tell, but for the address of IPv6. */
const LONGEST: Readonly<Record<string, string>> = {
  Liveness: "stripped",
  RTT: "59.99 s",
  Jitter: "99.9 ms",
  Idle: "59 min 59 s",
  Queue: "1023.9 KiB",
  Age: "23 h 59 min",
  In: "9\u202f999\u202f999",
  Out: "9\u202f999\u202f999",
  Profile: "events-hub",
  Address: "255.255.255.255",
};

/** Cells of the table that cut off a figure, those of a row with the longest among them. */
const cutFigures = (page: Page): Promise<string[]> =>
  page.evaluate(`(() => {
    const longest = ${JSON.stringify(LONGEST)};
    const names = [...document.querySelectorAll("#table th")].map((th) => th.textContent);
    const row = document.querySelector("${ROWS}");
    const full = row.cloneNode(true);
    names.forEach((name, i) => full.cells[i].textContent = longest[name] ?? "");
    row.before(full);
    const cells = [...document.querySelectorAll("${ROWS}")].flatMap((row) => [...row.cells]);
    const cut = cells.filter(({ cellIndex, scrollWidth, clientWidth }) =>
      names[cellIndex] in longest && scrollWidth > clientWidth);
    full.remove();
    return cut.map(({ cellIndex, textContent }) => names[cellIndex] + ": " + textContent);
  })()`);

/** That the page has nothing wider than the screen, and its text is of the theme. */
async function looksRight(page: Page, screen: Screen): Promise<Uint8Array> {
  await page.emulate(screen);
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))");
  const { width } = screen;
  assert(await page.evaluate("document.documentElement.scrollWidth") <= width!, "it is too wide");
  assertEquals(await cutFigures(page), []);
  const luminance = await page.evaluate(`(() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
    return (r + g + b) / 765;
  })()`);
  if (screen.scheme === "dark") assertLess(luminance, 0.2);
  else assertGreater(luminance, 0.8);
  const png = await page.screenshot();
  assertEquals(new DataView(png.buffer).getUint32(16), width);
  assertGreater(png.length, 10_000, "an empty picture is smaller");
  return png;
}

interface Scrolled {
  /** What each frame took, ms. */
  readonly frames: number[];
  /** What each long task took, ms. */
  readonly tasks: number[];
  /** Frames in which there was no row in the middle. */
  readonly blank: number;
}

const LEGS = 8;
const STEPS_A_LEG = 30;

/** Scrolls one leg of the way from end to end, while everything goes on. */
function scrollOn(page: Page, leg: number): Promise<Scrolled> {
  return page.evaluate(`new Promise((done) => {
    const tasks = [];
    const observer = new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => duration)));
    observer.observe({ type: "longtask" });
    const scroller = document.querySelector("#scroller");
    const [frames, STEPS, END] = [[], ${LEGS * STEPS_A_LEG}, ${(leg + 1) * STEPS_A_LEG}];
    let [step, last, blank] = [${leg * STEPS_A_LEG}, performance.now(), 0];
    const frame = (now) => {
      frames.push(now - last);
      last = now;
      const from = scroller.getBoundingClientRect();
      const middle = document.elementFromPoint(from.left + 200, from.top + 260)?.closest("tr");
      if (!middle || middle.classList.contains("space")) blank++;
      scroller.scrollTop = scroller.scrollHeight * ++step / STEPS;
      if (step < END) return requestAnimationFrame(frame);
      setTimeout(() => { observer.disconnect(); done({ frames: frames.slice(1), tasks, blank }); });
    };
    scroller.scrollIntoView({ behavior: "instant" });
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(frame); });
  })`);
}

/** A page that does nothing but the least that scrolling so many rows takes: fill those in sight. */
const CONTROL = `data:text/html,${
  encodeURIComponent(`<!doctype html>
<div id="scroller" style="height: 520px; overflow: auto; contain: strict; overflow-anchor: none">
<table style="width: 100%; table-layout: fixed; border-spacing: 0"></table></div>
<script>
  const [ROWS, COLUMNS, PX] = [30, 12, 30];
  const table = document.querySelector("table");
  const space = () => Object.assign(table.insertRow(), { className: "space" });
  const above = space();
  const rows = Array.from({ length: ROWS }, () => table.insertRow());
  for (const row of rows) for (let i = 0; i < COLUMNS; i++) row.insertCell().height = PX - 2;
  const below = space();
  function fill() {
    const first = Math.min(Math.floor(scroller.scrollTop / PX), ${CROWD} - ROWS);
    above.style.height = first * PX + "px";
    below.style.height = (${CROWD} - ROWS - first) * PX + "px";
    rows.forEach((row, at) => {
      for (const cell of row.cells) cell.textContent = first + at + " ms";
    });
  }
  scroller.onscroll = () => requestAnimationFrame(fill);
  fill();
</script>`)
}`;

/** Scrolls through a page and through the control by turns, so that both see the same machine. */
async function scrollThrough(
  page: Page,
  control: Page,
): Promise<[ours: Scrolled, plain: Scrolled]> {
  const [ours, plain]: Scrolled[][] = [[], []];
  for (let leg = 0; leg < LEGS; leg++) {
    for (const [of, legs] of [[control, plain], [page, ours]] as const) {
      await of.show();
      await of.until("document.visibilityState === 'visible'");
      legs.push(await scrollOn(of, leg));
    }
  }
  const whole = (legs: Scrolled[]): Scrolled => ({
    frames: legs.flatMap(({ frames }) => frames).sort((a, b) => a - b),
    tasks: legs.flatMap(({ tasks }) => tasks).sort((a, b) => a - b),
    blank: legs.reduce((sum, { blank }) => sum + blank, 0),
  });
  return [whole(ours), whole(plain)];
}

const told = ({ frames, tasks }: Scrolled) => ({
  median: frames[Math.floor(frames.length / 2)],
  p95: frames[Math.floor(frames.length * 0.95)],
  longest: tasks.at(-1) ?? 0,
});

integrationTest(
  `The page shows ${CROWD} connections, and stays fluid while they live on`,
  async () => {
    await using server = await ServerProcess.start({
      env: {
        ADMISSION_PER_SECOND: "0",
        PING_PERIOD_MS: "6000",
        PONG_WAIT_MS: "10000",
        TANK_PING_PERIOD_MS: "4000",
      },
    });
    await using _crowd = await crowdOf(server.port, CROWD);
    await using browser = await Browser.start();
    const page = await browser.open();
    await page.emulate(DESK);
    await page.goto(pageOf(server));
    const shown = () => text(page, "#connections-count").then((count) => count.replace(/\D/g, ""));
    await until("all of them", async () => Number(await shown()) > CROWD * 0.95, {
      withinMs: BUSY_MS,
    });
    // Everybody has been pinged once, and somebody has left for each of two reasons.
    await page.until(`!/^–|^0/.test(document.querySelectorAll(".figure")[1].textContent)`, BUSY_MS);
    await page.until(`document.querySelectorAll("#closed-results li").length === 20`, BUSY_MS);

    await page.click("button[data-sort=rtt]");
    await page.until(
      `document.querySelector("th[aria-sort=descending]")?.textContent === "RTT"`,
      BUSY_MS,
    );
    await until("the slowest first", async () => {
      const worst = (await column(page, 3)).slice(0, 10).map(msOf);
      return worst[0] > 100 && worst.every((ms, i) => i === 0 || ms <= worst[i - 1]);
    }, { withinMs: BUSY_MS });
    await page.click("button[data-sort=rtt]");
    await page.until(
      `document.querySelector("th[aria-sort=ascending]")?.textContent === "RTT"`,
      BUSY_MS,
    );
    await page.click("button[data-sort=age]");

    const control = await browser.open(CONTROL);
    await control.emulate(DESK);
    const [scrolled, plain] = await scrollThrough(page, control);
    const [ours, bare] = [told(scrolled), told(plain)];
    console.log(`ms a frame through ${CROWD} rows:`, ours, "through bare rows:", bare);
    // On a machine that has time, these alone; on one that has none, what it does to plain rows.
    assertLess(ours.median, Math.max(40, 3 * bare.median));
    assertLess(ours.p95, Math.max(150, 3 * bare.p95));
    assertLess(ours.longest, Math.max(500, 3 * bare.longest));
    assertLess(scrolled.blank, scrolled.frames.length * 0.2, "rows are there where one scrolls");
    assertLess(await page.evaluate(`document.querySelectorAll("${ROWS}").length`), 60);
    await page.until(
      `document.querySelector("tbody").lastElementChild.style.height === "0px"`,
      BUSY_MS,
    );
    const [last] = (await column(page, 0)).slice(-1);
    await page.until(
      `[...document.querySelectorAll("${ROWS}")].at(-1).cells[0].textContent !== "–"`,
      BUSY_MS,
    );
    assert(last !== undefined);

    await page.evaluate(`document.querySelector("#scroller").scrollTop = 0; scrollTo(0, 0)`);
    // A picture to keep has more to show: a minute of the hub's life.
    if (PICTURES !== undefined) await page.until("performance.now() > 75_000", 80_000);
    for (
      const [name, screen] of Object.entries(
        {
          "": DESK,
          "-dark": { ...DESK, scheme: "dark" },
          "-phone": PHONE,
          "-phone-dark": { ...PHONE, scheme: "dark" },
        } satisfies Record<string, Screen>,
      )
    ) {
      const png = await looksRight(page, screen);
      if (PICTURES !== undefined) await Deno.writeFile(`${PICTURES}/screenshot${name}.png`, png);
    }
    assertEquals(page.problems, []);
  },
);

integrationTest(
  "The page lists rejected upgrades and channels, and is whole on a phone",
  async () => {
    await using server = await ServerProcess.start({ env: { PING_PERIOD_MS: "500" } });
    using client = await WsClient.connect(server.url);
    client.send({ type: "subscribe", channel: "<b>news</b>" });
    for (let i = 0; i < 2; i++) await server.ask({ path: "/nowhere", headers: UPGRADE_HEADERS });
    await using browser = await Browser.start();
    const page = await browser.open();
    await page.emulate({ width: 375, height: 812, scheme: "light" });
    await page.goto(pageOf(server));
    await page.until(`document.querySelector("#rejected-list li") !== null`, 10_000);
    assertMatch(await text(page, "#rejected-list li"), /not_found × 2no WebSocket is here/);
    await page.until(`document.querySelector("#channels-list li") !== null`, 10_000);
    assertEquals(await text(page, "#channels-list code"), "<b>news</b>");
    await page.until(`document.querySelectorAll("${ROWS}").length >= 1`, 10_000);
    await page.evaluate(`document.querySelector("${ROWS}[tabindex='0']").focus()`);
    await page.press("Enter");
    await page.until(`document.querySelector("#inspector[open] svg.timeline")?.checkVisibility()`);
    const box = `(element) => element.getBoundingClientRect()`;
    const names: [string, number][] = await page.evaluate(`(() => {
    const picture = document.querySelector(".picture");
    picture.scrollLeft = 200;
    const left = (${box})(picture).left;
    return [...picture.querySelectorAll(".lane-names span")].map((name) =>
      [name.textContent, (${box})(name).left - left]);
  })()`);
    assertEquals(names.map(([name]) => name).includes("heartbeats"), true);
    assertEquals(names.map(([, offset]) => Math.round(offset)), names.map(() => 0));
    const cut = await page.evaluate(`[...document.querySelectorAll("#inspector .events li")].filter(
    ({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length`);
    assertEquals(cut, 0);
    assert(await page.evaluate("document.documentElement.scrollWidth") <= 375, "it is too wide");
    assertEquals(page.problems, []);
  },
);

integrationTest(
  "The page is used by keyboard: a row, its story, a search for why it dropped",
  async () => {
    await using server = await ServerProcess.start({
      env: { PING_PERIOD_MS: "1000" },
    });
    await using _crowd = await crowdOf(server.port, 40);
    await using browser = await Browser.start();
    const page = await browser.open();
    await page.emulate(DESK);
    await page.goto(pageOf(server));
    await page.until(`document.querySelectorAll("${ROWS}").length >= 15`, 10_000);
    const sortedBy = `document.querySelector("th[aria-sort=descending]")?.textContent`;
    await page.until(`${sortedBy} === "Health"`);
    await page.evaluate(`document.querySelector("button[data-sort=age]").focus()`);
    await page.press("Enter"); // in this order no refresh moves a row
    await page.until(`${sortedBy} === "Age"`);

    await page.evaluate(`document.querySelector("${ROWS}[tabindex='0']").focus()`);
    for (const key of ["ArrowDown", "ArrowDown", "ArrowUp"]) await page.press(key);
    const row = () => page.evaluate("document.activeElement.getAttribute('aria-rowindex')");
    assertEquals(await row(), "3");
    await page.press("End");
    const last = await page.evaluate("document.querySelector('#table').ariaRowCount");
    assertEquals(await row(), last);
    await page.press("Home");
    assertEquals(await row(), "2");
    const id = await page.evaluate("document.activeElement.cells[0].textContent");
    await page.press("Enter");
    await page.until(`document.querySelector("#inspector[open] svg.timeline")?.checkVisibility()`);
    assertMatch(await text(page, "#inspector-title"), new RegExp(id));
    assertMatch(await text(page, "#inspector .sentence"), /^Open for \d+ s; .* last sign of life/);
    assertEquals(await page.evaluate("document.activeElement.className"), "close");
    assertGreater(await page.evaluate("document.querySelectorAll('.events li').length"), 0);
    await page.press("Escape");
    await page.until("!document.querySelector('#inspector').open");
    assertEquals(await row(), "2", "the focus is where it was");

    await page.click(`${ROWS} td`);
    await page.until(`document.querySelector("#inspector[open] svg.timeline")?.checkVisibility()`);
    const box = await page.evaluate(`(() => {
      const { left, top } = document.querySelector("#inspector").getBoundingClientRect();
      const id = document.querySelector("#inspector-title code").getBoundingClientRect();
      return { left, top, id: { x: id.left + 4, y: id.top + 6 } };
    })()`);
    const [within, beside] = [{ x: box.left + 6, y: box.top + 6 }, {
      x: box.left - 20,
      y: box.top,
    }];
    await page.drag(within, within); // its edge
    await page.drag(box.id, beside); // marks the id
    assert(await page.evaluate("document.querySelector('#inspector').open"));
    await page.drag(beside, beside);
    await page.until("!document.querySelector('#inspector').open");

    await page.click("#filter");
    await page.type("tank");
    await page.until(`[...document.querySelectorAll("${ROWS}")].every((row) =>
    row.cells[10].textContent === "tank")`);
    await page.click("#closed-text");
    await page.type("CLIENT_close");
    await page.press("Enter");
    await page.until(`document.querySelectorAll("#closed-results li").length > 0`, 10_000);
    await page.until(`[...document.querySelectorAll("#closed-results .sentence")].every((it) =>
    it.textContent.startsWith("The client closed the connection after"))`);
    await page.press("Tab");
    await page.press("Tab");
    await page.press("Enter");
    await page.until(`document.querySelector("#inspector[open] svg.timeline")?.checkVisibility()`);
    assertMatch(
      await text(page, "#inspector .sentence"),
      /^The client closed the connection after \d+ s\./,
    );
    assertMatch(await text(page, ".events li"), /socket closed \(1000\)/);
    await page.press("Escape");
    await page.evaluate(`document.querySelector("#closed-text").value = ""`);
    await page.click("#closed-text");
    await page.type("nobody has this");
    await page.press("Enter");
    await page.until(
      `/No closed connection matches/.test(document.querySelector("#closed-count").textContent)`,
    );
    assertEquals(page.problems, []);
  },
);

integrationTest(
  "The page asks for the admin's key, tells a wrong one, and forgets the right one",
  async () => {
    const admin = testKey("admin", { publish: [], subscribe: [], admin: true });
    const reader = testKey("reader");
    await using server = await ServerProcess.start({ env: { API_KEYS: apiKeys(admin, reader) } });
    await using browser = await Browser.start();
    const page = await browser.open(pageOf(server));
    const enter = async (key: string) => {
      await page.until("document.activeElement.id === 'key-text'");
      await page.type(key);
      await page.press("Enter");
    };
    const told = (words: string) =>
      page.until(`${words}.test(document.querySelector("#key-error").textContent)`);
    await page.until("document.querySelector('#key')?.open");
    assertEquals(await text(page, "#key-error"), "");
    await page.press("Escape"); // there is nothing behind it
    await enter("admin.\u2013wrong");
    await told("/cannot be a key: it contains “\u2013”/");
    await enter("admin.wrong");
    await told("/rejected: unknown key/");
    await enter(reader.credential);
    await told("/valid, but does not have the right admin/");
    assertEquals(await page.evaluate("sessionStorage.length"), 0, "only a key that opens is kept");
    await enter(admin.credential);
    await page.until("/^live/.test(document.querySelector('#connection-badge').textContent)");
    await page.until(`document.querySelector("${ROWS}")?.cells[12].textContent === "admin"`);
    // The API told of nobody yet: this is from the feed.
    await page.until(`document.querySelector(".figure").textContent === "1"`);
    const stored = await page.evaluate(
      "[JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie, location.href]",
    );
    assertEquals(stored.map((at: string) => at.includes(admin.secret)), [
      false,
      true,
      false,
      false,
    ]);

    await page.evaluate("globalThis.isOld = true; location.reload()");
    await page.until(
      "!globalThis.isOld && /^live/.test(document.querySelector('#connection-badge')?.textContent)",
    );
    await page.click("#forget");
    await page.until("document.querySelector('#key')?.open");
    assertEquals(await page.evaluate("sessionStorage.length"), 0);
    // The browser itself tells of each 401 and 403; nothing else may be wrong.
    const others = page.problems.filter(({ source, text }) =>
      source !== "network" || !/status of 40[13]/.test(text)
    );
    assertEquals(others, []);
  },
);

integrationTest(
  "A connection has an address on the page, and a button that asks before it disconnects",
  async () => {
    await using server = await ServerProcess.start();
    using client = await TextClient.connect(new URL("/ws", server.url));
    const { id } = await server.line("connection opened");
    await using browser = await Browser.start();
    const page = await browser.open(`${pageOf(server)}#/connection/${id}`);
    const shows = (words: RegExp) =>
      page.until(
        `${words}.test(document.querySelector("#inspector[open] .sentence")?.textContent)`,
      );
    await shows(/^Open for/);
    await page.click(".disconnect");
    assertEquals(await text(page, ".disconnect"), "Press again to disconnect it");
    await page.click(".disconnect");
    await shows(/^An operator disconnected it/);
    assertEquals((await client.end()).reason, "admin: closed by an operator; no retry");
    await page.until("document.querySelector('.disconnect').hidden");
    await page.press("Escape");
    await page.until("!document.querySelector('#inspector').open");
    await page.until(`location.hash === ""`); // the event close comes later
    await page.evaluate(`location.hash = "#/connection/${id}"`);
    await shows(/^An operator disconnected it/);
    assertEquals(page.problems, []);
  },
);

integrationTest("The page says that the server is gone, and goes on when it is back", async () => {
  const first = await ServerProcess.start();
  const { port } = first;
  await using browser = await Browser.start();
  const page = await browser.open(pageOf(first));
  const own = (words: string, withinMs = 5_000) =>
    page.until(`${words}.test(document.querySelector("#connection-badge").textContent)`, withinMs);
  const says = (selector: string, words: RegExp) =>
    page.until(`${words}.test(document.querySelector("${selector}").textContent)`);
  const dimmed = () =>
    page.evaluate(`["#tiles", "#charts", "#scroller"].map((part) =>
    getComputedStyle(document.querySelector(part)).opacity < 1)`);
  await own("/^live/");
  await says(".tile:nth-child(5) h2", /^Disconnects, last \d+ s$/);
  await says(
    "#delivery",
    /^History0 B · 0 channels .*Resumes0 recovered .*Repeats0 publ.*Members0$/,
  );
  await says("th[aria-sort]", /^Health$/);
  await says("#connections-count", /^1$/);
  assertEquals(await dimmed(), [false, false, false]);
  assertEquals(page.problems, []);
  await first[Symbol.asyncDispose]();
  await own("/^disconnected/");
  assertEquals(await dimmed(), [true, true, true]);
  await page.click("button[data-sort=rtt]");
  await says("#connections-count", /^1 · The server cannot be reached\.$/);
  await page.click("#closed-form button");
  await says("#closed-count", /^The server cannot be reached\.$/);
  assertEquals(await text(page, "th[aria-sort]"), "Health", "what the rows are still sorted by");
  await page.evaluate(`document.querySelector("${ROWS}").focus()`);
  await page.press("Enter");
  await says("#inspector[open] .sentence", /^The server cannot be reached\.$/);
  await page.press("Escape");
  await using _second = await ServerProcess.start({ env: { PORT: String(port) } });
  await own("/^live/", 20_000);
  await page.until(`document.querySelectorAll(".figure")[0].textContent === "1"`);
  await says("th[aria-sort]", /^RTT$/);
  await says("#connections-count", /^1$/);
  assertEquals(await dimmed(), [false, false, false]);
  const others = page.problems.filter(({ text }) => !/ERR_CONNECTION_REFUSED/.test(text));
  assertEquals(others, []);
});

integrationTest("The page goes by the hub's clock, however wrong the browser's is", async () => {
  await using server = await ServerProcess.start();
  await using browser = await Browser.start();
  const page = await browser.open();
  await page.devtools.call("Page.addScriptToEvaluateOnNewDocument", {
    source: "Date.now = () => 1e12", // it stands still, besides
  });
  await page.goto(pageOf(server));
  const heading = `document.querySelector(".tile:nth-child(5) h2").textContent`;
  await page.until(`/last [1-9]\\d* s$/.test(${heading})`);
  assertEquals(page.problems, []);
});

integrationTest(
  "The page shows all processes of a hub, or the chosen one, and tells of one that stands still",
  async () => {
    await using redis = await RedisServer.start();
    const options = { env: { REDIS_URL: redis.url } };
    await using a = await ServerProcess.start(options);
    await using b = await ServerProcess.start(options);
    for (const server of [a, b]) await server.line("connected to Redis");
    using clients = new DisposableStack();
    for (const server of [a, b, b]) clients.use(await WsClient.connect(server.url));
    await using browser = await Browser.start();
    const page = await browser.open();
    await page.emulate(DESK);
    await page.goto(pageOf(a));
    const connections = () => text(page, ".figure");
    // The page's own one among them.
    await until("all connections", async () => await connections() === "4", { withinMs: 10_000 });
    await page.until(`document.querySelectorAll("${ROWS}").length === 4`, 10_000);
    const processes = await column(page, 13);
    assertEquals(new Set(processes).size, 2);

    const names: string[] = await page.evaluate(
      `[...document.querySelectorAll("#node option")].map(({ value }) => value)`,
    );
    assertEquals(names.length, 3);
    for (const name of names.slice(1)) {
      await page.evaluate(`(() => {
        const select = document.querySelector("#node");
        select.value = "${name}";
        select.dispatchEvent(new Event("change"));
      })()`);
      await until("its rows", async () => {
        return `${await column(page, 13)}` === `${name},${name}`;
      }, { withinMs: 10_000 });
      await until("its connections", async () => await connections() === "2");
    }

    Deno.kill(b.pid, "SIGSTOP");
    try {
      await page.until(`/has not answered/.test(document.querySelector(".notice")?.textContent)`);
    } finally {
      Deno.kill(b.pid, "SIGCONT");
    }
    await page.until(`document.querySelector(".notice") === null`, 10_000);
    await looksRight(page, PHONE);
    assertEquals(page.problems, []);
  },
);
