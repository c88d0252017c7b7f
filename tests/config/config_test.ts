import { assert, assertEquals, assertLess, assertLessOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Config, type Env, parseConfig } from "../../server/config/config.ts";
import { ConfigError } from "../../server/base/errors.ts";
import { OPTIONS } from "../../server/config/options.ts";
import { PROXY_PERIODS_MS, type ProxyPreset } from "../../server/liveness/timing.ts";

const KEYS = JSON.stringify([{ id: "k1", secretSha256: "0".repeat(64), publish: ["*"] }]);

function problemsOf(env: Env): readonly string[] {
  return (assertThrows(() => parseConfig(env), ConfigError) as ConfigError).problems;
}

Deno.test("parseConfig() of an empty environment gives the documented defaults", () => {
  const health = { healthyMs: 100, degradedMs: 500, poorMs: 1_000 };
  assertEquals(parseConfig({}), {
    listen: { kind: "tcp", host: "127.0.0.1", port: 8080 },
    onDeploy: false,
    allowedOrigins: [],
    allowAnonymous: false,
    auth: {
      keys: [],
      trustedProxies: [],
      ticketsPerMinute: 20,
      ticketTtlMs: 300_000,
      suspendAfterViolations: 3,
      suspendWindowMs: 600_000,
      suspendMs: 900_000,
    },
    defaultProfile: "json",
    logFormat: "text",
    logLevel: "info",
    workers: 1,
    timing: {
      json: {
        pingPeriodMs: 54_000,
        pongWaitMs: 60_000,
        heartbeatTimeoutMs: 3_000,
        missedHeartbeats: 3,
        health,
      },
      "events-hub": {
        pingPeriodMs: 30_000,
        pongWaitMs: 65_000,
        heartbeatTimeoutMs: 10_000,
        missedHeartbeats: 7,
        health,
      },
      "infoway": {
        pingPeriodMs: 30_000,
        pongWaitMs: 60_000,
        heartbeatTimeoutMs: 10_000,
        missedHeartbeats: 0,
        health,
      },
      "tank": {
        pingPeriodMs: 5_000,
        pongWaitMs: 15_000,
        heartbeatTimeoutMs: 5_000,
        missedHeartbeats: 3,
        health,
      },
      "talo": {
        pingPeriodMs: 30_000,
        pongWaitMs: 30_000,
        heartbeatTimeoutMs: 10_000,
        missedHeartbeats: 0,
        health,
      },
    },
    profileOptions: {
      echo: false,
      infowayMessagesPerMinute: 60,
      taloMessagesPerMinute: 300,
      taloMessagesPerMinuteIdentified: 3600,
    },
    history: {
      historyMessages: 256,
      historyTtlMs: 300_000,
      historyBytes: 67_108_864,
      historyPositionTtlMs: 86_400_000,
      dedupeMs: 300_000,
      historyChannels: ["*"],
    },
    broker: { redisPrefix: "systole:", brokerRequired: false },
    limits: {
      maxMessageBytes: 65_536,
      sendQueueMessages: 256,
      sendQueueBytes: 1_048_576,
      queueBudgetBytes: 268_435_456,
      maxConnections: 15_000,
      maxPendingConnections: 1000,
      maxConnectionsPerAddress: 0,
      maxConnectionsPerKey: 0,
      admissionPerSecond: 500,
      maxUpgradesPerSecond: 2000,
      maxMessagesPerSecond: 1000,
      maxSubscriptions: 10_000,
    },
    writeWaitMs: 10_000,
    flushWindowMs: 0,
    frozenWaitMs: 0,
    requestWaitMs: 10_000,
    closeWaitMs: 2000,
    presenceGraceMs: 10_000,
    shutdownMs: 4500,
  });
});

