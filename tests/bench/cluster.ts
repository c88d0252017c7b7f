/**
 * `deno task bench:cluster`: what one hub of several processes or threads costs beside one of one
 * process, in one run on this machine.
 *
 * @module
 */

import { CLUSTER_BENCH, parseArguments } from "./arguments.ts";
import { clusterSuite } from "./cluster_figures.ts";
import { CLUSTER_LOADS } from "./cluster_loads.ts";
import { CLUSTER_FULL, CLUSTER_SHORT } from "./cluster_sizes.ts";
import { Results } from "./results.ts";
import { runBench } from "./run_bench.ts";
import { prepareSetups } from "./setups.ts";

const suite = clusterSuite(navigator.hardwareConcurrency);

Deno.exit(
  await runBench(
    parseArguments(Deno.args, CLUSTER_BENCH),
    suite,
    async ({ loads, servers: names, isShort }, { processes, say }) => {
      const sizes = isShort ? CLUSTER_SHORT : CLUSTER_FULL;
      const { servers, missing } = prepareSetups(names);
      for (const { name, why } of missing) say(`not measured: ${name}: ${why}`);
      const results = new Results(suite);
      for (const load of loads) {
        say(load);
        await CLUSTER_LOADS[load]({ processes, servers, sizes, results });
      }
      return { results, repetitions: sizes.repetitions, servers, missing };
    },
  ),
);
