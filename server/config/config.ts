/**
 * What the server is told by its environment: all of it, read and checked, as one Config.
 *
 * Owns the order: read each option, check explicit values against each other, report every problem
 * at once, let defaults give way. Pure: must not know the process; main.ts hands the environment in.
 *
 * @module
 */

import type { AuthConfig } from "../auth/auth.ts";
import { ConfigError } from "../base/errors.ts";
import { type Key, readKeys } from "../auth/keys.ts";
import { chooseThresholds, latencyProblems } from "../liveness/health_thresholds.ts";
import { chooseQueueSizes, type Limits, queueProblems, type QueueSizes } from "./limits.ts";
import { OPTIONS, PLATFORM } from "./options.ts";
import type { HealthThresholds } from "../liveness/health.ts";
import {
  chooseTiming,
  type PingTiming,
  type ProxyPreset,
  type Timing,
  timingProblems,
} from "../liveness/timing.ts";
import { PROFILE_NAMES, PROFILE_TIMING, type ProfileName } from "../profiles/timing_options.ts";
import type { Listen, ValueKind } from "../base/option_values.ts";
import type { LogFormat, LogLevel } from "../logging/logging.ts";

/** All that the environment decides; relations between its values hold. */
export interface Config {
  /** Where to listen: `DENO_SERVE_ADDRESS` if set, otherwise `HOST` and `PORT`. */
  readonly listen: Listen;
  /** Whether Deno Deploy runs this process: then others can reach it, whatever it listens on. */
  readonly onDeploy: boolean;
  /** Certificate and key, as paths of PEM files, for https and wss; absent = plain. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Origins that may connect, as browsers spell them; empty = the host itself and loopback. */
  readonly allowedOrigins: readonly string[];
  /** Whether to start open, without keys, on an address that others can reach. */
  readonly allowAnonymous: boolean;
  /** Who gets in. */
  readonly auth: AuthConfig;
  /** The folder of what outlives the process; absent = memory only. */
  readonly dataDir?: string;
  /** The profile of an upgrade whose request does not tell one. */
  readonly defaultProfile: ProfileName;
  /** Whether json messages of unknown type are echoed. */
  readonly echo: boolean;
  /** How an event is written to the log. */
  readonly logFormat: LogFormat;
  /** The least severe level that is logged. */
  readonly logLevel: LogLevel;
  /** Pings, deadlines and thresholds of health of each profile. */
  readonly timing: Readonly<Record<ProfileName, Timing>>;
  /** What one client, and all together, may use. */
  readonly limits: Limits;
  /** A write must drain within it, in ms; then the connection is terminated. */
  readonly writeWaitMs: number;
  /** A close must be answered within it, in ms; then the connection is terminated. */
  readonly closeWaitMs: number;
  /** The whole drain takes no longer, in ms. */
  readonly shutdownMs: number;
}

const READ = { ...OPTIONS, ...PLATFORM };
type Read = typeof READ;
/** The explicit values: those that are set and good. */
type Given = { [K in keyof Read]?: Read[K] extends ValueKind<infer T> ? T : never };
type Fallbacks = { [K in keyof Read]: Read[K]["fallback"] };
type Values = ReturnType<typeof filledIn>;

const FALLBACKS = Object.fromEntries(
  Object.entries(READ).map(([name, { fallback }]) => [name, fallback]),
) as Fallbacks;

const DEFAULT_SIZES: QueueSizes = {
  maxMessageBytes: FALLBACKS.MAX_MESSAGE_BYTES,
  sendQueueBytes: FALLBACKS.SEND_QUEUE_BYTES,
  queueBudgetBytes: FALLBACKS.QUEUE_BUDGET_BYTES,
};

/** The environment's variables by name; an empty or blank one counts as unset. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads the whole configuration.
 *
 * @throws {ConfigError} with every bad value and every broken relation between explicit values
 */
export function parseConfig(env: Env): Config {
  const { given, problems } = readValues(env);
  const sizes = givenSizes(given);
  const proxy = given.PROXY_PRESET ?? FALLBACKS.PROXY_PRESET;
  const { keys, problems: keyProblems } = given.API_KEYS === undefined
    ? { keys: [], problems: [] }
    : readKeys(given.API_KEYS, "API_KEYS");
  problems.push(...keyProblems, ...pairProblems(env));
  for (const profile of PROFILE_NAMES) {
    const { prefix, silenceFrom } = PROFILE_TIMING[profile];
    problems.push(...timingProblems(givenTiming(given, prefix), { prefix, silenceFrom, proxy }));
    problems.push(...latencyProblems(givenThresholds(given, prefix), prefix));
  }
  problems.push(...queueProblems(sizes));
  if (problems.length > 0) throw new ConfigError(problems);
  const values = filledIn(given);
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, DATA_DIR: dataDir } = values;
  return {
    listen: values.DENO_SERVE_ADDRESS ?? { kind: "tcp", host: values.HOST, port: values.PORT },
    onDeploy: values.DENO_DEPLOYMENT_ID !== undefined,
    ...(certFile !== undefined && keyFile !== undefined && { tls: { certFile, keyFile } }),
    allowedOrigins: values.ALLOWED_ORIGINS,
    allowAnonymous: values.ALLOW_ANONYMOUS,
    auth: guardConfig(values, keys),
    ...(dataDir !== undefined && { dataDir }),
    defaultProfile: values.DEFAULT_PROFILE,
    echo: values.ECHO,
    logFormat: values.LOG_FORMAT,
    logLevel: values.LOG_LEVEL,
    timing: allTiming(given, proxy),
    limits: { ...chooseQueueSizes(sizes, DEFAULT_SIZES), ...limitsOf(values) },
    writeWaitMs: values.WRITE_WAIT_MS,
    closeWaitMs: values.CLOSE_WAIT_MS,
    shutdownMs: values.SHUTDOWN_MS,
  };
}