Deno.test("parseConfig() puts every option where it belongs", () => {
  const rows: [Env, (config: Config) => unknown, unknown][] = [
    [{ HOST: "::1", PORT: "0" }, (it) => it.listen, { kind: "tcp", host: "::1", port: 0 }],
    [{ ALLOWED_ORIGINS: "https://a.example" }, (it) => it.allowedOrigins, ["https://a.example"]],
    [{ ALLOW_ANONYMOUS: "TRUE" }, (it) => it.allowAnonymous, true],
    [{ DEDUPE_MS: "0" }, (it) => it.history.dedupeMs, 0],
    [{ API_KEYS: KEYS }, (it) => it.auth.keys.map(({ id }) => id), ["k1"]],
    [{ API_KEYS_2: KEYS }, (it) => it.auth.keys.length, 1],
    [{ API_KEYS_3: KEYS }, (it) => it.auth.keys.length, 1],
    [{ API_KEYS_4: KEYS }, (it) => it.auth.keys.length, 1],
    [{ API_KEYS_FILE: "keys.json" }, (it) => it.auth.apiKeysFile, "keys.json"],
    [{ JWT_SECRET: "x".repeat(32) }, (it) => it.auth.jwtSecret, "x".repeat(32)],
    [{ JWKS_FILE: "jwks.json" }, (it) => it.auth.jwksFile, "jwks.json"],
    [{ DATA_DIR: "data" }, (it) => it.dataDir, "data"],
    [{ TRUSTED_PROXIES: "10.0.0.0/8, ::1" }, (it) => it.auth.trustedProxies, [
      "10.0.0.0/8",
      "::1",
    ]],
    [{ DEFAULT_PROFILE: "Events-Hub" }, (it) => it.defaultProfile, "events-hub"],
    [{ ECHO: "1" }, (it) => it.profileOptions.echo, true],
    [{ LOG_FORMAT: "json" }, (it) => it.logFormat, "json"],
    [{ LOG_LEVEL: "debug" }, (it) => it.logLevel, "debug"],
    [{ PONG_WAIT_MS: "2000" }, (it) => it.timing.json.pongWaitMs, 2000],
    [{ PING_PERIOD_MS: "1000" }, (it) => it.timing.json.pingPeriodMs, 1000],
    [{ HEARTBEAT_TIMEOUT_MS: "700" }, (it) => it.timing.json.heartbeatTimeoutMs, 700],
    [{ MISSED_HEARTBEATS: "5" }, (it) => it.timing.json.missedHeartbeats, 5],
    [{ EVENTS_HUB_PONG_WAIT_MS: "2000" }, (it) => it.timing["events-hub"].pongWaitMs, 2000],
    [{ EVENTS_HUB_PING_PERIOD_MS: "1000" }, (it) => it.timing["events-hub"].pingPeriodMs, 1000],
    [
      { EVENTS_HUB_HEARTBEAT_TIMEOUT_MS: "700" },
      (it) => it.timing["events-hub"].heartbeatTimeoutMs,
      700,
    ],
    [{ EVENTS_HUB_MISSED_HEARTBEATS: "5" }, (it) => it.timing["events-hub"].missedHeartbeats, 5],
    [{ INFOWAY_PONG_WAIT_MS: "2000" }, (it) => it.timing.infoway.pongWaitMs, 2000],
    [{ INFOWAY_PING_PERIOD_MS: "1000" }, (it) => it.timing.infoway.pingPeriodMs, 1000],
    [{ TANK_PONG_WAIT_MS: "2000" }, (it) => it.timing.tank.pongWaitMs, 2000],
    [{ TANK_PING_PERIOD_MS: "1000" }, (it) => it.timing.tank.pingPeriodMs, 1000],
    [{ TANK_HEARTBEAT_TIMEOUT_MS: "700" }, (it) => it.timing.tank.heartbeatTimeoutMs, 700],
    [{ TANK_MISSED_HEARTBEATS: "5" }, (it) => it.timing.tank.missedHeartbeats, 5],
    [{ TALO_PONG_WAIT_MS: "2000" }, (it) => it.timing.talo.pongWaitMs, 2000],
    [{ TALO_PING_PERIOD_MS: "1000" }, (it) => it.timing.talo.pingPeriodMs, 1000],
    [{ HEALTHY_LATENCY_MS: "50" }, (it) => it.timing.json.health.healthyMs, 50],
    [{ DEGRADED_LATENCY_MS: "400" }, (it) => it.timing.json.health.degradedMs, 400],
    [{ POOR_LATENCY_MS: "900" }, (it) => it.timing.json.health.poorMs, 900],
    [{ EVENTS_HUB_HEALTHY_LATENCY_MS: "50" }, (it) => it.timing["events-hub"].health.healthyMs, 50],
    [
      { EVENTS_HUB_DEGRADED_LATENCY_MS: "400" },
      (it) => it.timing["events-hub"].health.degradedMs,
      400,
    ],
    [{ EVENTS_HUB_POOR_LATENCY_MS: "900" }, (it) => it.timing["events-hub"].health.poorMs, 900],
    [{ INFOWAY_HEALTHY_LATENCY_MS: "50" }, (it) => it.timing.infoway.health.healthyMs, 50],
    [{ INFOWAY_DEGRADED_LATENCY_MS: "400" }, (it) => it.timing.infoway.health.degradedMs, 400],
    [{ INFOWAY_POOR_LATENCY_MS: "900" }, (it) => it.timing.infoway.health.poorMs, 900],
    [{ TANK_HEALTHY_LATENCY_MS: "50" }, (it) => it.timing.tank.health.healthyMs, 50],
    [{ TANK_DEGRADED_LATENCY_MS: "400" }, (it) => it.timing.tank.health.degradedMs, 400],
    [{ TANK_POOR_LATENCY_MS: "900" }, (it) => it.timing.tank.health.poorMs, 900],
    [{ TALO_HEALTHY_LATENCY_MS: "50" }, (it) => it.timing.talo.health.healthyMs, 50],
    [{ TALO_DEGRADED_LATENCY_MS: "400" }, (it) => it.timing.talo.health.degradedMs, 400],
    [{ TALO_POOR_LATENCY_MS: "900" }, (it) => it.timing.talo.health.poorMs, 900],
    [{ PROXY_PRESET: "default" }, (it) => it.timing.json.pingPeriodMs, 30_000],
    [{ WORKERS: "4" }, (it) => it.workers, 4],
    [{ WRITE_WAIT_MS: "300" }, (it) => it.writeWaitMs, 300],
    [{ FLUSH_WINDOW_MS: "100" }, (it) => it.flushWindowMs, 100],
    [{ FROZEN_WAIT_MS: "20000" }, (it) => it.frozenWaitMs, 20_000],
    [{ REQUEST_WAIT_MS: "303" }, (it) => it.requestWaitMs, 303],
    [{ CLOSE_WAIT_MS: "301" }, (it) => it.closeWaitMs, 301],
    [{ PRESENCE_GRACE_MS: "0" }, (it) => it.presenceGraceMs, 0],
    [{ SHUTDOWN_MS: "302" }, (it) => it.shutdownMs, 302],
    [{ MAX_MESSAGE_BYTES: "512" }, (it) => it.limits.maxMessageBytes, 512],
    [{ SEND_QUEUE_MESSAGES: "7" }, (it) => it.limits.sendQueueMessages, 7],
    [{ SEND_QUEUE_BYTES: "4096" }, (it) => it.limits.sendQueueBytes, 4096],
    [{ QUEUE_BUDGET_BYTES: "8192" }, (it) => it.limits.queueBudgetBytes, 8192],
    [{ MAX_CONNECTIONS: "9" }, (it) => it.limits.maxConnections, 9],
    [{ MAX_PENDING_CONNECTIONS: "0" }, (it) => it.limits.maxPendingConnections, 0],
    [{ MAX_CONNECTIONS_PER_ADDRESS: "8" }, (it) => it.limits.maxConnectionsPerAddress, 8],
    [{ ADMISSION_PER_SECOND: "5" }, (it) => it.limits.admissionPerSecond, 5],
    [{ ADMISSION_PER_SECOND: "5" }, (it) => it.limits.maxUpgradesPerSecond, 20],
    [{ MAX_UPGRADES_PER_SECOND: "6" }, (it) => it.limits.maxUpgradesPerSecond, 6],
    [{ MAX_MESSAGES_PER_SECOND: "0" }, (it) => it.limits.maxMessagesPerSecond, 0],
    [{ MAX_SUBSCRIPTIONS: "4" }, (it) => it.limits.maxSubscriptions, 4],
    [{ HISTORY_MESSAGES: "0" }, (it) => it.history.historyMessages, 0],
    [{ HISTORY_TTL_MS: "10000" }, (it) => it.history.historyTtlMs, 10_000],
    [{ HISTORY_BYTES: "9" }, (it) => it.history.historyBytes, 9],
    [{ HISTORY_POSITION_TTL_MS: "20000" }, (it) => it.history.historyPositionTtlMs, 20_000],
    [{ HISTORY_CHANNELS: "a/*, b" }, (it) => it.history.historyChannels, ["a/*", "b"]],
    [{ REDIS_URL: "redis://u:p@h:1/2" }, (it) => it.broker.redisUrl, "redis://u:p@h:1/2"],
    [{ REDIS_PREFIX: "a:" }, (it) => it.broker.redisPrefix, "a:"],
    [{ BROKER_REQUIRED: "true" }, (it) => it.broker.brokerRequired, true],
    [{ MAX_CONNECTIONS_PER_KEY: "3" }, (it) => it.limits.maxConnectionsPerKey, 3],
    [{ TICKETS_PER_MINUTE: "2" }, (it) => it.auth.ticketsPerMinute, 2],
    [{ TICKET_TTL_MS: "500" }, (it) => it.auth.ticketTtlMs, 500],
    [{ INFOWAY_MESSAGES_PER_MINUTE: "5" }, (it) => it.profileOptions.infowayMessagesPerMinute, 5],
    [{ TALO_MESSAGES_PER_MINUTE: "0" }, (it) => it.profileOptions.taloMessagesPerMinute, 0],
    [
      { TALO_MESSAGES_PER_MINUTE_IDENTIFIED: "7" },
      (it) => it.profileOptions.taloMessagesPerMinuteIdentified,
      7,
    ],
    [{ SUSPEND_AFTER_VIOLATIONS: "0" }, (it) => it.auth.suspendAfterViolations, 0],
    [{ SUSPEND_WINDOW_MS: "1000" }, (it) => it.auth.suspendWindowMs, 1000],
    [{ SUSPEND_MS: "2000" }, (it) => it.auth.suspendMs, 2000],
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
    API_KEYS: '[{"id":"k1"}]',
    TANK_PING_PERIOD_MS: "900",
    TANK_PONG_WAIT_MS: "800",
  });
  assertEquals(problems, [
    'PORT must be a port number, digits only, from 0 to 65535, got "80a"',
    "PROXY_PRESET must be one of none, aws-alb, nginx, azure-app-gateway, cloudflare, deno-deploy, default, " +
    'got "akamai"',
    "API_KEYS: key k1: secretSha256 must be the 64 hex digits of the secret's SHA-256",
    "TLS_CERT_FILE must be set, since TLS_KEY_FILE is, got nothing",
    "PING_PERIOD_MS must be < PONG_WAIT_MS, got 60000 and 50000",
    "TANK_PING_PERIOD_MS must be < TANK_PONG_WAIT_MS, got 900 and 800",
    "SEND_QUEUE_BYTES must be >= MAX_MESSAGE_BYTES, got 1000000 and 4000000",
  ]);
});

