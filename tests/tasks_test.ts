import { assert, assertEquals } from "@std/assert";
import { OPTIONS, PLATFORM } from "../server/config/options.ts";

const { tasks } = JSON.parse(
  await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
) as { tasks: Record<string, string> };

/** What ws looks at when it loads. */
const WS_VARIABLES = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];

for (const task of ["start", "dev"]) {
  Deno.test(`deno task ${task} may read every option from the environment, and nothing else`, () => {
    const allowed = /--allow-env=(\S+)/.exec(tasks[task])?.[1].split(",") ?? [];
    const needed = [...Object.keys(OPTIONS), ...Object.keys(PLATFORM), ...WS_VARIABLES];
    assertEquals(allowed.toSorted(), needed.toSorted());
  });

  Deno.test(`deno task ${task} may listen and read files and write below data/, but not run or load`, () => {
    assert(!/(^|\s)(-A|--allow-all|--allow-(run|ffi|sys))/.test(tasks[task]));
    const [, ...writable] = tasks[task].split("--allow-write");
    assertEquals(writable.map((rest) => rest.split(" ")[0]), ["=data"]);
  });
}

Deno.test("deno task key may do nothing at all", () => {
  assertEquals(tasks.key, "deno run --no-prompt server/cli/key.ts");
});

Deno.test("deno task probe may use the network, read its key and what ws looks at, no more", () => {
  const variables = ["PROBE_KEY", ...WS_VARIABLES].join();
  assertEquals(
    tasks.probe,
    `deno run --no-prompt --allow-net --allow-env=${variables} server/cli/probe.ts`,
  );
});
