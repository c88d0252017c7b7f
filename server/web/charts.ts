/**
 * The plots of the page: their series, scales and colours.
 *
 * @module
 */

/// <reference lib="dom" />

import { type Canvas, Chart, type Series } from "./chart.ts";
import { linesOf, type PlotValues, stackedBins } from "./plot_data.ts";
import { milliseconds, rate, whole } from "./format.ts";
import type { History, Sample } from "./history.ts";
import { CAUSES, PROFILE_COLOURS, STATUSES } from "./palette.ts";

/** The time of one bar of the disconnects, and of one cell of the round trips, seconds. */
const BAR_SECONDS = 15;
const CELL_SECONDS = 5;

/** The shortest round trip of the plot, ms. */
const MIN_MS = 0.1;

/** All plots, fed from one history. */
export class Charts {
  readonly #history: History;
  readonly #shows: (() => void)[] = [];
  readonly #host: HTMLElement;

  /** Empty at first. @param profiles the names of the profiles */
  constructor(host: HTMLElement, history: History, profiles: readonly string[]) {
    this.#history = history;
    this.#host = host;
    host.replaceChildren();
    const samples = () => history.samples;
    const lines = (
      options: Omit<ConstructorParameters<typeof Chart>[0], "series">,
      series: readonly (Series & { read: (sample: Sample) => number | null })[],
    ) => {
      const chart = this.#add(new Chart({ ...options, series }));
      this.#shows.push(() => chart.show(linesOf(samples(), series.map(({ read }) => read))));
    };
    const fromZero = (max: number): [number, number] => [0, Math.max(1, max * 1.1)];
    lines(
      { title: "Connections", counts: true, format: whole, range: fromZero },
      profiles.map((name, i) => ({
        name,
        colour: PROFILE_COLOURS[i % PROFILE_COLOURS.length],
        read: ({ profiles }) => profiles[name] ?? 0,
      })),
    );
    this.#addDisconnects();
    lines({
      title: "Round trips",
      scale: "logarithmic",
      format: milliseconds,
      range: () => [MIN_MS, this.#maxMs()],
      backdrop: (canvas) => paintCells(canvas, history),
    }, [
      { name: "median", colour: "--text", read: ({ rttMs }) => rttMs.p50 },
      { name: "99 %", colour: "--bad", read: ({ rttMs }) => rttMs.p99 },
    ]);
    lines(
      { title: "Health", counts: true, scale: "wide", format: whole, range: fromZero },
      Object.entries(STATUSES).map(([name, colour]) => ({
        name,
        colour,
        read: ({ health }) => health[name] ?? 0,
      })),
    );
    lines({ title: "Messages per second", format: rate, range: fromZero }, [
      { name: "in", colour: "--series-1", read: ({ messagesIn }) => messagesIn },
      { name: "out", colour: "--series-2", read: ({ messagesOut }) => messagesOut },
    ]);
    lines({
      title: "Event loop of the server",
      format: milliseconds,
      range: (max) => [0, Math.max(10, max * 1.1)],
    }, [
      { name: "lateness, 99 %", colour: "--series-1", read: ({ latenessMs }) => latenessMs },
      {
        name: "stalls",
        colour: "--server",
        dots: true,
        read: ({ stalledSeconds }) => stalledSeconds === 0 ? null : stalledSeconds * 1_000,
      },
    ]);
  }

  /** Shows the present content of the history. */
  show(): void {
    for (const show of this.#shows) show();
  }

  #add(chart: Chart): Chart {
    this.#host.append(chart.element);
    return chart;
  }

  #addDisconnects(): void {
    const causes = Object.keys(CAUSES);
    const chart = this.#add(
      new Chart({
        title: `Disconnects by cause, per ${BAR_SECONDS} s`,
        series: causes.map((name) => ({ name, colour: CAUSES[name] })),
        stacked: true,
        counts: true,
        format: whole,
        range: (max) => [0, Math.max(4, max * 1.1)],
      }),
    );
    const reads = causes.map((cause) => ({ disconnects }: Sample) => disconnects[cause] ?? 0);
    this.#shows.push(() => {
      chart.show(stackedBins(this.#history.samples, { seconds: BAR_SECONDS, reads }));
    });
  }

  /** The upper bound of the highest bucket with a count, ms. */
  #maxMs(): number {
    const { bounds, samples } = this.#history;
    const highestBucket = samples.reduce(
      (highest, sample) => Math.max(highest, sample?.rtt.findLastIndex((count) => count > 0) ?? -1),
      -1,
    );
    return Math.max(10, (bounds[Math.min(highestBucket, bounds.length - 1)] ?? 0) * 1_000);
  }
}

/** Paints a heat map: the opacity of a cell is its share of the round trips of its time. */
function paintCells({ context, x, y, colour }: Canvas, { samples, bounds }: History): void {
  if (bounds.length === 0) return;
  const reads = [...bounds, Infinity].map((_, i) => ({ rtt }: Sample) => rtt[i]);
  const [middles, ...stacks] = stackedBins(samples, { seconds: CELL_SECONDS, reads });
  const last = stacks.at(-1) ?? [];
  context.fillStyle = colour("--series-1");
  stacks.forEach((stack: PlotValues, bucket) => {
    const below = stacks[bucket - 1];
    const bottom = y(Math.max(MIN_MS, (bounds[bucket - 1] ?? 0) * 1_000));
    const top = y((bounds[bucket] ?? 2 * bounds[bounds.length - 1]) * 1_000);
    middles.forEach((middle, t) => {
      const share = ((stack[t] ?? 0) - (below?.[t] ?? 0)) / (last[t] || 1);
      if (share === 0) return;
      const left = x(middle - CELL_SECONDS / 2);
      context.globalAlpha = 0.08 + 0.62 * Math.sqrt(share);
      context.fillRect(left, top, x(middle + CELL_SECONDS / 2) - left - 1, bottom - top - 1);
    });
  });
}