Deno.test("parseConfig() reports thresholds of health that do not ascend, profile by profile", () => {
  const env = { HEALTHY_LATENCY_MS: "300", POOR_LATENCY_MS: "200" };
  assertEquals(problemsOf({ ...env, TALO_DEGRADED_LATENCY_MS: "9", TALO_POOR_LATENCY_MS: "9" }), [
    "HEALTHY_LATENCY_MS < POOR_LATENCY_MS must hold, got 300 and 200",
    "TALO_DEGRADED_LATENCY_MS < TALO_POOR_LATENCY_MS must hold, got 9 and 9",
  ]);
});

Deno.test("parseConfig() reads the lists of keys of several variables as one", () => {
  const list = (...ids: string[]) =>
    JSON.stringify(ids.map((id) => ({ id, secretSha256: "0".repeat(64) })));
  const { auth } = parseConfig({
    API_KEYS_2: list("k2"),
    API_KEYS: list("k1"),
    API_KEYS_4: list("k4"),
  });
  assertEquals(auth.keys.map(({ id }) => id), ["k1", "k2", "k4"]);
  assertEquals(
    problemsOf({ API_KEYS: list("k1"), API_KEYS_2: list("k2", "k1"), API_KEYS_3: "[]" }),
    [
      'API_KEYS_3 must be a JSON list of at least one key, like [{"id":"k1","secretSha256":"…",' +
      '"publish":["*"]}]; `deno task key` makes one',
      "API_KEYS, API_KEYS_2, API_KEYS_3: the id k1 must belong to one key only",
    ],
  );
  assertEquals(problemsOf({ API_KEYS_2: list("k2"), API_KEYS_FILE: "keys.json" }), [
    "API_KEYS_FILE must not be set beside API_KEYS_2, got both",
  ]);
});

