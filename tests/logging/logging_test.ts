import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { resetSync } from "@logtape/logtape";
import fc from "fast-check";
import {
  configureLogging,
  formatJson,
  formatText,
  type LogEvent,
  type Logger,
  type LoggingOptions,
} from "../../server/logging/logging.ts";

const TIME = "2026-01-02T03:04:05.678Z";

function event(properties: Record<string, unknown> = {}, rest: Partial<LogEvent> = {}): LogEvent {
  return {
    category: ["systole"],
    level: "info",
    rawMessage: "connection closed",
    timestamp: Date.parse(TIME),
    properties,
    ...rest,
  };
}

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

/** Runs `body` and returns the lines that it logs. */
function recorded(
  options: Omit<LoggingOptions, "write">,
  body: (log: Logger) => void,
): string[] {
  const lines: string[] = [];
  const log = configureLogging({ ...options, write: (line) => lines.push(line) });
  try {
    body(log);
  } finally {
    resetSync();
  }
  return lines;
}

Deno.test("formatText() gives time, level, message and properties in one line", () => {
  assertEquals(
    formatText(event({ id: "c-17", reason: "stale", seconds: 60.05, queue: { bytes: 3 } })),
    `${TIME} info    connection closed id=c-17 reason=stale seconds=60.05 queue={"bytes":3}`,
  );
  assertEquals(formatText(event({}, { level: "warning" })), `${TIME} warning connection closed`);
});

Deno.test("formatText() quotes a value that would be ambiguous", () => {
  const rows: [unknown, string][] = [
    ["ws://[::1]:8080/ws", "ws://[::1]:8080/ws"],
    ["", '""'],
    ["two words", '"two words"'],
    ["a=b", '"a=b"'],
    ['say "no"', '"say \\"no\\""'],
    ["x\nforged line", '"x\\nforged line"'],
    ["\u001b[2J", '"\\u001b[2J"'],
    ["\u2028\u0085\u202e", '"\\u2028\\u0085\\u202e"'],
    [null, "null"],
    [12n, "12"],
    [cycle(), '"(cannot be shown)"'],
  ];
  for (const [value, shown] of rows) {
    assertEquals(formatText(event({ value })), `${TIME} info    connection closed value=${shown}`);
  }
  assertEquals(formatText(event({ value: undefined })), `${TIME} info    connection closed`);
});

Deno.test("formatJson() gives time, level, logger, message, then the properties", () => {
  assertEquals(
    formatJson(
      event({ id: "c-17", seconds: 60.05, gone: undefined }, { category: ["systole", "hub"] }),
    ),
    `{"time":"${TIME}","level":"info","logger":"systole.hub","message":"connection closed",` +
      '"id":"c-17","seconds":60.05}',
  );
});

Deno.test("formatJson() renames a property that has the name of a field", () => {
  const line = JSON.parse(formatJson(event({ message: "other", time: 1, level: 2, logger: 3 })));
  assertEquals(line, {
    time: TIME,
    level: "info",
    logger: "systole",
    message: "connection closed",
    message_: "other",
    time_: 1,
    level_: 2,
    logger_: 3,
  });
});

Deno.test("formatJson() shows an error with its stack and its causes, at any depth", () => {
  const error = new TypeError("outer", { cause: new RangeError("inner") });
  const { error: text, nested } = JSON.parse(formatJson(event({ error, nested: [{ error }] })));
  assertMatch(text, /^TypeError: outer\n {4}at .*\ncaused by RangeError: inner\n {4}at /s);
  assertEquals(nested, [{ error: text }]);
});

Deno.test("formatText() shows an error with its stack in the same line", () => {
  const line = formatText(event({ error: new Error("no\nluck") }));
  assertMatch(line, /error="Error: no luck at .*logging_test\.ts/);
});

Deno.test("formatJson() and formatText() end with a cycle of causes", () => {
  const error = new Error("mine");
  error.cause = error;
  assertEquals(JSON.parse(formatJson(event({ error }))).error.split("caused by").length, 5);
  assertEquals(formatText(event({ error })).split("caused by").length, 5);
});

Deno.test("formatJson() and formatText() write one line for any event", () => {
  const texts = fc.string({ unit: "binary" });
  const values = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true });
  const events = fc.record({ message: texts, properties: fc.dictionary(texts, values) });
  fc.assert(fc.property(events, ({ message, properties }) => {
    const given = event(properties, { rawMessage: message });
    const json = formatJson(given);
    assertEquals(JSON.parse(json).message, message);
    for (const line of [json, formatText(given)]) assert(!/[\n\r\u0085\u2028\u2029]/.test(line));
  }));
});

Deno.test("configureLogging() returns a logger that writes at once, from its level on", () => {
  const lines = recorded({ format: "text", level: "warning" }, (log) => {
    log.info("too fine");
    log.warning("slow", { lateMs: 120 });
    log.error("failed");
  });
  assertEquals(lines.map((line) => line.slice(TIME.length + 1)), [
    "warning slow lateMs=120",
    "error   failed",
  ]);
});

Deno.test("configureLogging() logs nothing itself", () => {
  assertEquals(recorded({ format: "text", level: "debug" }, () => {}), []);
});

Deno.test("configureLogging() may be called again, and the last call wins", () => {
  const first = recorded({ format: "text", level: "debug" }, () => {
    const second = recorded({ format: "json", level: "debug" }, (log) => log.info("hello"));
    assertEquals(JSON.parse(second[0]).message, "hello");
  });
  assertEquals(first, []);
});

Deno.test("configureLogging() does not interpret braces in a message", () => {
  const [line] = recorded(
    { format: "text", level: "info" },
    (log) => log.info("{id} is {", { id: 1 }),
  );
  assertStringIncludes(line, "info    {id} is { id=1");
});

/** A shell command that runs `body` with `log` in its own process. */
function program(body: string): string {
  const start = `import { configureLogging, flushLog } from "./server/logging/logging.ts";
    const log = configureLogging({ format: "json", level: "info" });`;
  return `'${Deno.execPath()}' eval --no-lock '${start} ${body}'`;
}

async function run(commandLine: string): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", commandLine],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("flushLog() loses no line of a process that exits", async () => {
  const body =
    `for (let i = 0; i < 5000; i++) log.info("line", { i }); await flushLog(); Deno.exit(3);`;
  const { code, out } = await run(program(body));
  assertEquals(code, 3);
  const numbers = out.trimEnd().split("\n").map((line) => JSON.parse(line).i);
  assertEquals([numbers.length, numbers.at(-1)], [5000, 4999]);
});

Deno.test("flushLog() lets the process exit when the reader has stopped reading", async () => {
  const body = `for (let i = 0; i < 5000; i++) log.info("line", { i });
    await flushLog(); console.error("alive"); Deno.exit(3);`;
  const child = new Deno.Command("sh", {
    args: ["-c", program(body)],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const err = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, err], [3, "alive\n"]);
  await child.stdout.cancel();
});

Deno.test("configureLogging() continues without output when stdout is closed", async () => {
  const body = `for (let i = 0; i < 5000; i++) log.info("line", { i }); console.error("alive");`;
  const { err } = await run(`${program(body)} | true`);
  assertEquals(err, "alive\n");
});
