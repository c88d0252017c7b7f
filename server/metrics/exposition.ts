/**
 * The Prometheus exposition: metrics are read when `/metrics` is requested. prom-client formats them;
 * its own counters and histograms would allocate at each value, a few hundred bytes for every pong.
 *
 * @module
 */

import { type Metric, Registry } from "prom-client";
import type { Histogram } from "./histogram.ts";

/** Labels by name. */
export type Labels = Readonly<Record<string, string | number>>;

/** One value of a metric. */
export interface Sample {
  /** The figure, in the base unit that the metric's name ends with. */
  readonly value: number;
  /** Distinguish it from the metric's other samples; those of a histogram's buckets have `le`. */
  readonly labels: Labels;
  /** Which of a histogram's series it belongs to: `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

/** What a metric is, as Prometheus sees it. */
export interface DescribedMetric {
  readonly type: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  /** What the threads of one process say together; the sum where it is missing. */
  readonly together?: "first" | "least";
}

/** One metric. */
export interface ExposedMetric extends DescribedMetric {
  /** Its samples now. */
  readonly read: () => Sample[];
}

/** A metric, and its samples at some time. */
export interface ReadMetric extends DescribedMetric {
  readonly samples: readonly Sample[];
}

export class Exposition {
  readonly #registry = new Registry();
  readonly #metrics: ExposedMetric[] = [];

  /** Adds a metric. @throws {Error} when its name is taken */
  add(metric: ExposedMetric): void {
    const { read, type, name, help } = metric;
    const get = () => Promise.resolve({ type, name, help, values: read() });
    this.#registry.registerMetric({ name, get } as unknown as Metric);
    this.#metrics.push(metric);
  }

  /** All metrics as they are now. */
  read(): ReadMetric[] {
    return this.#metrics.map(({ type, name, help, together, read }) => (
      { type, name, help, together, samples: read() }
    ));
  }

  /** All metrics, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The media type of `text()`. */
  get contentType(): string {
    return this.#registry.contentType;
  }
}

/** The samples of a metric that has one value. */
export function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

/** The samples of a metric that has a value for each value of one label. */
export function byLabel(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

/** The samples of a histogram that is made of histograms with labels, as prom-client has them. */
export function samplesOf(name: string, histograms: readonly [Labels, Histogram][]): Sample[] {
  return histograms.flatMap(([labels, histogram]) => {
    const upTo = histogram.upTo();
    const count = upTo.at(-1)!;
    return [
      ...upTo.map((value, i) => ({
        metricName: `${name}_bucket`,
        labels: { ...labels, le: histogram.bounds[i] ?? "+Inf" },
        value,
      })),
      { metricName: `${name}_sum`, labels, value: histogram.sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  });
}