function guardConfig(values: Values, keys: readonly Key[]): AuthConfig {
  const { API_KEYS_FILE: keysFile, JWT_SECRET: jwtSecret, JWKS_FILE: jwksFile } = values;
  return {
    keys,
    ...(keysFile !== undefined && { keysFile }),
    ...(jwtSecret !== undefined && { jwtSecret }),
    ...(jwksFile !== undefined && { jwksFile }),
    trustedProxies: values.TRUSTED_PROXIES,
    suspension: {
      afterViolations: values.SUSPEND_AFTER_VIOLATIONS,
      windowMs: values.SUSPEND_WINDOW_MS,
      durationMs: values.SUSPEND_MS,
    },
    tickets: { ttlMs: values.TICKET_TTL_MS, perMinute: values.TICKETS_PER_MINUTE },
  };
}

function limitsOf(values: Values): Omit<Limits, keyof QueueSizes> {
  return {
    sendQueueMessages: values.SEND_QUEUE_MESSAGES,
    maxConnections: values.MAX_CONNECTIONS,
    maxConnectionsPerAddress: values.MAX_CONNECTIONS_PER_ADDRESS,
    maxConnectionsPerKey: values.MAX_CONNECTIONS_PER_KEY,
    maxUpgradesPerSecond: values.MAX_UPGRADES_PER_SECOND,
    maxMessagesPerSecond: values.MAX_MESSAGES_PER_SECOND,
    maxSubscriptions: values.MAX_SUBSCRIPTIONS,
    infowayMessagesPerMinute: values.INFOWAY_MESSAGES_PER_MINUTE,
    taloMessagesPerMinute: values.TALO_MESSAGES_PER_MINUTE,
    taloMessagesPerMinuteIdentified: values.TALO_MESSAGES_PER_MINUTE_IDENTIFIED,
  };
}

/** Every value: the explicit one, or what holds without it. */
function filledIn(given: Given) {
  return { ...FALLBACKS, ...given };
}

function textOf(env: Env, name: string): string {
  return env[name]?.trim() ?? "";
}

/** Reads each variable by itself: the good values, and a problem for each bad one. */
function readValues(env: Env): { given: Given; problems: string[] } {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, { read }] of Object.entries(READ)) {
    const text = textOf(env, name);
    if (text === "") continue;
    const reading = read(text);
    if (reading.kind === "value") given[name] = reading.value;
    else problems.push(`${name} ${reading.problem}`);
  }
  return { given: given as Given, problems };
}

function allTiming(given: Given, proxy: ProxyPreset): Record<ProfileName, Timing> {
  const pairs = PROFILE_NAMES.map((profile) => {
    const { prefix, ...defaults } = PROFILE_TIMING[profile];
    const pings = chooseTiming(givenTiming(given, prefix), { ...defaults, proxy });
    return [profile, { ...pings, health: chooseThresholds(givenThresholds(given, prefix)) }];
  });
  return Object.fromEntries(pairs);
}

/** What was given of one profile's timing; not every profile has all four options. */
function givenTiming(given: Given, prefix: string): Partial<PingTiming> {
  const values = given as Readonly<Record<string, number | undefined>>;
  return {
    pingPeriodMs: values[`${prefix}PING_PERIOD_MS`],
    pongWaitMs: values[`${prefix}PONG_WAIT_MS`],
    heartbeatTimeoutMs: values[`${prefix}HEARTBEAT_TIMEOUT_MS`],
    missedHeartbeats: values[`${prefix}MISSED_HEARTBEATS`],
  };
}

function givenThresholds(given: Given, prefix: string): Partial<HealthThresholds> {
  const values = given as Readonly<Record<string, number | undefined>>;
  return {
    healthyMs: values[`${prefix}HEALTHY_LATENCY_MS`],
    degradedMs: values[`${prefix}DEGRADED_LATENCY_MS`],
    poorMs: values[`${prefix}POOR_LATENCY_MS`],
  };
}

function givenSizes(given: Given): Partial<QueueSizes> {
  return {
    maxMessageBytes: given.MAX_MESSAGE_BYTES,
    sendQueueBytes: given.SEND_QUEUE_BYTES,
    queueBudgetBytes: given.QUEUE_BUDGET_BYTES,
  };
}

/** What must be set together, or not together; judged by the texts, good or bad. */
function pairProblems(env: Env): string[] {
  const isSet = (name: string) => textOf(env, name) !== "";
  const problems: string[] = [];
  if (isSet("API_KEYS") && isSet("API_KEYS_FILE")) {
    problems.push("API_KEYS_FILE must not be set beside API_KEYS, got both");
  }
  const tls = ["TLS_CERT_FILE", "TLS_KEY_FILE"];
  const missing = tls.filter((name) => !isSet(name));
  if (missing.length === 1) {
    const [present] = tls.filter(isSet);
    problems.push(`${missing[0]} must be set, since ${present} is, got nothing`);
  }
  return problems;
}
