/**
 * What a bench has found: samples by figure and server, counts, failures.
 * Owns the shape of the outcome, its ratios and whether targets are met; pure, runs nothing.
 *
 * @module
 */

import { type Spread, spreadOf } from "./measure.ts";

/** A figure as the table names it. */
export interface FigureDescription {
  load: string;
  label: string;
  unit: string;
  /** Decimals that are shown. */
  digits: number;
}

/** One run's value of a figure. */
export interface Sample {
  value: number;
  /** Share of a core that the load process used: near 1, it and not the server set the pace. */
  loadBusy: number;
}

/** A figure of one server over all runs. */
export interface ServerFigure extends Spread {
  server: string;
  /** Of each run, in their order. */
  values: number[];
  /** As the suite says; of all but its subject where that was measured, unless it divides by 0. */
  ratio?: number;
  /** Median share of a core. */
  loadBusy: number;
}

/** A figure of all servers that have it. */
export interface FigureOutcome extends FigureDescription {
  name: string;
  servers: ServerFigure[];
}

/** What was sent and arrived, as one load counted it. */
export interface CountOutcome {
  load: string;
  server: string;
  what: string;
  count: number;
}

/** A load that a server did not carry. */
export interface Failure {
  load: string;
  server: string;
  message: string;
}

/** A bound of a figure of a server. */
export interface Target {
  figure: string;
  server: string;
  /** Of the ratio to this one's figure; none: of the figure itself. */
  control?: string;
  /** An upper bound, or a lower one. */
  bound: "at most" | "at least";
  limit: number;
}

/** A target, and whether it holds. */
export interface TargetOutcome extends Target {
  value: number;
  result: "met" | "missed";
}

/** A server that cannot be started here, and why. */
export interface MissingServer {
  name: string;
  why: string;
}

/** What a bench measures, and how servers are compared. */
export interface Suite<Figure extends string = string> {
  /** In the order of the table. */
  readonly figures: Readonly<Record<Figure, FigureDescription>>;
  readonly targets: readonly Target[];
  /** The server that each other one is compared with. */
  readonly subject: string;
  readonly ratio: "subject / server" | "server / subject";
}

/** What the bench found: the JSON of `--json`. */
export interface Outcome {
  machine: { processor: string; cores: number; system: string };
  tookSeconds: number;
  repetitions: number;
  /** What a ratio is. */
  ratio: string;
  servers: { name: string; label: string }[];
  missing: MissingServer[];
  figures: FigureOutcome[];
  counts: CountOutcome[];
  failures: Failure[];
  targets: TargetOutcome[];
}

/** What one bench has found so far. */
export class Results<Figure extends string> {
  readonly #suite: Suite<Figure>;
  readonly #samples = new Map<Figure, Map<string, Sample[]>>();
  readonly counts: CountOutcome[] = [];
  readonly failures: Failure[] = [];

  constructor(suite: Suite<Figure>) {
    this.#suite = suite;
  }

  /** Adds the sample of one run. */
  record(server: string, figure: Figure, sample: Sample): void {
    const byServer = this.#samples.get(figure) ?? new Map<string, Sample[]>();
    this.#samples.set(figure, byServer);
    byServer.set(server, [...byServer.get(server) ?? [], sample]);
  }

  /** Adds to a count, all of whose things arrived. */
  count(server: string, load: string, counted: { what: string; count: number }): void {
    const known = this.counts.find((count) =>
      count.server === server && count.load === load && count.what === counted.what
    );
    if (known === undefined) this.counts.push({ load, server, ...counted });
    else known.count += counted.count;
  }

  /** Notes that a load was not carried; the figures of that server and load are left out. */
  fail(server: string, load: string, message: string): void {
    this.failures.push({ load, server, message });
    for (const [name, byServer] of this.#samples) {
      if (this.#suite.figures[name].load === load) byServer.delete(server);
    }
  }

  /** Medians and ratios of each figure that any server has. */
  figures(): FigureOutcome[] {
    const { figures } = this.#suite;
    const names = Object.keys(figures) as Figure[];
    return names.filter((name) => (this.#samples.get(name)?.size ?? 0) > 0).map((name) => ({
      name,
      ...figures[name],
      servers: serverFigures(this.#samples.get(name)!, this.#suite),
    }));
  }
}

function serverFigures(byServer: Map<string, Sample[]>, suite: Suite): ServerFigure[] {
  const figures = [...byServer].map(([server, samples]): ServerFigure => ({
    server,
    values: samples.map(({ value }) => value),
    ...spreadOf(samples.map(({ value }) => value)),
    loadBusy: spreadOf(samples.map(({ loadBusy }) => loadBusy)).median,
  }));
  const subject = figures.find(({ server }) => server === suite.subject);
  if (subject === undefined) return figures;
  return figures.map((figure) => {
    const [over, under] = suite.ratio === "subject / server"
      ? [subject, figure]
      : [figure, subject];
    return figure === subject || under.median === 0
      ? figure
      : { ...figure, ratio: over.median / under.median };
  });
}

/** The targets whose figures were measured. */
export function targetOutcomes(
  figures: readonly FigureOutcome[],
  targets: readonly Target[],
): TargetOutcome[] {
  return targets.flatMap((target) => {
    const servers = figures.find(({ name }) => name === target.figure)?.servers;
    const medianOf = (name: string) => servers?.find(({ server }) => server === name)?.median;
    const [own, control] = [
      medianOf(target.server),
      target.control === undefined ? 1 : medianOf(target.control),
    ];
    if (own === undefined || control === undefined || control === 0) return [];
    const value = own / control;
    const isMet = target.bound === "at most" ? value <= target.limit : value >= target.limit;
    return [{ ...target, value, result: isMet ? "met" : "missed" }];
  });
}
