/**
 * What the bench measures, and what it has found: samples by figure and server, counts, failures.
 * Owns the shape of the outcome, its ratios and the targets; pure, runs nothing.
 *
 * @module
 */

import { type Spread, spreadOf } from "./measure.ts";
import type { MissingServer, ServerName } from "./servers.ts";
import { FULL, type LoadName } from "./sizes.ts";

interface FigureDescription {
  load: LoadName;
  label: string;
  unit: string;
  /** Decimals that are shown. */
  digits: number;
}

const count = (value: number) => value.toLocaleString("en");
const FANOUT = `fan-out to ${count(FULL.fanout.subscribers)}`;
const OPEN_LOOP = `${FULL.openLoop.publicationsPerSecond} publications/s to ${
  count(FULL.fanout.subscribers)
}`;
const IDLE = `${count(FULL.idle.clients)} idle`;
const GROWTH = `${count(FULL.growth.fromSubscribers)} to ${count(FULL.growth.toSubscribers)}`;

const DESCRIPTIONS = {
  fanout1: {
    load: "fanout",
    label: `${FANOUT}, 1 in flight: CPU per delivery`,
    unit: "µs",
    digits: 2,
  },
  fanout4: {
    load: "fanout",
    label: `${FANOUT}, 4 in flight: CPU per delivery`,
    unit: "µs",
    digits: 2,
  },
  fanout16: {
    load: "fanout",
    label: `${FANOUT}, 16 in flight: CPU per delivery`,
    unit: "µs",
    digits: 2,
  },
  latency50: { load: "openloop", label: `${OPEN_LOOP}: p50`, unit: "ms", digits: 1 },
  latency99: { load: "openloop", label: `${OPEN_LOOP}: p99`, unit: "ms", digits: 1 },
  openLoop: { load: "openloop", label: `${OPEN_LOOP}: CPU per delivery`, unit: "µs", digits: 2 },
  own: {
    load: "own",
    label: `${FULL.own.clients} clients, a channel each: CPU per message`,
    unit: "µs",
    digits: 1,
  },
  upgrades: {
    load: "storm",
    label: `connect storm of ${count(FULL.storm.clients)}: upgrades`,
    unit: "per s",
    digits: 0,
  },
  upgradeCpu: {
    load: "storm",
    label: `connect storm of ${count(FULL.storm.clients)}: CPU per upgrade`,
    unit: "µs",
    digits: 0,
  },
  idleMemory: { load: "idle", label: `${IDLE}: memory per connection`, unit: "KiB", digits: 1 },
  pingCpu: { load: "idle", label: `${IDLE}: CPU per ping`, unit: "µs", digits: 1 },
  empty: { load: "empty", label: "empty server: CPU", unit: "ms per s", digits: 2 },
  growth: {
    load: "growth",
    label: `${GROWTH} subscribers: growth of CPU per delivery`,
    unit: "times",
    digits: 2,
  },
  churn: {
    load: "churn",
    label: `${count(FULL.churn.clients)} come and go: memory after ${FULL.churn.rounds} times / ${
      FULL.churn.rounds / 2
    }`,
    unit: "times",
    digits: 2,
  },
} satisfies Record<string, FigureDescription>;

/** The name of one figure. */
export type FigureName = keyof typeof DESCRIPTIONS;

/** All figures, in the order of the table. */
export const FIGURES: Readonly<Record<FigureName, FigureDescription>> = DESCRIPTIONS;

/** One run's value of a figure. */
export interface Sample {
  value: number;
  /** Share of a core that the load process used: near 1, it and not the server set the pace. */
  loadBusy: number;
}

/** A figure of one server over all runs. */
export interface ServerFigure extends Spread {
  server: ServerName;
  /** Of each run, in their order. */
  values: number[];
  /** Systole's median / this median; of controls where Systole was measured, unless this is 0. */
  ratio?: number;
  /** Median share of a core. */
  loadBusy: number;
}

/** A figure of all servers that have it. */
export interface FigureOutcome extends FigureDescription {
  name: FigureName;
  servers: ServerFigure[];
}

/** What was sent and arrived, as one load counted it. */
export interface CountOutcome {
  load: LoadName;
  server: ServerName;
  what: string;
  count: number;
}

/** A load that a server did not carry. */
export interface Failure {
  load: LoadName;
  server: ServerName;
  message: string;
}

/** A bound of a figure of Systole. */
export interface Target {
  figure: FigureName;
  /** Of the ratio to this control; none: of the figure itself. */
  control?: ServerName;
  /** An upper bound, or a lower one. */
  bound: "at most" | "at least";
  limit: number;
}

