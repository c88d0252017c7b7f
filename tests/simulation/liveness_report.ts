/**
 * The table and the picture of what `deno task sim:liveness` has found. Pure.
 *
 * @module
 */

import type { Figures } from "./liveness.ts";

/** The picture, px. */
const [WIDTH, ROW_HEIGHT, LEFT, TOP] = [720, 58, 96, 34];
const PLOT_WIDTH = WIDTH - LEFT - 24;
const BINS = 130;
const MAX_SECONDS = 70;

const seconds = (ms: number) => (ms / 1_000).toFixed(2);

/** Markdown, a row for each system. */
export function tableOf(figures: readonly Figures[]): string {
  const rows = figures.map(
    ({ profile, boundMs, fromLifeMs, fromCutMs, stalls, stalled, killed }) => {
      const at = (values: readonly number[], part: number) =>
        seconds(values[Math.min(values.length - 1, Math.floor(part * values.length))]);
      return [
        profile,
        `${seconds(boundMs)} s`,
        `${at(fromLifeMs, 0.5)} s`,
        `${at(fromLifeMs, 0.999)} s`,
        `${at(fromLifeMs, 1)} s`,
        `${at(fromCutMs, 0.05)} s`,
        `${at(fromCutMs, 0.5)} s`,
        `${at(fromCutMs, 0.95)} s`,
        `${killed} of ${stalled} in ${stalls}`,
      ];
    },
  );
  const head = [
    ...["system", "bound", "from life: median", "99.9 %", "longest"],
    ...["from the cut: 5 %", "median", "95 %", "ended in stalls"],
  ];
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** SVG: for each system how long after the cut its connections were ended, and the bound. */
export function pictureOf(figures: readonly Figures[]): string {
  const height = TOP + figures.length * ROW_HEIGHT + 34;
  const xOf = (ms: number) => LEFT + ms / 1_000 / MAX_SECONDS * PLOT_WIDTH;
  const rows = figures.map(({ profile, boundMs, fromCutMs }, row) => {
    const base = TOP + (row + 1) * ROW_HEIGHT - 12;
    const counts = new Array(BINS).fill(0);
    for (const ms of fromCutMs) {
      counts[Math.min(BINS - 1, Math.floor(ms / 1_000 / MAX_SECONDS * BINS))]++;
    }
    const most = Math.max(...counts);
    const bars = counts.map((count, bin) => {
      const barHeight = count / most * (ROW_HEIGHT - 20);
      const x = LEFT + bin / BINS * PLOT_WIDTH;
      const width = PLOT_WIDTH / BINS - 0.6;
      return count === 0
        ? ""
        : `<rect x="${x.toFixed(1)}" y="${(base - barHeight).toFixed(1)}" width="${
          width.toFixed(1)
        }" height="${barHeight.toFixed(1)}" fill="#3b82f6"/>`;
    }).join("");
    const bound = xOf(boundMs).toFixed(1);
    return `<text x="${LEFT - 10}" y="${base - 8}" text-anchor="end">${profile}</text>${bars}` +
      `<path d="M${LEFT} ${base}H${WIDTH - 24}" stroke="#94a3b8"/>` +
      `<path d="M${bound} ${base}V${base - ROW_HEIGHT + 16}" stroke="#dc2626" stroke-width="1.5"/>`;
  });
  const base = TOP + figures.length * ROW_HEIGHT;
  const ticks = [0, 10, 20, 30, 40, 50, 60, 70].map((second) =>
    `<text x="${xOf(second * 1_000).toFixed(1)}" y="${
      base + 6
    }" text-anchor="middle">${second} s</text>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="#64748b" role="img">` +
    `<title>Seconds from the cut of a connection to its end, by system</title>` +
    `<text x="${LEFT}" y="16">from the cut of a connection to its end; red: the bound, from its last sign of life</text>` +
    `${rows.join("")}${ticks.join("")}</svg>\n`;
}