Deno.test("parseConfig() refuses several threads where the platform listens", () => {
  const env = { WORKERS: "2", DENO_SERVE_ADDRESS: "tcp:127.0.0.1:80" };
  assertEquals(problemsOf(env), ["WORKERS must be 1 where DENO_SERVE_ADDRESS is set, got 2"]);
  assertEquals(problemsOf({ WORKERS: "2", DENO_DEPLOYMENT_ID: "d" }), [
    "WORKERS must be 1 where DENO_DEPLOYMENT_ID is set, got 2",
  ]);
  assertEquals(parseConfig({ ...env, WORKERS: "1" }).workers, 1);
});

Deno.test("parseConfig() refuses keys from two places, and never repeats a secret", () => {
  assertEquals(problemsOf({ API_KEYS: KEYS, API_KEYS_FILE: "keys.json" }), [
    "API_KEYS_FILE must not be set beside API_KEYS, got both",
  ]);
  assertEquals(problemsOf({ JWT_SECRET: "hunter2" }), [
    "JWT_SECRET must be at least 32 bytes of text, got 7",
  ]);
  for (const API_KEYS of ["k1.hunter2", '[{"id":"hunter2!"}]', '[{"secret":"hunter2"}]', "[]"]) {
    assert(!problemsOf({ API_KEYS }).join().includes("hunter2"), API_KEYS);
  }
});

