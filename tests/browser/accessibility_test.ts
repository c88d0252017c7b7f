/**
 * axe-core finds nothing on the live page and on the manuals, on a phone and on a desk, in light and
 * dark. It is loaded in a process of its own, since an import in deno.json would be fetched at every
 * first start of the hub.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { MANUALS } from "../../server/cli/docs.ts";
import { Browser } from "../support/browser/browser.ts";
import type { Page, Screen } from "../support/browser/page.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { outputOf } from "../support/peers/program.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { ServerProcess } from "../support/server/server_process.ts";

const SCREENS: readonly Screen[] = [375, 1280].flatMap((width) =>
  (["light", "dark"] as const).map((scheme) => ({ width, height: 800, scheme }))
);

/** Where the pictures are kept, if anywhere. */
const PICTURES = Deno.env.get("SCREENSHOTS");

function axeSource(): Promise<string> {
  const code = 'import axe from "npm:axe-core@4.11.0"; console.log(axe.source);';
  const args = ["eval", "--no-config", "--no-lock", "--quiet", code];
  return outputOf([Deno.execPath(), ...args], { cwd: Deno.cwd() });
}

/** Every finding on every screen, with the elements concerned. */
async function findingsOn(page: Page, name: string, axe: string): Promise<string[]> {
  const found: string[] = [];
  for (const screen of SCREENS) {
    await page.emulate(screen);
    await page.evaluate(`globalThis.axe === undefined && (0, eval)(${JSON.stringify(axe)}), 0`);
    const violations = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => " +
        'id + ": " + nodes.map(({ target }) => target).join(" | ")))',
    );
    const where = `${name} ${screen.width} ${screen.scheme}`;
    found.push(...violations.map((violation: string) => `${where}: ${violation}`));
    if (PICTURES !== undefined) {
      const path = `${PICTURES}/${where.replaceAll(/\W+/g, "_")}.png`;
      await Deno.writeFile(path, await page.screenshot());
    }
  }
  return found;
}

integrationTest("axe-core finds nothing on the live page and the manuals", async () => {
  const axe = await axeSource();
  await using server = await ServerProcess.start();
  await using browser = await Browser.start();
  using owner = new DisposableStack();
  const hub = server.url.href.replace(/^ws/, "http");
  for (const path of ["/ws/json", "/ws/tank", "/ws?business=crypto"]) {
    const client = owner.use(await TextClient.connect(new URL(path, server.url)));
    if (path === "/ws/json") client.send({ type: "subscribe", channel: "news" });
  }
  const gone = owner.use(await WsClient.connect(new URL("/ws", server.url)));
  await gone.close();

  const page = await browser.open(hub);
  await page.until("document.querySelectorAll('tbody tr:not(.space)').length >= 3");
  const found = await findingsOn(page, "page", axe);
  for (const name of MANUALS) {
    await page.goto(new URL(name === "index" ? "/docs" : `/docs/${name}`, hub));
    found.push(...await findingsOn(page, name, axe));
  }
  assertEquals(found, []);
});
