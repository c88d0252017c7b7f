/** The benches with `--short`: every load with every server, counts only. */

import { assert, assertEquals } from "@std/assert";
import { carries } from "../bench/cluster_loads.ts";
import { CLUSTER_LOAD_NAMES } from "../bench/cluster_sizes.ts";
import type { Outcome } from "../bench/results.ts";
import { SERVER_NAMES } from "../bench/servers.ts";
import { prepareSetups } from "../bench/setups.ts";
import { LOAD_NAMES } from "../bench/sizes.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { pathOf } from "../support/installed.ts";

/** What the controls need beside Deno. */
const NEEDED: Readonly<Record<string, string[]>> = {
  "ws-node": ["node", "npm"],
  socketio: ["node", "npm"],
  gorilla: ["go"],
};

const PROJECT = new URL("../../", import.meta.url);

/** Runs a bench in short. */
async function runShort(task: string, ...flags: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", task, "--short", "--json", ...flags],
    cwd: PROJECT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, text(stderr) + text(stdout));
  const outcome = JSON.parse(text(stdout)) as Outcome;
  assertEquals(outcome.failures, []);
  return outcome;
}

integrationTest("deno task bench --short: every load arrives at every server", async () => {
  const outcome = await runShort("bench");
  const isHere = (name: string) =>
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

/** The others are started and driven in the same way. */
const SETUPS = ["two-apart", "two-redis", "workers"] as const;

integrationTest("deno task bench:cluster --short: every load arrives at every setup", async () => {
  const outcome = await runShort("bench:cluster", "--servers", SETUPS.join());
  const { servers, missing } = prepareSetups(SETUPS);
  assertEquals(outcome.missing, missing);
  assertEquals(outcome.servers.map(({ name }) => name), servers.map(({ name }) => name));
  for (const setup of servers) {
    const loads = outcome.counts.filter(({ server }) => server === setup.name);
    assert(loads.every(({ count }) => count > 0), setup.name);
    const expected = CLUSTER_LOAD_NAMES.filter((load) => carries(setup, load));
    assertEquals(loads.map(({ load }) => load), expected, setup.name);
  }
});