/** A target, and whether it holds. */
export interface TargetOutcome extends Target {
  value: number;
  result: "met" | "missed";
}

/** What the bench found: the JSON of `--json`. */
export interface Outcome {
  machine: { processor: string; cores: number; system: string };
  tookSeconds: number;
  repetitions: number;
  servers: { name: ServerName; label: string }[];
  missing: MissingServer[];
  figures: FigureOutcome[];
  counts: CountOutcome[];
  failures: Failure[];
  targets: TargetOutcome[];
}

const WS = { control: "ws", bound: "at most" } as const;
const GORILLA = { control: "gorilla", bound: "at most" } as const;

/** What Systole is to reach: of what others cost, or by itself. */
export const TARGETS: readonly Target[] = [
  { figure: "fanout1", ...WS, limit: 1 },
  { figure: "fanout4", ...WS, limit: 0.27 },
  { figure: "fanout16", ...WS, limit: 0.08 },
  { figure: "fanout1", ...GORILLA, limit: 0.92 },
  { figure: "fanout4", ...GORILLA, limit: 0.32 },
  { figure: "fanout16", ...GORILLA, limit: 0.11 },
  { figure: "latency99", ...WS, limit: 1 },
  { figure: "openLoop", ...WS, limit: 1.02 },
  { figure: "own", ...WS, limit: 0.85 },
  { figure: "upgrades", control: "ws", bound: "at least", limit: 0.75 },
  { figure: "upgradeCpu", ...WS, limit: 1.6 },
  { figure: "idleMemory", bound: "at most", limit: 12 },
  { figure: "pingCpu", ...WS, limit: 1.9 },
  { figure: "empty", bound: "at most", limit: 4 },
  { figure: "growth", bound: "at most", limit: 1.15 },
  { figure: "churn", bound: "at most", limit: 1.05 },
];

/** What one bench has found so far. */
export class Results {
  readonly #samples = new Map<FigureName, Map<ServerName, Sample[]>>();
  readonly counts: CountOutcome[] = [];
  readonly failures: Failure[] = [];

  /** Adds the sample of one run. */
  record(server: ServerName, figure: FigureName, sample: Sample): void {
    const byServer = this.#samples.get(figure) ?? new Map<ServerName, Sample[]>();
    this.#samples.set(figure, byServer);
    byServer.set(server, [...byServer.get(server) ?? [], sample]);
  }

  /** Adds to a count, all of whose things arrived. */
  count(server: ServerName, load: LoadName, counted: { what: string; count: number }): void {
    const known = this.counts.find((count) =>
      count.server === server && count.load === load && count.what === counted.what
    );
    if (known === undefined) this.counts.push({ load, server, ...counted });
    else known.count += counted.count;
  }

  /** Notes that a load was not carried; the figures of that server and load are left out. */
  fail(server: ServerName, load: LoadName, message: string): void {
    this.failures.push({ load, server, message });
    for (const [name, byServer] of this.#samples) {
      if (FIGURES[name].load === load) byServer.delete(server);
    }
  }

  /** Medians and ratios of each figure that any server has. */
  figures(): FigureOutcome[] {
    const names = Object.keys(FIGURES) as FigureName[];
    return names.filter((name) => (this.#samples.get(name)?.size ?? 0) > 0).map((name) => ({
      name,
      ...FIGURES[name],
      servers: serverFigures(this.#samples.get(name)!),
    }));
  }
}

function serverFigures(byServer: Map<ServerName, Sample[]>): ServerFigure[] {
  const figures = [...byServer].map(([server, samples]): ServerFigure => ({
    server,
    values: samples.map(({ value }) => value),
    ...spreadOf(samples.map(({ value }) => value)),
    loadBusy: spreadOf(samples.map(({ loadBusy }) => loadBusy)).median,
  }));
  const subject = figures.find(({ server }) => server === "systole");
  if (subject === undefined) return figures;
  return figures.map((figure) =>
    figure === subject || figure.median === 0
      ? figure
      : { ...figure, ratio: subject.median / figure.median }
  );
}

/** The targets whose figures were measured. */
export function targetOutcomes(figures: readonly FigureOutcome[]): TargetOutcome[] {
  return TARGETS.flatMap((target) => {
    const servers = figures.find(({ name }) => name === target.figure)?.servers;
    const value = target.control === undefined
      ? servers?.find(({ server }) => server === "systole")?.median
      : servers?.find(({ server }) => server === target.control)?.ratio;
    if (value === undefined) return [];
    const isMet = target.bound === "at most" ? value <= target.limit : value >= target.limit;
    return [{ ...target, value, result: isMet ? "met" : "missed" }];
  });
}
