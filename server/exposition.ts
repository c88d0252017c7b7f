/**
 * What Prometheus reads: metrics of which each is read when asked for. prom-client words them; its
 * own counters and histograms would leave garbage at each value, which on a heartbeat's path is a
 * few hundred bytes for every answer.
 *
 * @module
 */

import { type Metric, Registry } from "prom-client";

/** Labels by name. */
export type Labels = Readonly<Record<string, string | number>>;

/** One value of a metric. */
export interface Sample {
  /** It. */
  readonly value: number;
  /** What tells it from the others; those of a histogram's buckets have `le`. */
  readonly labels: Labels;
  /** What it is of a histogram: a bucket, the sum or the count. */
  readonly metricName?: string;
}

/** A metric. */
export interface Exposed {
  /** Its kind. */
  readonly type: "counter" | "gauge" | "histogram";
  /** Its name. */
  readonly name: string;
  /** Its meaning. */
  readonly help: string;
  /** Its values now. */
  readonly read: () => Sample[];
}

/** Figures that other rooms hold, read when asked for. */
export interface Readings {
  /** Letters in the hub's mailbox. */
  readonly mailboxLetters: () => number;
  /** Bytes in all send queues together. */
  readonly queuedBytes: () => number;
  /** Channels that somebody follows. */
  readonly channels: () => number;
  /** Idle timeouts known on the way to clients. */
  readonly pathLimits: () => number;
  /** Connections that they have cut so far. */
  readonly pathLimitCuts: () => number;
}

/** See the module. */
export class Exposition {
  readonly #registry = new Registry();

  /** Exposes a metric. @throws {Error} when its name is taken */
  add({ type, name, help, read }: Exposed): void {
    const get = () => Promise.resolve({ type, name, help, values: read() });
    this.#registry.registerMetric({ name, get } as unknown as Metric);
  }

  /** All metrics in words. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Their content type. */
  get contentType(): string {
    return this.#registry.contentType;
  }
}

/** A metric of one value. */
export function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

/** A metric of a value for each name. */
export function byLabel(label: string, counts: ReadonlyMap<string, number>): Sample[] {
  return Array.from(counts, ([name, value]) => ({ labels: { [label]: name }, value }));
}
