import { assert, assertEquals, assertLess, assertLessOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Config, type Env, parseConfig } from "../server/config.ts";
import { ConfigError } from "../server/errors.ts";
import { OPTIONS } from "../server/options.ts";
import { PROXY_PERIODS_MS, type ProxyPreset } from "../server/timing.ts";

function problemsOf(env: Env): readonly string[] {
  return (assertThrows(() => parseConfig(env), ConfigError) as ConfigError).problems;
}

Deno.test("parseConfig() of an empty environment gives the documented defaults", () => {
  assertEquals(parseConfig({}), {
    listen: { kind: "tcp", host: "127.0.0.1", port: 8080 },
    onDeploy: false,
    allowedOrigins: [],
    allowAnonymous: false,
    defaultProfile: "json",
    echo: false,
    logFormat: "text",
    logLevel: "info",
    timing: {
      json: {
        pingPeriodMs: 54_000,
        pongWaitMs: 60_000,
        heartbeatTimeoutMs: 3_000,
        missedHeartbeats: 3,
      },
    },
    limits: {
      maxMessageBytes: 65_536,
      sendQueueMessages: 256,
      sendQueueBytes: 1_048_576,
      queueBudgetBytes: 268_435_456,
      maxConnections: 15_000,
      maxConnectionsPerAddress: 0,
      maxUpgradesPerSecond: 0,
      maxMessagesPerSecond: 1000,
      maxSubscriptions: 10_000,
    },
    writeWaitMs: 10_000,
    closeWaitMs: 2000,
    shutdownMs: 4500,
  });
});

Deno.test("parseConfig() puts every option where it belongs", () => {
  const rows: [Env, (config: Config) => unknown, unknown][] = [
    [{ HOST: "::1", PORT: "0" }, (it) => it.listen, { kind: "tcp", host: "::1", port: 0 }],
    [{ ALLOWED_ORIGINS: "https://a.example" }, (it) => it.allowedOrigins, ["https://a.example"]],
    [{ ALLOW_ANONYMOUS: "TRUE" }, (it) => it.allowAnonymous, true],
    [{ DEFAULT_PROFILE: "json" }, (it) => it.defaultProfile, "json"],
    [{ ECHO: "1" }, (it) => it.echo, true],
    [{ LOG_FORMAT: "json" }, (it) => it.logFormat, "json"],
    [{ LOG_LEVEL: "debug" }, (it) => it.logLevel, "debug"],
    [{ PONG_WAIT_MS: "2000" }, (it) => it.timing.json.pongWaitMs, 2000],
    [{ PING_PERIOD_MS: "1000" }, (it) => it.timing.json.pingPeriodMs, 1000],
    [{ HEARTBEAT_TIMEOUT_MS: "700" }, (it) => it.timing.json.heartbeatTimeoutMs, 700],
    [{ MISSED_HEARTBEATS: "5" }, (it) => it.timing.json.missedHeartbeats, 5],
    [{ PROXY_PRESET: "default" }, (it) => it.timing.json.pingPeriodMs, 30_000],
    [{ WRITE_WAIT_MS: "300" }, (it) => it.writeWaitMs, 300],
    [{ CLOSE_WAIT_MS: "301" }, (it) => it.closeWaitMs, 301],
    [{ SHUTDOWN_MS: "302" }, (it) => it.shutdownMs, 302],
    [{ MAX_MESSAGE_BYTES: "512" }, (it) => it.limits.maxMessageBytes, 512],
    [{ SEND_QUEUE_MESSAGES: "7" }, (it) => it.limits.sendQueueMessages, 7],
    [{ SEND_QUEUE_BYTES: "4096" }, (it) => it.limits.sendQueueBytes, 4096],
    [{ QUEUE_BUDGET_BYTES: "8192" }, (it) => it.limits.queueBudgetBytes, 8192],
    [{ MAX_CONNECTIONS: "9" }, (it) => it.limits.maxConnections, 9],
    [{ MAX_CONNECTIONS_PER_ADDRESS: "8" }, (it) => it.limits.maxConnectionsPerAddress, 8],
    [{ MAX_UPGRADES_PER_SECOND: "6" }, (it) => it.limits.maxUpgradesPerSecond, 6],
    [{ MAX_MESSAGES_PER_SECOND: "0" }, (it) => it.limits.maxMessagesPerSecond, 0],
    [{ MAX_SUBSCRIPTIONS: "4" }, (it) => it.limits.maxSubscriptions, 4],
    [{ TLS_CERT_FILE: "c.pem", TLS_KEY_FILE: "k.pem" }, (it) => it.tls, {
      certFile: "c.pem",
      keyFile: "k.pem",
    }],
  ];
  const seen = new Set(rows.flatMap(([env]) => Object.keys(env)));
  assertEquals([...seen].sort(), Object.keys(OPTIONS).sort(), "a row for every option");
  for (const [env, pick, expected] of rows) {
    assertEquals(pick(parseConfig(env)), expected, JSON.stringify(env));
  }
});

Deno.test("parseConfig() counts an empty or blank variable as unset, and trims the others", () => {
  assertEquals(parseConfig({ PORT: "", ECHO: " ", HOST: undefined }), parseConfig({}));
  assertEquals(parseConfig({ LOG_LEVEL: " error\n" }).logLevel, "error");
  assertEquals(parseConfig({ TLS_CERT_FILE: "", TLS_KEY_FILE: " " }).tls, undefined);
});

Deno.test("parseConfig() leaves variables alone that are not options", () => {
  assertEquals(parseConfig({ PATH: "/bin", HOME: "\n" }), parseConfig({}));
});

