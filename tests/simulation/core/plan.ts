/**
 * What a seed decides: the configuration, the clients and when they come, the faults and when they
 * begin. Each client and each fault draws from a stream of its own, so a plan with parts left out is
 * the same but for these parts.
 *
 * @module
 */

import { CLIENT_KINDS, FAULTS } from "../registry.ts";
import { KEYS_ENV } from "./keys.ts";
import { SimRandom } from "./random.ts";
import { JWT_SECRET } from "./tokens.ts";

export interface PlannedClient {
  readonly kind: string;
  readonly index: number;
  readonly startMs: number;
}

export interface PlannedFault {
  readonly kind: string;
  readonly index: number;
  readonly atMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly env: Readonly<Record<string, string>>;
  /** Faults begin before; then everything recovers. */
  readonly horizonMs: number;
  readonly clients: readonly PlannedClient[];
  readonly faults: readonly PlannedFault[];
  /** Whether publications go through something outside of the process. */
  readonly hasEngine?: boolean;
  /** How many nodes serve at the same time, on one Redis; one without it by default. */
  readonly nodes?: number;
  /** Everybody publishes so much less often. */
  readonly quietness?: number;
}

const PACE_CLIENTS = 200;

/** Clients that break rules often, or are pinged every 5 s. */
const HASTY = ["rude", "flood", "tank"];

/** Faults that publish a lot: the measured hub is quiet. */
const LOUD = ["burst", "jam", "busy return"];

/** Clients that see whether nodes agree: so much more often there are some. */
const WITNESSES: Readonly<Record<string, number>> = { sdk: 2, json: 2, resumer: 2, member: 4 };

/** So many of the seeds have several nodes. */
const SEVERAL_PART = 0.4;

/** From the start of the server, ms. */
const FIRST_MS = 200;

export function planOf(seed: number): Plan {
  const random = new SimRandom(`plan ${seed}`);
  const nodes = nodesOf(random.fork("nodes"));
  // Nodes ask Redis each second: their seeds are shorter, and have as many faults.
  const horizonMs = Math.round(
    nodes > 1 ? random.spread(90_000, 400_000) : random.spread(120_000, 900_000),
  );
  const kinds = Object.entries(CLIENT_KINDS).map(([kind, { weight }]) => ({
    kind,
    weight: weight * (nodes > 1 ? WITNESSES[kind] ?? 1 : 1),
  }));
  const clients = Array.from({ length: 6 + random.int(14) }, (_, index) => ({
    kind: random.weighted(kinds).kind,
    index,
    startMs: FIRST_MS +
      (random.chance(0.6) ? random.spread(0, 20_000) : random.number() * horizonMs),
  }));
  const faultKinds = Object.entries(FAULTS)
    .filter(([, { isOfNodes = false }]) => !isOfNodes || nodes > 1)
    .map(([kind, { weight }]) => ({ kind, weight }));
  const faults = Array.from({ length: 2 + random.int(22) }, (_, index) => ({
    kind: random.weighted(faultKinds).kind,
    index,
    atMs: 5_000 + random.number() * (horizonMs - 10_000),
  }));
  const env = envOf(random);
  const hasEngine = random.chance(0.25) && nodes === 1;
  if (nodes > 1 && random.chance(0.15)) env.BROKER_REQUIRED = "true";
  return { seed, env, horizonMs, clients, faults, hasEngine, nodes };
}

function nodesOf(random: SimRandom): number {
  return random.chance(SEVERAL_PART) ? 2 + random.int(2) : 1;
}

/**
 * A large, quiet hub, to measure the pace: at least 60 pings, 100 deliveries and a fault for each hour of
 * a connection.
 */
export function paceOf(seed: number, nodes = 1): Plan {
  const random = new SimRandom(`pace ${seed}`);
  const horizonMs = 3_600_000;
  const kinds = Object.entries(CLIENT_KINDS).map(([kind, { weight }]) => ({ kind, weight }));
  const clients = Array.from({ length: PACE_CLIENTS }, (_, index) => ({
    kind: random.weighted(kinds.filter(({ kind }) => !HASTY.includes(kind))).kind,
    index,
    startMs: FIRST_MS + random.number() * 20_000,
  }));
  const faultKinds = Object.entries(FAULTS)
    .filter(([, { isOfNodes = false }]) => !isOfNodes || nodes > 1)
    .map(([kind, { weight }]) => ({ kind, weight }));
  const faults = Array.from({ length: 1.2 * PACE_CLIENTS }, (_, index) => ({
    kind: random.weighted(faultKinds.filter(({ kind }) => !LOUD.includes(kind))).kind,
    index,
    atMs: 30_000 + random.number() * (horizonMs - 40_000),
  }));
  return { seed, env: {}, horizonMs, clients, faults, nodes, quietness: 60 };
}

/** Half of the runs have the defaults; the others small bounds and short times, which are met sooner. */
function envOf(random: SimRandom): Record<string, string> {
  const env: Record<string, string> = {};
  if (random.chance(0.6)) Object.assign(env, KEYS_ENV, { JWT_SECRET });
  const set = (name: string, values: readonly number[], probability = 0.3) => {
    if (random.chance(probability)) env[name] = `${random.pick(values)}`;
  };
  if (random.chance(0.5)) {
    set("HISTORY_MESSAGES", [0, 1, 4, 16], 0.5);
    set("HISTORY_TTL_MS", [10_000, 30_000], 0.4);
    set("HISTORY_BYTES", [4_096, 20_000], 0.4);
    set("HISTORY_POSITION_TTL_MS", [30_000, 120_000], 0.3);
    set("SEND_QUEUE_MESSAGES", [8, 32]);
    set("SEND_QUEUE_BYTES", [4_096, 32_768]);
    set("MAX_SUBSCRIPTIONS", [3, 6]);
    set("MAX_MESSAGES_PER_SECOND", [200, 400]); // an outbox of the library has 256
    set("PONG_WAIT_MS", [5_000, 20_000]);
    set("TANK_PONG_WAIT_MS", [6_000, 30_000]);
    set("EVENTS_HUB_PONG_WAIT_MS", [10_000, 40_000]);
    set("INFOWAY_PONG_WAIT_MS", [45_000, 90_000]);
    set("TALO_PONG_WAIT_MS", [5_000, 15_000]);
    set("TALO_PING_PERIOD_MS", [10_000, 20_000]);
    set("MISSED_HEARTBEATS", [1, 2]);
    set("CLOSE_WAIT_MS", [500, 5_000]);
    set("WRITE_WAIT_MS", [3_000, 20_000]);
    set("SHUTDOWN_MS", [1_000, 10_000]);
  }
  set("PRESENCE_GRACE_MS", [1_000, 3_000, 20_000]);
  set("FLUSH_WINDOW_MS", [10, 50, 100]);
  set("FROZEN_WAIT_MS", [10_000, 20_000, 90_000], 0.5);
  set("SUSPEND_AFTER_VIOLATIONS", [1, 2]);
  set("SUSPEND_MS", [20_000, 60_000], 0.5);
  return env;
}
