/**
 * The options as data: name, unit, default, meaning, and how the text is read. GENERAL_OPTIONS are in
 * `Config` under their names in camel case, LIMIT_OPTIONS in `Config.limits`; config.ts puts together
 * the others. Options of a profile are in its definition.ts, those of authentication in auth/options.ts.
 *
 * Relations between options are checked in config.ts, limits.ts and liveness/timing.ts.
 *
 * @module
 */

import { AUTH_OPTIONS, KEY_OPTIONS } from "../auth/options.ts";
import { derived, option, type OptionTable } from "../base/option.ts";
import {
  boolean,
  bytes,
  channelPatterns,
  choice,
  count,
  host,
  line,
  milliseconds,
  origins,
  path,
  port,
  redisUrl,
  serveAddress,
} from "../base/option_values.ts";
import { PROXY_PERIODS_MS, type ProxyPreset } from "../liveness/timing.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../logging/logging.ts";
import {
  PROFILE_NAMES,
  PROFILE_OPTIONS,
  type ProfileName,
  TIMING_OPTIONS,
} from "../profiles/registry.ts";

/** A json pong with a UUID takes 106 bytes: with a smaller limit every heartbeat would be too big. */
const MIN_MESSAGE_BYTES = 128;
/** Half of what V8 holds in one string (2^29 - 24 characters): a text message must become one. */
const MAX_MESSAGE_BYTES = 2 ** 28;

/** More threads than machines have cores are a slip. */
const MAX_WORKERS = 256;

/** The age of a message is known to a second. */
const MIN_HISTORY_MS = 10_000;

const PROXY_PRESETS = Object.keys(PROXY_PERIODS_MS) as ProxyPreset[];

/** Where to listen. */
export const LISTEN_OPTIONS = {
  HOST: option(host, { fallback: "127.0.0.1", meaning: "address to listen on" }),
  PORT: option(port, { fallback: 8080, meaning: "port to listen on; 0 = any free port" }),
  TLS_CERT_FILE: derived(path, { meaning: "PEM certificate chain; makes it https/wss" }),
  TLS_KEY_FILE: derived(path, { meaning: "PEM private key of the certificate" }),
};

/** What is in `Config` under its own name. */
export const GENERAL_OPTIONS = {
  ALLOWED_ORIGINS: option<readonly string[]>(origins, {
    fallback: [],
    shown: "the host itself and loopback",
    meaning: "origins of pages that may connect, separated by commas",
  }),
  ALLOW_ANONYMOUS: option(boolean, {
    fallback: false,
    meaning: "start without keys even where others can reach it",
  }),
  DATA_DIR: derived(path, {
    shown: "none: memory only",
    meaning: "folder for what outlives a restart (suspensions, tickets); `deno task start` may " +
      "write below data/ only",
  }),
  DEFAULT_PROFILE: option<ProfileName>(choice(PROFILE_NAMES), {
    fallback: "json",
    meaning: "profile of upgrades that name none",
  }),
  LOG_FORMAT: option<LogFormat>(choice(LOG_FORMATS), {
    fallback: "text",
    meaning: "a readable line per event, or a line of JSON",
  }),
  LOG_LEVEL: option<LogLevel>(choice(LOG_LEVELS), {
    fallback: "info",
    meaning: "least severe level that is logged",
  }),
  WORKERS: option(count({ min: 1, max: MAX_WORKERS }), {
    fallback: 1,
    meaning: "threads that serve clients on one port, as one hub; more than 1 on Linux alone",
  }),
  WRITE_WAIT_MS: option(milliseconds(), {
    fallback: 10_000,
    meaning: "a write that has not drained by then ends the connection",
  }),
  FLUSH_WINDOW_MS: option(milliseconds({ min: 0, max: 100 }), {
    fallback: 0,
    meaning: "publications wait for so long, at most 100, so that one write carries more; 0 = off",
  }),
  FROZEN_WAIT_MS: option(milliseconds({ min: 0 }), {
    fallback: 0,
    meaning: "a client that answers control pings but for so long no app ping is closed; 0 = off",
  }),
  REQUEST_WAIT_MS: option(milliseconds(), {
    fallback: 10_000,
    meaning: "a connection that has not sent a whole request by then is cut",
  }),
  CLOSE_WAIT_MS: option(milliseconds(), {
    fallback: 2000,
    meaning: "a close that is not answered by then ends the connection",
  }),
  PRESENCE_GRACE_MS: option(milliseconds({ min: 0 }), {
    fallback: 10_000,
    meaning: "a member of a channel that does not return within this time after its last " +
      "subscription has left",
  }),
  SHUTDOWN_MS: option(milliseconds(), {
    fallback: 4500,
    meaning: "the whole drain takes no longer",
  }),
};

/** Bounds every ping period. */
export const PROXY_OPTIONS = {
  PROXY_PRESET: option<ProxyPreset>(choice(PROXY_PRESETS), {
    fallback: "none",
    meaning: "proxy in front, whose idle timeout bounds every ping period",
  }),
};

