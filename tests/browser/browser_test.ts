import { assert, assertEquals, assertGreater, assertMatch, assertRejects } from "@std/assert";
import { Browser } from "../support/browser/browser.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { servePages } from "../support/browser/page_server.ts";

const FORM = `<!doctype html><title>form</title><input id=who><button id=ok>OK</button>
<p id=said></p><script>
  ok.onclick = () => said.textContent = "hello " + who.value;
  addEventListener("keydown", (event) => said.textContent = [event.key, event.shiftKey].join());
</script>`;

const BAD = `<!doctype html><script src="/missing.js"></script><script>
  console.error("told", 7);
  setTimeout(() => { throw new Error("thrown"); });
</script>`;

const STRICT = `<!doctype html><script>document.title = "ran"</script>`;

integrationTest("Page clicks, types, presses and sees as a person does", async () => {
  await using pages = servePages({ "/": FORM });
  await using browser = await Browser.start();
  const page = await browser.open(pages.url);
  await page.click("#who");
  await page.type("Ada");
  await page.click("#ok");
  assertEquals(await page.evaluate("said.textContent"), "hello Ada");
  await page.press("Shift+Tab");
  assertEquals(await page.evaluate("said.textContent"), "Tab,true");
  assertEquals(await page.evaluate("document.activeElement.id"), "who");
  await page.press("Tab");
  await page.press("Enter");
  assertEquals(await page.evaluate("said.textContent"), "hello Ada");
  await page.emulate({ width: 360, height: 640, scheme: "dark", reducedMotion: true });
  assertEquals(await page.evaluate("innerWidth"), 360);
  assert(await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"));
  assert(await page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches"));
  const png = await page.screenshot();
  assertEquals(new TextDecoder().decode(png.slice(1, 4)), "PNG");
  assertEquals(new DataView(png.buffer).getUint32(16), 360);
  assertEquals(page.problems, []);
});

integrationTest("Page.problems tells of what is loaded, thrown, logged and forbidden", async () => {
  const csp = { "content-security-policy": "default-src 'none'" };
  await using pages = servePages({ "/bad": BAD, "/strict": { text: STRICT, headers: csp } });
  await using browser = await Browser.start();
  const bad = await browser.open(new URL("/bad", pages.url));
  await bad.until("true");
  const of = (source: string) =>
    bad.problems.filter((it) => it.source === source).map(({ text }) => text);
  await bad.evaluate("new Promise((resolve) => setTimeout(resolve))"); // after the page's own
  assertEquals(of("console"), ["told 7"]);
  assertMatch(of("exception").join(), /^Error: thrown/);
  assertMatch(of("network")[0], /404.*missing\.js/);
  const strict = await browser.open(new URL("/strict", pages.url));
  assertGreater(
    strict.problems.filter(({ text }) => /Content.Security.Policy/.test(text)).length,
    0,
  );
  assertEquals(await strict.evaluate("document.title"), "");
});

integrationTest("Page.evaluate() and goto() tell what went wrong", async () => {
  await using browser = await Browser.start();
  const page = await browser.open();
  await assertRejects(() => page.evaluate("missing.thing"), Error, "missing is not defined");
  await assertRejects(() => page.goto("http://127.0.0.1:1/"), Error, "127.0.0.1:1");
  assertEquals(await page.evaluate("Promise.resolve({ a: [1] })"), { a: [1] });
});
