/**
 * The live page in a real browser: before a crowd of ten thousand real connections, before a locked
 * door, and before a server that goes away. Any error in the console, any breach of the page's
 * Content-Security-Policy fails it.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { Browser } from "../support/browser.ts";
import { apiKeys, testKey } from "../support/credentials.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import type { Page, Screen } from "../support/page.ts";
import { ServerProcess } from "../support/server_process.ts";
import { until, within } from "../support/until.ts";

const CROWD = 10_000;
const LEAVING = 12;

/** Where the pictures are kept, if anywhere; README's are in server/web/. */
const PICTURES = Deno.env.get("SCREENSHOTS");

const DESK: Screen = { width: 1_360, height: 900, scheme: "light" };
const PHONE: Screen = { width: 360, height: 740, scheme: "light" };

const ROWS = "tbody tr:not(.space)";

/** Thousands of clients in a process of their own; see lively_crowd.ts. */
async function crowdOf(port: number, count: number): Promise<AsyncDisposable> {
  const program = new URL("../support/lively_crowd.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", program, String(port), String(count), String(LEAVING)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  await within("the crowd", 60_000, output.read());
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

/** That the page has nothing wider than the screen, and its text is of the theme. */
async function looksRight(page: Page, screen: Screen): Promise<Uint8Array> {
  await page.emulate(screen);
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))");
  const { width } = screen;
  assert(await page.evaluate("document.documentElement.scrollWidth") <= width!, "it is too wide");
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

/** Scrolls from end to end while everything goes on. @returns what each frame and task took, ms */
function scrollThrough(page: Page): Promise<{ frames: number[]; tasks: number[]; blank: number }> {
  return page.evaluate(`new Promise((done) => {
    const tasks = [];
    const observer = new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => duration)));
    observer.observe({ type: "longtask" });
    const scroller = document.querySelector("#scroller");
    const [frames, STEPS] = [[], 240];
    let [step, last, blank] = [0, performance.now(), 0];
    const frame = (now) => {
      frames.push(now - last);
      last = now;
      const from = scroller.getBoundingClientRect();
      const middle = document.elementFromPoint(from.left + 200, from.top + 260)?.closest("tr");
      if (!middle || middle.classList.contains("space")) blank++;
      scroller.scrollTop = scroller.scrollHeight * ++step / STEPS;
      if (step <= STEPS) return requestAnimationFrame(frame);
      setTimeout(() => { observer.disconnect(); done({ frames: frames.slice(1), tasks, blank }); });
    };
    scroller.scrollIntoView({ behavior: "instant" });
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(frame); });
  })`);
}

integrationTest(
  `The page shows ${CROWD} connections, and stays fluid while they live on`,
  async () => {
    await using server = await ServerProcess.start({
      env: { PING_PERIOD_MS: "6000", PONG_WAIT_MS: "10000", TANK_PING_PERIOD_MS: "4000" },
    });
    await using _crowd = await crowdOf(server.port, CROWD);
    await using browser = await Browser.start();
    const page = await browser.open();
    await page.emulate(DESK);
    await page.goto(pageOf(server));
    const shown = () => text(page, "#connections-count").then((count) => count.replace(/\D/g, ""));
    await until("all of them", async () => Number(await shown()) > CROWD * 0.95, {
      withinMs: 10_000,
    });
    // Everybody has been pinged once, and somebody has left for each of two reasons.
    await page.until(`!/^–|^0/.test(document.querySelectorAll(".figure")[1].textContent)`, 15_000);
    await page.until(`document.querySelectorAll("#why-results li").length === 20`, 15_000);

    await page.click("button[data-sort=rtt]");
    await page.until(`document.querySelector("th[aria-sort=descending]").textContent === "RTT"`);
    await until("the slowest first", async () => {
      const worst = (await column(page, 2)).slice(0, 10).map(msOf);
      return worst[0] > 100 && worst.every((ms, i) => i === 0 || ms <= worst[i - 1]);
    });
    await page.click("button[data-sort=rtt]");
    await page.until(`document.querySelector("th[aria-sort=ascending]").textContent === "RTT"`);
    await page.click("button[data-sort=age]");

    const { frames, tasks, blank } = await scrollThrough(page);
    const sorted = frames.toSorted((a, b) => a - b);
    const [median, p95] = [0.5, 0.95].map((share) => sorted[Math.floor(sorted.length * share)]);
    const longest = Math.max(0, ...tasks);
    console.log(
      `scrolling through ${CROWD} rows: frame median ${median.toFixed(1)} ms, 95 % ${
        p95.toFixed(1)
      } ms, longest ${
        sorted.at(-1)!.toFixed(1)
      } ms; long tasks ${tasks.length}, longest ${longest} ms`,
    );
    assertLess(median, 40);
    assertLess(p95, 150);
    assertLess(longest, 500);
    assertLess(blank, frames.length * 0.2, "rows are there where one scrolls");
    assertLess(await page.evaluate(`document.querySelectorAll("${ROWS}").length`), 60);
    await page.until(`document.querySelector("tbody").lastElementChild.style.height === "0px"`);
    const [last] = (await column(page, 0)).slice(-1);
    await page.until(
      `[...document.querySelectorAll("${ROWS}")].at(-1).cells[0].textContent !== "–"`,
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

    await page.click("#filter");
    await page.type("tank");
    await page.until(`[...document.querySelectorAll("${ROWS}")].every((row) =>
    row.cells[9].textContent === "tank")`);
    await page.click("#why-text");
    await page.type("CLIENT_close");
    await page.press("Enter");
    await page.until(`document.querySelectorAll("#why-results li").length > 0`, 10_000);
    await page.until(`[...document.querySelectorAll("#why-results .sentence")].every((it) =>
    it.textContent.startsWith("The client said goodbye after"))`);
    await page.press("Tab");
    await page.press("Tab");
    await page.press("Enter");
    await page.until(`document.querySelector("#inspector[open] svg.timeline")?.checkVisibility()`);
    assertMatch(await text(page, "#inspector .sentence"), /^The client said goodbye after \d+ s\./);
    assertMatch(await text(page, ".events li"), /its socket has gone \(1000\)/);
    await page.press("Escape");
    await page.evaluate(`document.querySelector("#why-text").value = ""`);
    await page.click("#why-text");
    await page.type("nobody has this");
    await page.press("Enter");
    await page.until(`/No end mentions/.test(document.querySelector("#why-count").textContent)`);
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
      page.until(`${words}.test(document.querySelector("#key-wrong").textContent)`);
    await page.until("document.querySelector('#key')?.open");
    assertEquals(await text(page, "#key-wrong"), "");
    await page.press("Escape"); // there is nothing behind it
    await enter("admin.wrong");
    await told("/refused: unknown key/");
    await enter(reader.credential);
    await told("/valid, but has not the right admin/");
    await enter(admin.credential);
    await page.until("/^live/.test(document.querySelector('#own').textContent)");
    await page.until(`document.querySelector("${ROWS}")?.cells[11].textContent === "admin"`);
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
      "!globalThis.isOld && /^live/.test(document.querySelector('#own')?.textContent)",
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

integrationTest("The page says that the server is gone, and goes on when it is back", async () => {
  const first = await ServerProcess.start();
  const { port } = first;
  await using browser = await Browser.start();
  const page = await browser.open(pageOf(first));
  const own = (words: string, withinMs = 5_000) =>
    page.until(`${words}.test(document.querySelector("#own").textContent)`, withinMs);
  await own("/^live/");
  assertEquals(page.problems, []);
  await first[Symbol.asyncDispose]();
  await own("/^server gone/");
  await using _second = await ServerProcess.start({ env: { PORT: String(port) } });
  await own("/^live/", 20_000);
  await page.until(`document.querySelectorAll(".figure")[0].textContent === "1"`);
  const others = page.problems.filter(({ text }) => !/ERR_CONNECTION_REFUSED/.test(text));
  assertEquals(others, []);
});