Deno.test("parseConfig() listens where DENO_SERVE_ADDRESS says, whatever HOST and PORT are", () => {
  const env = { HOST: "0.0.0.0", PORT: "1", DENO_SERVE_ADDRESS: "unix:/run/x.sock" };
  assertEquals(parseConfig(env).listen, { kind: "unix", path: "/run/x.sock" });
  assertEquals(problemsOf({ DENO_SERVE_ADDRESS: "9000" }).length, 1);
});

Deno.test("parseConfig() knows Deno Deploy by DENO_DEPLOYMENT_ID", () => {
  assertEquals(parseConfig({ DENO_DEPLOYMENT_ID: "8f3a" }).onDeploy, true);
  assertEquals(parseConfig({ DENO_DEPLOYMENT_ID: "" }).onDeploy, false);
});

Deno.test("parseConfig() reports every problem at once: values, presets, relations", () => {
  const problems = problemsOf({
    PORT: "80a",
    PROXY_PRESET: "akamai",
    PONG_WAIT_MS: "50000",
    PING_PERIOD_MS: "60000",
    MAX_MESSAGE_BYTES: "4000000",
    SEND_QUEUE_BYTES: "1000000",
    TLS_KEY_FILE: "k.pem",
  });
  assertEquals(problems, [
    'PORT must be a port number, digits only, from 0 to 65535, got "80a"',
    "PROXY_PRESET must be one of none, aws-alb, nginx, azure-app-gateway, cloudflare, default, " +
    'got "akamai"',
    "TLS_CERT_FILE must be set, since TLS_KEY_FILE is, got nothing",
    "PING_PERIOD_MS must be < PONG_WAIT_MS, got 60000 and 50000",
    "SEND_QUEUE_BYTES must be >= MAX_MESSAGE_BYTES, got 1000000 and 4000000",
  ]);
});

Deno.test("parseConfig() refuses a period above the proxy's, and takes its own", () => {
  assertEquals(problemsOf({ PROXY_PRESET: "aws-alb", PING_PERIOD_MS: "55001" }), [
    "PING_PERIOD_MS must be <= 55000 for PROXY_PRESET aws-alb, got 55001",
  ]);
  const { json } = parseConfig({ PROXY_PRESET: "cloudflare", PING_PERIOD_MS: "90000" }).timing;
  assertEquals([json.pingPeriodMs, json.pongWaitMs], [90_000, 100_000]);
});

Deno.test("parseConfig() does not blame a relation on a value that is bad by itself", () => {
  assertEquals(problemsOf({ PONG_WAIT_MS: "5s", PING_PERIOD_MS: "90000" }).length, 1);
  assertEquals(problemsOf({ TLS_CERT_FILE: "c.pem", TLS_KEY_FILE: "a\nb" }).length, 1);
});

Deno.test("OPTIONS says unit, default and meaning of each in one line, and reads its own default", () => {
  for (const [name, option] of Object.entries(OPTIONS)) {
    for (const text of [option.unit, option.default, option.meaning]) {
      assert(text !== "" && !/[\n|]/.test(text), `${name} in one cell of README's table`);
    }
    if (option.default !== String(option.fallback)) continue;
    assertEquals<unknown>(
      option.read(option.default),
      { kind: "value", value: option.fallback },
      name,
    );
  }
});

/** What holds in every Config. */
function assertRelations({ timing: { json }, limits }: Config, proxy: ProxyPreset): void {
  assertLess(json.pingPeriodMs, json.pongWaitMs);
  assertLess(json.heartbeatTimeoutMs, json.pongWaitMs);
  assertLessOrEqual(json.pingPeriodMs, PROXY_PERIODS_MS[proxy]);
  assertLessOrEqual(json.pongWaitMs, 2 ** 31 - 1);
  assertLessOrEqual(limits.maxMessageBytes, limits.sendQueueBytes);
  assertLessOrEqual(limits.sendQueueBytes, limits.queueBudgetBytes);
}

const NAMES = [...Object.keys(OPTIONS), "DENO_SERVE_ADDRESS", "DENO_DEPLOYMENT_ID"];
const NUMBERS = fc.oneof(
  fc.integer({ min: 0, max: 300_000 }),
  fc.integer({ min: 0, max: 2 ** 31 }),
).map(String);
const WORDS = fc.constantFrom("true", "json", "none", "nginx", "tcp:[::1]:1", "https://a.example");

Deno.test("parseConfig() of any environment gives a Config whose relations hold, or a ConfigError", () => {
  const text = fc.oneof(NUMBERS, WORDS, fc.string({ unit: "binary" }));
  const entries = fc.array(fc.tuple(fc.constantFrom(...NAMES), text), { maxLength: 6 });
  fc.assert(
    fc.property(entries, (pairs) => {
      const env: Env = Object.fromEntries(pairs);
      try {
        const proxy = env.PROXY_PRESET === "nginx" ? "nginx" : "none";
        assertRelations(parseConfig(env), proxy);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        assertEquals(
          error.message.split("\n").length,
          error.problems.length > 1 ? error.problems.length + 1 : 1,
        );
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("parseConfig() of any single good value starts: defaults give way", () => {
  const name = fc.constantFrom(...Object.keys(OPTIONS).filter((name) => !name.startsWith("TLS_")));
  fc.assert(
    fc.property(name, fc.oneof(NUMBERS, WORDS), (name, text) => {
      const option = OPTIONS[name as keyof typeof OPTIONS];
      if (option.read(text).kind === "bad") return;
      assertRelations(
        parseConfig({ [name]: text }),
        name === "PROXY_PRESET" ? text as ProxyPreset : "none",
      );
    }),
    { numRuns: 3000 },
  );
});
