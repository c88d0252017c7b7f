/**
 * What the server is told by its environment: all of it, read and checked, as one Config.
 *
 * Owns the order: read each option, check explicit values against each other, report every problem
 * at once, let defaults give way. Pure: must not know the process; main.ts hands the environment in.
 *
 * @module
 */

import { ConfigError } from "./errors.ts";
import { chooseQueueSizes, type Limits, queueProblems, type QueueSizes } from "./limits.ts";
import { type LogFormat, type LogLevel, OPTIONS, PLATFORM, type ProfileName } from "./options.ts";
import { chooseTiming, type Timing, timingProblems } from "./timing.ts";
import type { Listen, ValueKind } from "./values.ts";

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
  /** The profile of an upgrade whose request does not tell one. */
  readonly defaultProfile: ProfileName;
  /** Whether json messages of unknown type are echoed. */
  readonly echo: boolean;
  /** How an event is written to the log. */
  readonly logFormat: LogFormat;
  /** The least severe level that is logged. */
  readonly logLevel: LogLevel;
  /** Pings and deadlines of each profile. */
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
  const timing = givenTiming(given);
  const sizes = givenSizes(given);
  const proxy = given.PROXY_PRESET ?? FALLBACKS.PROXY_PRESET;
  problems.push(...tlsProblems(env), ...timingProblems(timing, { prefix: "", proxy }));
  problems.push(...queueProblems(sizes));
  if (problems.length > 0) throw new ConfigError(problems);
  const values = { ...FALLBACKS, ...given };
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = values;
  return {
    listen: values.DENO_SERVE_ADDRESS ?? { kind: "tcp", host: values.HOST, port: values.PORT },
    onDeploy: values.DENO_DEPLOYMENT_ID !== undefined,
    ...(certFile !== undefined && keyFile !== undefined && { tls: { certFile, keyFile } }),
    allowedOrigins: values.ALLOWED_ORIGINS,
    allowAnonymous: values.ALLOW_ANONYMOUS,
    defaultProfile: values.DEFAULT_PROFILE,
    echo: values.ECHO,
    logFormat: values.LOG_FORMAT,
    logLevel: values.LOG_LEVEL,
    timing: {
      json: chooseTiming(timing, {
        pongWaitMs: values.PONG_WAIT_MS,
        missedHeartbeats: values.MISSED_HEARTBEATS,
        proxy,
      }),
    },
    limits: {
      ...chooseQueueSizes(sizes, DEFAULT_SIZES),
      sendQueueMessages: values.SEND_QUEUE_MESSAGES,
      maxConnections: values.MAX_CONNECTIONS,
      maxConnectionsPerAddress: values.MAX_CONNECTIONS_PER_ADDRESS,
      maxUpgradesPerSecond: values.MAX_UPGRADES_PER_SECOND,
      maxMessagesPerSecond: values.MAX_MESSAGES_PER_SECOND,
      maxSubscriptions: values.MAX_SUBSCRIPTIONS,
    },
    writeWaitMs: values.WRITE_WAIT_MS,
    closeWaitMs: values.CLOSE_WAIT_MS,
    shutdownMs: values.SHUTDOWN_MS,
  };
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

function givenTiming(given: Given): Partial<Timing> {
  return {
    pingPeriodMs: given.PING_PERIOD_MS,
    pongWaitMs: given.PONG_WAIT_MS,
    heartbeatTimeoutMs: given.HEARTBEAT_TIMEOUT_MS,
    missedHeartbeats: given.MISSED_HEARTBEATS,
  };
}

function givenSizes(given: Given): Partial<QueueSizes> {
  return {
    maxMessageBytes: given.MAX_MESSAGE_BYTES,
    sendQueueBytes: given.SEND_QUEUE_BYTES,
    queueBudgetBytes: given.QUEUE_BUDGET_BYTES,
  };
}

/** A certificate without its key, or the other way round; judged by the texts, good or bad. */
function tlsProblems(env: Env): string[] {
  const names = ["TLS_CERT_FILE", "TLS_KEY_FILE"];
  const missing = names.filter((name) => textOf(env, name) === "");
  if (missing.length !== 1) return [];
  const [present] = names.filter((name) => !missing.includes(name));
  return [`${missing[0]} must be set, since ${present} is, got nothing`];
}
