import { assert, assertEquals, assertMatch } from "@std/assert";
import { BENCH, CLUSTER_BENCH, parseArguments, usageOf } from "./arguments.ts";
import { SERVER_NAMES } from "./servers.ts";
import { LOAD_NAMES } from "./sizes.ts";

const ALL = {
  loads: [...LOAD_NAMES],
  servers: [...SERVER_NAMES],
  format: "text" as const,
  isShort: false,
};

Deno.test("parseArguments() without flags takes all loads and all servers", () => {
  assertEquals(parseArguments([], BENCH), ALL);
});

Deno.test("parseArguments() takes names in any order, and keeps that of the table", () => {
  assertEquals(parseArguments(["--only", "storm,fanout", "--servers=ws,systole"], BENCH), {
    ...ALL,
    loads: ["fanout", "storm"],
    servers: ["systole", "ws"],
  });
});

Deno.test("parseArguments() takes a format and --short", () => {
  assertEquals(parseArguments(["--json", "--short"], BENCH), {
    ...ALL,
    format: "json",
    isShort: true,
  });
  assertEquals(parseArguments(["--markdown"], BENCH), { ...ALL, format: "markdown" });
});

Deno.test("parseArguments() answers --help with the usage", () => {
  assertEquals(parseArguments(["--json", "--help"], BENCH), { text: usageOf(BENCH), code: 0 });
});

for (
  const [args, why] of [
    [["--fast"], /there is no flag --fast/],
    [["fanout"], /there is no flag fanout/],
    [["--only"], /--only takes names out of fanout, .* got ""/],
    [["--only", "fanout,storms"], /got "storms"/],
    [["--servers", "nginx"], /--servers takes names out of systole, .* got "nginx"/],
    [["--short", "--markdown"], /--short has no figures/],
  ] as const
) {
  Deno.test(`parseArguments() refuses ${args.join(" ")} and says why`, () => {
    const parsed = parseArguments(args, BENCH);
    assert("text" in parsed);
    assertEquals(parsed.code, 2);
    assertMatch(parsed.text, why);
    assert(parsed.text.endsWith(usageOf(BENCH)));
  });
}

Deno.test("parseArguments() takes the loads and setups of the cluster bench, and not others", () => {
  const args = ["--only", "resume", "--servers", "workers,one"];
  assertEquals(parseArguments(args, CLUSTER_BENCH), {
    loads: ["resume"],
    servers: ["one", "workers"],
    format: "text",
    isShort: false,
  });
  assert("text" in parseArguments(["--only", "storm"], CLUSTER_BENCH));
});
