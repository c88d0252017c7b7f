/** The manuals in a real browser: on a phone and on a desk, in light and dark, without an error. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { MANUALS } from "../../server/cli/docs.ts";
import { Browser } from "../support/browser/browser.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server/server_process.ts";

integrationTest(
  "No manual is wider than its screen, and both themes have their colours",
  async () => {
    await using server = await ServerProcess.start();
    await using browser = await Browser.start();
    const hub = server.url.href.replace(/^ws/, "http");
    const page = await browser.open(new URL("/docs", hub));
    for (const width of [375, 1280]) {
      await page.emulate({ width, height: 800, scheme: width === 375 ? "dark" : "light" });
      for (const name of MANUALS) {
        await page.goto(new URL(name === "index" ? "/docs" : `/docs/${name}`, hub));
        const wide = await page.evaluate("document.documentElement.scrollWidth");
        assert(wide <= width, `/docs/${name} is ${wide} px wide on a screen of ${width} px`);
      }
    }
    const colour = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await colour();
    await page.emulate({ scheme: "dark" });
    assertNotEquals(await colour(), light);
    assertEquals(page.problems, []);
  },
);

integrationTest(
  "The live page leads to the manuals, and their navigation from one to the next",
  async () => {
    await using server = await ServerProcess.start();
    await using browser = await Browser.start();
    const page = await browser.open(server.url.href.replace(/^ws/, "http"));
    await page.click('header a[href="/docs"]');
    await page.until('document.title === "Manuals · Systole"');
    await page.click('nav a[href="/docs/keys"]');
    await page.until('document.title === "Keys, rights and limits · Systole"');
    await page.click('.contents a[href="#suspension"]');
    await page.until('location.hash === "#suspension"');
    assert(
      await page.evaluate(
        "document.querySelector('#suspension').getBoundingClientRect().top < 200",
      ),
    );
    assertEquals(page.problems, []);
  },
);
