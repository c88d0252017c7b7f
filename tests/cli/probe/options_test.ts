import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseProbeArgs, USAGE } from "../../../server/cli/probe/options.ts";
import { ConfigError } from "../../../server/base/errors.ts";

const URL_TEXT = "ws://localhost:8080/ws";

/** The problems of a command line. */
function problemsOf(...args: string[]): readonly string[] {
  const error = assertThrows(() => parseProbeArgs(args));
  assert(error instanceof ConfigError, String(error));
  return error.problems;
}

Deno.test("parseProbeArgs() has the defaults of USAGE", () => {
  const { target, plan, json, notes } = parseProbeArgs([URL_TEXT])!;
  assertEquals(target.url.href, URL_TEXT);
  assertEquals([target.headers, target.subprotocols, target.insecure], [{}, [], false]);
  assertEquals([plan.count, plan.intervalMs, plan.timeoutMs], [undefined, 1_000, 5_000]);
  assertEquals([plan.idleMs, plan.mute, plan.profile], [undefined, false, undefined]);
  assertEquals([target.timeoutMs, json, notes], [5_000, false, []]);
  assertEquals(parseProbeArgs(["--help"]), undefined);
});

Deno.test("parseProbeArgs() knows every option that USAGE lists", () => {
  const listed = [...USAGE.matchAll(/^ {2}--([a-z]+)/gm)].map(([, name]) => name);
  assertEquals(listed.length, 12);
  for (const name of listed) {
    // An unknown option throws a TypeError of parseArgs, not a ConfigError.
    problemsOf(`--${name}${/^(interactive|mute|insecure|json)$/.test(name) ? "" : "=1"}`);
  }
});

Deno.test("parseProbeArgs() accepts --idle alone, with seconds, and before the address", () => {
  for (
    const [args, idleMs] of [
      [["--idle", URL_TEXT], 600_000],
      [[URL_TEXT, "--idle"], 600_000],
      [["--idle", "90", URL_TEXT], 90_000],
      [["--idle=0.5", URL_TEXT], 500],
    ] as const
  ) assertEquals(parseProbeArgs(args)?.plan.idleMs, idleMs, args.join(" "));
});

Deno.test("parseProbeArgs() takes seconds with a unit for a bad value of --idle, no address", () => {
  assertEquals(problemsOf("--idle", "3s", URL_TEXT), [
    '--idle must be 0.01 to 86400 seconds, got "3s"',
  ]);
  assertEquals(parseProbeArgs(["--idle", "127.0.0.1:8080/ws"])!.plan.idleMs, 600_000);
});

Deno.test("parseProbeArgs() converts http:// to ws:// with a note", () => {
  const { target, notes } = parseProbeArgs(["https://example.test/ws#part"])!;
  assertEquals(target.url.href, "wss://example.test/ws");
  assertEquals(notes, ["using wss:// instead of https://"]);
});

Deno.test("parseProbeArgs() puts the credential where the profile's clients send it", () => {
  const placed = (profile: string[], key?: string) => {
    const { url, headers } = parseProbeArgs([...profile, URL_TEXT], key)!.target;
    return [url.search, headers];
  };
  assertEquals(placed(["--key", "a.b"]), ["", { authorization: "Bearer a.b" }]);
  assertEquals(placed([], "env"), ["", { authorization: "Bearer env" }]);
  assertEquals(placed(["--key", "arg"], "env"), ["", { authorization: "Bearer arg" }]);
  for (
    const [profile, search] of [
      ["infoway", "?apikey=a.b"],
      ["tank", "?token=a.b"],
      ["talo", "?ticket=a.b"],
    ]
  ) assertEquals(placed(["--profile", profile, "--key", "a.b"]), [search, {}]);
});

