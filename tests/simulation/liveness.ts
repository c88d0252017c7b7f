/**
 * `deno task sim:liveness`: lets 10 000 connections of each system die and a hub stall 1000 times, and
 * writes what the server made of it as a table and a picture for server/docs/liveness.md.
 *
 * @module
 */

import type { Plan, PlannedClient, PlannedFault } from "./core/plan.ts";
import { type ProfileName, silenceBoundsOf } from "./core/profiles.ts";
import { SimRandom } from "./core/random.ts";
import { type Invariant, simulate } from "./core/simulation.ts";
import { pictureOf, tableOf } from "./liveness_report.ts";

const PROFILES: readonly ProfileName[] = ["json", "events-hub", "infoway", "tank", "talo"];

const DEATHS = 10_000;
const DEATHS_PER_RUN = 500;
const STALLS = 1_000;
const STALLS_PER_RUN = 50;
/** Connections that could be ended by mistake. */
const STALLED_CLIENTS = 100;

/** Deaths begin when every connection has been pinged, ms, and go on for so long. */
const [DEATHS_FROM_MS, DEATHS_MS] = [90_000, 180_000];

/** From one stall to the next, ms; and how long they are. */
const STALL_EVERY_MS = 25_000;

/** What was found of one system. */
export interface Figures {
  readonly profile: ProfileName;
  /** The published bound, from the last sign of life, ms. */
  readonly boundMs: number;
  /** From the last sign of life to the end, ms, sorted. */
  readonly fromLifeMs: readonly number[];
  /** From the cut to the end, ms, sorted. */
  readonly fromCutMs: readonly number[];
  readonly stalls: number;
  /** Connections in all stalls together. */
  readonly stalled: number;
  /** Of those, ended for silence. */
  readonly killed: number;
}

if (import.meta.main) {
  const figures: Figures[] = [];
  for (const profile of PROFILES) figures.push(await figuresOf(profile));
  const docs = new URL("../../server/docs/", import.meta.url);
  await Deno.writeTextFile(new URL("liveness.svg", docs), pictureOf(figures));
  const page = new URL("liveness.md", docs);
  const text = await Deno.readTextFile(page);
  const [before, after] = text.split(/(?<=<!-- simulated -->\n)[^]*(?=<!-- \/simulated -->)/);
  await Deno.writeTextFile(page, `${before}\n${tableOf(figures)}\n\n${after}`);
  console.log(tableOf(figures));
}

async function figuresOf(profile: ProfileName): Promise<Figures> {
  const fromLifeMs: number[] = [];
  const fromCutMs: number[] = [];
  for (let seed = 1; fromLifeMs.length < DEATHS; seed++) {
    const deaths: Invariant = {
      name: "deaths",
      watch: (simulation) => ({
        on(happening) {
          if (happening.kind !== "closed") return;
          const { truth } = happening.connection;
          const { cutMs, logged } = truth;
          const isDeath = logged!.reason === "stale" || logged!.reason === "missed_heartbeats";
          if (!isDeath || cutMs === undefined || fromLifeMs.length >= DEATHS) return;
          fromLifeMs.push(simulation.nowMs - truth.lifeMs);
          fromCutMs.push(simulation.nowMs - cutMs);
        },
      }),
    };
    await simulate(deathsPlan(profile, seed), { invariants: [deaths] });
  }
  let [stalls, stalled, killed] = [0, 0, 0];
  for (let seed = 1; stalls < STALLS; seed++) {
    const kills: Invariant = {
      name: "kills",
      watch: () => ({
        on(happening) {
          if (happening.kind !== "closed") return;
          const { reason } = happening.connection.truth.logged!;
          if (reason === "stale" || reason === "missed_heartbeats") killed++;
        },
      }),
    };
    await simulate(stallsPlan(profile, seed), { invariants: [kills] });
    stalls += STALLS_PER_RUN;
    stalled += STALLS_PER_RUN * STALLED_CLIENTS;
  }
  const ascending = (a: number, b: number) => a - b;
  return {
    profile,
    boundMs: silenceBoundsOf(profile, {}).boundMs,
    fromLifeMs: fromLifeMs.sort(ascending),
    fromCutMs: fromCutMs.sort(ascending),
    stalls,
    stalled,
    killed,
  };
}

function deathsPlan(profile: ProfileName, seed: number): Plan {
  const random = new SimRandom(`deaths ${profile} ${seed}`);
  const faults = Array.from({ length: DEATHS_PER_RUN }, (_, index) => ({
    kind: "cut",
    index,
    atMs: DEATHS_FROM_MS + random.number() * DEATHS_MS,
  }));
  const horizonMs = DEATHS_FROM_MS + DEATHS_MS;
  return quiet({ seed, horizonMs, clients: crowd(profile, DEATHS_PER_RUN, random), faults });
}

function stallsPlan(profile: ProfileName, seed: number): Plan {
  const random = new SimRandom(`stalls ${profile} ${seed}`);
  const faults = Array.from({ length: STALLS_PER_RUN }, (_, index) => ({
    kind: "long stall",
    index,
    atMs: 60_000 + index * STALL_EVERY_MS + random.number() * 5_000,
  }));
  const horizonMs = 60_000 + (STALLS_PER_RUN + 1) * STALL_EVERY_MS;
  return quiet({ seed, horizonMs, clients: crowd(profile, STALLED_CLIENTS, random), faults });
}

function crowd(kind: string, count: number, random: SimRandom): PlannedClient[] {
  return Array.from({ length: count }, (_, index) => ({
    kind,
    index,
    startMs: 200 + random.number() * 20_000,
  }));
}

/** Nobody publishes: only heartbeats show that a peer lives. */
function quiet(
  plan: {
    seed: number;
    horizonMs: number;
    clients: readonly PlannedClient[];
    faults: readonly PlannedFault[];
  },
): Plan {
  return { ...plan, env: {}, quietness: Infinity };
}
