/**
 * `deno task bench`: what this server costs beside others, in one run on this machine.
 *
 * @module
 */

import { BENCH, parseArguments } from "./arguments.ts";
import { SUITE } from "./figures.ts";
import { LOADS } from "./loads.ts";
import { Results } from "./results.ts";
import { runBench } from "./run_bench.ts";
import { prepareServers } from "./servers.ts";
import { FULL, SHORT } from "./sizes.ts";

Deno.exit(
  await runBench(
    parseArguments(Deno.args, BENCH),
    SUITE,
    async ({ loads, servers: names, isShort }, { processes, folder, say }) => {
      const sizes = isShort ? SHORT : FULL;
      say("preparing the servers");
      const { servers, missing } = await prepareServers(names, folder);
      for (const { name, why } of missing) say(`not measured: ${name}: ${why}`);
      const results = new Results(SUITE);
      for (const load of loads) {
        say(load);
        await LOADS[load]({ processes, servers, sizes, results });
      }
      return { results, repetitions: sizes.repetitions, servers, missing };
    },
  ),
);