Deno.test("parseConfig() holds every profile to the proxy's period", () => {
  const { timing } = parseConfig({ PROXY_PRESET: "default" });
  const periods = Object.values(timing).map(({ pingPeriodMs }) => pingPeriodMs);
  assertEquals(periods, [30_000, 30_000, 30_000, 5_000, 30_000]);
  assertEquals(problemsOf({ PROXY_PRESET: "default", TALO_PING_PERIOD_MS: "30001" }), [
    "TALO_PING_PERIOD_MS must be <= 30000 for PROXY_PRESET default, got 30001",
  ]);
});

Deno.test("parseConfig() lets talo wait shorter or longer than its period", () => {
  const { talo } = parseConfig({ TALO_PING_PERIOD_MS: "40000", TALO_PONG_WAIT_MS: "500" }).timing;
  assertEquals([talo.pingPeriodMs, talo.pongWaitMs], [40_000, 500]);
  const scaled = parseConfig({ TALO_PING_PERIOD_MS: "300" }).timing.talo;
  assertEquals([scaled.pingPeriodMs, scaled.pongWaitMs], [300, 30_000]);
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
function assertRelations({ timing, limits }: Config, proxy: ProxyPreset): void {
  for (const [profile, times] of Object.entries(timing)) {
    if (profile !== "talo") assertLess(times.pingPeriodMs, times.pongWaitMs);
    assertLess(times.heartbeatTimeoutMs, times.pongWaitMs);
    assertLessOrEqual(times.pingPeriodMs, PROXY_PERIODS_MS[proxy]);
    assertLessOrEqual(times.pongWaitMs, 2 ** 31 - 1);
    const { healthyMs, degradedMs, poorMs } = times.health;
    assertLess(0, healthyMs);
    assertLess(healthyMs, degradedMs);
    assertLess(degradedMs, poorMs);
  }
  assertLessOrEqual(limits.maxMessageBytes, limits.sendQueueBytes);
  assertLessOrEqual(limits.sendQueueBytes, limits.queueBudgetBytes);
}

const NAMES = [...Object.keys(OPTIONS), "DENO_SERVE_ADDRESS", "DENO_DEPLOYMENT_ID"];
const NUMBERS = fc.oneof(
  fc.integer({ min: 0, max: 300_000 }),
  fc.integer({ min: 0, max: 2 ** 31 }),
).map(String);
const WORDS = fc.constantFrom(
  "true",
  "json",
  "none",
  "nginx",
  "tcp:[::1]:1",
  "https://a.example",
  KEYS,
  "10.0.0.0/8",
);

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
  const name = fc.constantFrom(
    ...Object.keys(OPTIONS).filter((name) => !/^(TLS_.*|API_KEYS(_\d)?)$/.test(name)),
  );
  fc.assert(
    fc.property(name, fc.oneof(NUMBERS, WORDS), (name, text) => {
      const option = OPTIONS[name as keyof typeof OPTIONS];
      fc.pre(option.read(text).kind !== "bad");
      assertRelations(
        parseConfig({ [name]: text }),
        name === "PROXY_PRESET" ? text as ProxyPreset : "none",
      );
    }),
    { numRuns: 3000 },
  );
});
