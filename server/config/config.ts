/**
 * The configuration: the whole environment, read and checked, as one Config.
 *
 * Owns the order: read each option, check explicit values against each other, report every problem at
 * once, let defaults give way. Pure: main.ts hands the environment in.
 *
 * @module
 */

import type { AuthConfig } from "../auth/auth.ts";
import { readKeys } from "../auth/keys.ts";
import { AUTH_OPTIONS, KEY_OPTIONS } from "../auth/options.ts";
import { ConfigError } from "../base/errors.ts";
import { type OptionTable, type OptionValues, optionValues } from "../base/option.ts";
import type { Listen } from "../base/option_values.ts";
import { chooseThresholds, latencyProblems } from "../liveness/health_thresholds.ts";
import { chooseTiming, type ProxyPreset, type Timing, timingProblems } from "../liveness/timing.ts";
import { PROFILE_OPTIONS, type ProfileName, PROFILES } from "../profiles/registry.ts";
import { givenThresholds, givenTiming } from "../profiles/timing_options.ts";
import {
  chooseLimits,
  chooseQueueSizes,
  type Limits,
  queueProblems,
  type QueueSizes,
} from "./limits.ts";
import {
  BROKER_OPTIONS,
  GENERAL_OPTIONS,
  HISTORY_OPTIONS,
  LIMIT_OPTIONS,
  LISTEN_OPTIONS,
  OPTIONS,
  PLATFORM,
  PROXY_OPTIONS,
  SIZE_OPTIONS,
} from "./options.ts";

/** All that the environment decides; relations between its values hold. */
export interface Config extends OptionValues<typeof GENERAL_OPTIONS> {
  /** Where to listen: `DENO_SERVE_ADDRESS` if set, otherwise `HOST` and `PORT`. */
  readonly listen: Listen;
  /** Whether Deno Deploy runs this process: then others can reach it, whatever it listens on. */
  readonly onDeploy: boolean;
  /** Certificate and key, as paths of PEM files, for https and wss; absent = plain. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** The keys, and the options of authentication. */
  readonly auth: AuthConfig;
  /** Pings, deadlines and thresholds of health of each profile. */
  readonly timing: Readonly<Record<ProfileName, Timing>>;
  /** The options that profiles have beside timing. */
  readonly profileOptions: OptionValues<typeof PROFILE_OPTIONS>;
  /** What one client, and all together, may use. */
  readonly limits: Limits;
  /** What is kept of channels. */
  readonly history: OptionValues<typeof HISTORY_OPTIONS>;
  /** What connects this process with others. */
  readonly broker: OptionValues<typeof BROKER_OPTIONS>;
}

/** The environment's variables by name; an empty or blank one counts as unset. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The explicit values by the names of the options: those that are set and good. */
type Given = Readonly<Record<string, unknown>>;

/**
 * Reads the whole configuration.
 *
 * @throws {ConfigError} with every bad value and every broken relation between explicit values
 */
export function parseConfig(env: Env): Config {
  const { given, problems } = readValues(env);
  const sizes = givenSizes(given);
  const { proxyPreset } = optionValues(PROXY_OPTIONS, given);
  const keyLists = Object.keys(KEY_OPTIONS).filter((source) => source in given);
  const { keys, problems: keyProblems } = readKeys(
    keyLists.map((source) => ({ text: given[source] as string, source })),
  );
  problems.push(...keyProblems, ...pairProblems(env));
  for (const { prefix, timing: { silenceFrom } } of PROFILES) {
    const relations = { prefix, silenceFrom, proxy: proxyPreset };
    problems.push(...timingProblems(givenTiming(given, prefix), relations));
    problems.push(...latencyProblems(givenThresholds(given, prefix), prefix));
  }
  problems.push(...queueProblems(sizes));
  if (problems.length > 0) throw new ConfigError(problems);
  const { host, port, tlsCertFile: certFile, tlsKeyFile: keyFile } = optionValues(
    LISTEN_OPTIONS,
    given,
  );
  const { denoServeAddress, denoDeploymentId } = optionValues(PLATFORM, given);
  return {
    ...optionValues(GENERAL_OPTIONS, given),
    listen: denoServeAddress ?? { kind: "tcp", host, port },
    onDeploy: denoDeploymentId !== undefined,
    ...(certFile !== undefined && keyFile !== undefined && { tls: { certFile, keyFile } }),
    auth: { keys, ...optionValues(AUTH_OPTIONS, given) },
    timing: allTiming(given, proxyPreset),
    profileOptions: optionValues(PROFILE_OPTIONS, given),
    limits: {
      ...chooseQueueSizes(sizes, optionValues(SIZE_OPTIONS, {})),
      ...chooseLimits(optionValues(LIMIT_OPTIONS, given)),
    },
    history: optionValues(HISTORY_OPTIONS, given),
    broker: optionValues(BROKER_OPTIONS, given),
  };
}

function textOf(env: Env, name: string): string {
  return env[name]?.trim() ?? "";
}

/** Reads each variable by itself: the good values, and a problem for each bad one. */
function readValues(env: Env): { given: Given; problems: string[] } {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  const all: OptionTable = { ...OPTIONS, ...PLATFORM };
  for (const [name, { read }] of Object.entries(all)) {
    const text = textOf(env, name);
    if (text === "") continue;
    const reading = read(text);
    if (reading.kind === "value") given[name] = reading.value;
    else problems.push(`${name} ${reading.problem}`);
  }
  return { given, problems };
}

function allTiming(given: Given, proxy: ProxyPreset): Record<ProfileName, Timing> {
  const pairs = PROFILES.map(({ name, prefix, timing }) => {
    const pings = chooseTiming(givenTiming(given, prefix), { ...timing, proxy });
    return [name, { ...pings, health: chooseThresholds(givenThresholds(given, prefix)) }];
  });
  return Object.fromEntries(pairs);
}

function givenSizes(given: Given): Partial<QueueSizes> {
  return {
    maxMessageBytes: given.MAX_MESSAGE_BYTES as number | undefined,
    sendQueueBytes: given.SEND_QUEUE_BYTES as number | undefined,
    queueBudgetBytes: given.QUEUE_BUDGET_BYTES as number | undefined,
  };
}

/** What must be set together, or not together; checked on the texts, good or bad. */
function pairProblems(env: Env): string[] {
  const isSet = (name: string) => textOf(env, name) !== "";
  const problems: string[] = [];
  const keyList = Object.keys(KEY_OPTIONS).find(isSet);
  if (keyList !== undefined && isSet("API_KEYS_FILE")) {
    problems.push(`API_KEYS_FILE must not be set beside ${keyList}, got both`);
  }
  const tls = ["TLS_CERT_FILE", "TLS_KEY_FILE"];
  const missing = tls.filter((name) => !isSet(name));
  const platform = Object.keys(PLATFORM).find(isSet);
  const workers = textOf(env, "WORKERS");
  if (platform !== undefined && Number(workers) > 1) {
    problems.push(`WORKERS must be 1 where ${platform} is set, got ${workers}`);
  }
  if (missing.length === 1) {
    const [present] = tls.filter(isSet);
    problems.push(`${missing[0]} must be set, since ${present} is, got nothing`);
  }
  return problems;
}
