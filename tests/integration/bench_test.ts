/** `deno task bench --short`: every load with every server, counts only. */

import { assert, assertEquals } from "@std/assert";
import type { Outcome } from "../bench/results.ts";
import { SERVER_NAMES } from "../bench/servers.ts";
import { LOAD_NAMES } from "../bench/sizes.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { pathOf } from "../support/installed.ts";

/** What the controls need beside Deno. */
const NEEDED: Partial<Record<typeof SERVER_NAMES[number], string[]>> = {
  "ws-node": ["node", "npm"],
  socketio: ["node", "npm"],
  gorilla: ["go"],
};

const PROJECT = new URL("../../", import.meta.url);

integrationTest("deno task bench --short: every load arrives at every server", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "bench", "--short", "--json"],
    cwd: PROJECT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, text(stderr) + text(stdout));
  const outcome = JSON.parse(text(stdout)) as Outcome;
  assertEquals(outcome.failures, []);

  const isHere = (name: typeof SERVER_NAMES[number]) =>
    (NEEDED[name] ?? []).every((program) => pathOf(program) !== undefined);
  // A control whose programs are here must be measured; what is missing must be said.
  assertEquals(outcome.missing.filter(({ name }) => isHere(name)), []);
  const named = [...outcome.servers, ...outcome.missing].map(({ name }) => name);
  assertEquals(named.toSorted(), SERVER_NAMES.toSorted());

  for (const { name } of outcome.servers) {
    const loads = outcome.counts.filter(({ server }) => server === name);
    assert(loads.every(({ count }) => count > 0), name);
    assertEquals(
      new Set(loads.map(({ load }) => load)),
      new Set(LOAD_NAMES.filter((load) => load !== "empty")), // nothing arrives there
      name,
    );
  }
});
