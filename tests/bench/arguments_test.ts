import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseArguments, USAGE } from "./arguments.ts";
import { SERVER_NAMES } from "./servers.ts";
import { LOAD_NAMES } from "./sizes.ts";

const ALL = {
  loads: [...LOAD_NAMES],
  servers: [...SERVER_NAMES],
  format: "text" as const,
  isShort: false,
};

Deno.test("parseArguments() without flags takes all loads and all servers", () => {
  assertEquals(parseArguments([]), ALL);
});

Deno.test("parseArguments() takes names in any order, and keeps that of the table", () => {
  assertEquals(parseArguments(["--only", "storm,fanout", "--servers=ws,systole"]), {
    ...ALL,
    loads: ["fanout", "storm"],
    servers: ["systole", "ws"],
  });
});

Deno.test("parseArguments() takes a format and --short", () => {
  assertEquals(parseArguments(["--json", "--short"]), { ...ALL, format: "json", isShort: true });
  assertEquals(parseArguments(["--markdown"]), { ...ALL, format: "markdown" });
});

Deno.test("parseArguments() answers --help with the usage", () => {
  assertEquals(parseArguments(["--json", "--help"]), { text: USAGE, code: 0 });
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
    const parsed = parseArguments(args);
    assert("text" in parsed);
    assertEquals(parsed.code, 2);
    assertMatch(parsed.text, why);
    assert(parsed.text.endsWith(USAGE));
  });
}