Deno.test("parseProbeArgs() takes an address without a scheme for one of ws, with a note", () => {
  for (
    const [text, url] of [
      ["localhost:8080/ws", "ws://localhost:8080/ws"],
      ["127.0.0.1/", "ws://127.0.0.1/"],
      ["example.test/a?b", "ws://example.test/a?b"],
      ["[::1]:8080/ws", "ws://[::1]:8080/ws"],
    ]
  ) {
    const { target, notes } = parseProbeArgs([text])!;
    assertEquals([target.url.href, notes.length], [url, 1], text);
  }
});

Deno.test("parseProbeArgs() reports all problems at once, and no value that may be secret", () => {
  const problems = problemsOf(
    ...["--count", "0", "--interval", "soon", "--timeout", "1e9", "--profile", "mqtt"],
    ...["--header", "Authorization hunter2", "--header", "Upgrade: hunter2"],
    ...["--header", "Cookie: hunter2\u0000", "--protocol", "a b", "--idle", "--key", "hunter 2"],
    "tcp://user:hunter2@localhost/?token=hunter2",
  );
  assertEquals(problems, [
    '--profile must be one of json, events-hub, infoway, tank, talo, got "mqtt"',
    "the address must be a URL that begins with ws:// or wss://",
    '--header number 1 must have the form "Name: value"',
    "--header number 2, Upgrade, is the handshake's own (see --protocol)",
    '--header number 3 must have the form "Name: value"',
    "--protocol must be a name of letters, digits and signs, each once",
    '--timeout must be 0.01 to 86400 seconds, got "1e9"',
    '--interval must be 0.01 to 86400 seconds, got "soon"',
    '--count must be a whole number from 1, got "0"',
    "--count and --interval are for pings, and --idle sends none",
    "--key must be printable ASCII",
  ]);
  assert(!problems.join().includes("hunter"));
  assertEquals(problemsOf(), ["one address is needed, got 0"]);
  assertEquals(problemsOf(URL_TEXT, URL_TEXT), ["one address is needed, got 2"]);
  const noUrl = "the address must be a URL that begins with ws:// or wss://";
  for (const text of ["localhost:8080", "tcp://localhost", "ws:/", "99999"]) {
    assertEquals(problemsOf(text), [noUrl], text);
  }
  const noHost = "the address must have a valid host, and a port, if any, of at most 65535";
  for (const text of ["ws://127.0.0.1:99999/", "http://u:p@[::1]:70000", "WSS://a b/", "ws://"]) {
    assertEquals(problemsOf(text), [noHost], text);
  }
  const twice = ["--header", "X-Api-Key: a", "--header", "x-api-key: b"];
  assertEquals(problemsOf(...twice, URL_TEXT), ["--header number 2 names x-api-key a second time"]);
  const both = ["--header", "Authorization: Basic eA==", "--key", "k"];
  assertStringIncludes(problemsOf(...both, URL_TEXT)[0], "both give Authorization");
});

Deno.test("parseProbeArgs() subscribes to health where events-hub's heartbeat needs it, with a note", () => {
  const typesOf = (query: string) => {
    const url = `ws://localhost/api/v1/ws/subscribe${query}`;
    const { target, notes } = parseProbeArgs(["--profile", "events-hub", url])!;
    return [target.url.searchParams.get("event_types"), notes.length];
  };
  assertEquals(typesOf(""), ["health", 1]);
  assertEquals(typesOf("?event_types=pdfm,stats"), ["pdfm,stats,health", 1]);
  assertEquals(typesOf("?event_types=pdfm,Health"), ["pdfm,Health", 0]);
});

Deno.test("parseProbeArgs() takes --interactive alone: it has no rounds and no end", () => {
  assertEquals(parseProbeArgs(["--interactive", URL_TEXT])!.plan.interactive, true);
  assertEquals(parseProbeArgs([URL_TEXT])!.plan.interactive, false);
  for (const other of ["--count=1", "--interval=1", "--idle=1"]) {
    assertEquals(problemsOf("--interactive", other, URL_TEXT), [
      "--interactive sends what is typed: no --count, --interval or --idle",
    ]);
  }
});