/** The sizes that must fit into each other: see limits.ts. */
export const SIZE_OPTIONS = {
  MAX_MESSAGE_BYTES: option(bytes({ min: MIN_MESSAGE_BYTES, max: MAX_MESSAGE_BYTES }), {
    fallback: 65_536,
    meaning: "largest message from a client; <= SEND_QUEUE_BYTES",
  }),
  SEND_QUEUE_BYTES: option(bytes({ min: 2 * MIN_MESSAGE_BYTES }), {
    fallback: 1_048_576,
    meaning:
      "bytes that may wait for one client whose last write has been stuck for 100 ms (3 s on a " +
      "slow line), and 16 times as many until then; <= QUEUE_BUDGET_BYTES",
  }),
  QUEUE_BUDGET_BYTES: option(bytes({ min: 2 * MIN_MESSAGE_BYTES }), {
    fallback: 268_435_456,
    meaning: "bytes that wait for longer than a second for all clients together at most",
  }),
};

/** What is in `Config.limits` under its own name. */
export const LIMIT_OPTIONS = {
  SEND_QUEUE_MESSAGES: option(count({ min: 1 }), {
    fallback: 256,
    meaning: "messages that may wait for one client whose last write has been stuck for 100 ms",
  }),
  MAX_CONNECTIONS: option(count(), { fallback: 15_000, meaning: "connections in all; 0 = off" }),
  MAX_PENDING_CONNECTIONS: option(count(), {
    fallback: 1000,
    meaning: "connections that have not sent a whole request; the oldest is cut; 0 = off",
  }),
  MAX_CONNECTIONS_PER_ADDRESS: option(count(), {
    fallback: 0,
    meaning: "connections from one client address; 0 = off",
  }),
  MAX_CONNECTIONS_PER_KEY: option(count(), {
    fallback: 0,
    meaning: "connections with one key that has no limit of its own; 0 = off",
  }),
  ADMISSION_PER_SECOND: option(count(), {
    fallback: 500,
    meaning: "sessions that all processes of the hub together begin in a second; a client beyond " +
      "that is told when to come back; 0 = off",
  }),
  MAX_UPGRADES_PER_SECOND: derived(count(), {
    shown: "4 × ADMISSION_PER_SECOND",
    meaning: "upgrades per second of this process, wrong credentials included; 0 = off",
  }),
  MAX_MESSAGES_PER_SECOND: option(count(), {
    fallback: 1000,
    meaning:
      "frames from one client per second, in bursts of twice that; malformed ones count as four; 0 = off",
  }),
  MAX_SUBSCRIPTIONS: option(count({ min: 1 }), {
    fallback: 10_000,
    meaning: "channels that one connection may subscribe to",
  }),
};

/** What is in `Config.history` under its own name. */
export const HISTORY_OPTIONS = {
  HISTORY_MESSAGES: option(count(), {
    fallback: 256,
    meaning: "messages that are kept of each channel, for clients that return; 0 = off",
  }),
  HISTORY_TTL_MS: option(milliseconds({ min: MIN_HISTORY_MS }), {
    fallback: 300_000,
    meaning: "a message is kept for so long at most",
  }),
  HISTORY_BYTES: option(bytes(), {
    fallback: 67_108_864,
    meaning: "bytes that the histories of all channels take; the least recently used goes first",
  }),
  HISTORY_POSITION_TTL_MS: option(milliseconds({ min: MIN_HISTORY_MS }), {
    fallback: 86_400_000,
    meaning: "the position of a channel is kept for so long after its last use; a longer absence " +
      "is not recovered",
  }),
  DEDUPE_MS: option(milliseconds({ min: 0 }), {
    fallback: 300_000,
    meaning:
      "a publication with the id of an earlier one is not delivered again for so long; 0 = off",
  }),
  HISTORY_CHANNELS: option<readonly string[]>(channelPatterns, {
    fallback: ["*"],
    shown: "all",
    meaning: "patterns of the channels that keep a history, as in the rights of a key, separated " +
      "by commas",
  }),
};

/** What is in `Config.broker` under its own name. */
export const BROKER_OPTIONS = {
  REDIS_URL: derived(redisUrl, {
    shown: "none: this process alone",
    meaning: "a Redis (7 or later) or Valkey that makes one hub of all processes with the same one",
  }),
  REDIS_PREFIX: option(line, {
    fallback: "systole:",
    meaning: "what all keys and channels in Redis begin with: hubs with different ones are apart",
  }),
  BROKER_REQUIRED: option(boolean, {
    fallback: false,
    meaning:
      "while Redis is away publications are refused; else the subscribers of this process get them",
  }),
};

/** Every option by its name, in the order of the manual. */
export const OPTIONS: OptionTable = {
  ...LISTEN_OPTIONS,
  ...GENERAL_OPTIONS,
  ...KEY_OPTIONS,
  ...AUTH_OPTIONS,
  ...TIMING_OPTIONS,
  ...PROXY_OPTIONS,
  ...PROFILE_OPTIONS,
  ...SIZE_OPTIONS,
  ...LIMIT_OPTIONS,
  ...HISTORY_OPTIONS,
  ...BROKER_OPTIONS,
};

/** What the platform sets, read in the same way; no options of ours. */
export const PLATFORM = {
  DENO_SERVE_ADDRESS: derived(serveAddress, { shown: "HOST and PORT", meaning: "where to listen" }),
  DENO_DEPLOYMENT_ID: derived(line, { meaning: "set on Deno Deploy" }),
};
