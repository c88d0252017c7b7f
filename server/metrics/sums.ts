/**
 * The metrics of several threads as those of one process. Pure.
 *
 * @module
 */

import { Exposition, type ReadMetric, type Sample } from "./exposition.ts";

/** Adds up metrics, the parts of the process in a fixed order. */
export function togetherOf(parts: readonly (readonly ReadMetric[])[]): ReadMetric[] {
  const byName = Map.groupBy(parts.flat(), ({ name }) => name);
  return Array.from(byName.values(), (same) => ({ ...same[0], samples: samplesOf(same) }));
}

/** What stays of the metrics of a thread that has ended: what it has counted. */
export function countsOf(metrics: readonly ReadMetric[]): ReadMetric[] {
  return metrics.filter(({ type, together }) => type !== "gauge" && together === undefined);
}

/** Metrics in Prometheus' text format. */
export function textOf(metrics: readonly ReadMetric[]): Promise<string> {
  const exposition = new Exposition();
  for (const { samples, ...about } of metrics) {
    exposition.add({ ...about, read: () => [...samples] });
  }
  return exposition.text();
}

function samplesOf(same: readonly ReadMetric[]): Sample[] {
  const { together } = same[0];
  if (together === "first") return [...same[0].samples];
  const sums = new Map<string, Sample>();
  for (const sample of same.flatMap(({ samples }) => samples)) {
    const series = `${sample.metricName} ${JSON.stringify(sample.labels)}`;
    const sum = sums.get(series);
    if (sum === undefined) sums.set(series, sample);
    else sums.set(series, { ...sum, value: combined(together, sum.value, sample.value) });
  }
  return [...sums.values()];
}

function combined(together: "least" | undefined, one: number, other: number): number {
  return together === "least" ? Math.min(one, other) : one + other;
}
