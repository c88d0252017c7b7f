/**
 * How the bench says what it found: a table for people, one for the manual, and in short the counts.
 * Owns the layout; pure.
 *
 * @module
 */

import type { Format } from "./arguments.ts";
import type {
  FigureDescription,
  FigureOutcome,
  Outcome,
  ServerFigure,
  Target,
  TargetOutcome,
} from "./results.ts";

/** The whole report. */
export function reportText(
  outcome: Outcome,
  { format, isShort }: { format: Format; isShort: boolean },
): string {
  if (format === "json") return JSON.stringify(outcome);
  if (format === "markdown") return `${markdownFigures(outcome)}\n\n${markdownTargets(outcome)}`;
  const { machine, missing, failures, targets, tookSeconds } = outcome;
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.system}; ${
      Math.round(tookSeconds)
    } s in all`,
    ...isShort ? [] : [
      `medians of ${outcome.repetitions} (lowest..highest); ratio = ${outcome.ratio}; ` +
      "load = share of a core that the load used",
    ],
    "",
    isShort ? countsTable(outcome) : figuresTable(outcome),
    ...section(missing.map(({ name, why }) => `not measured: ${name}: ${why}`)),
    ...section(
      failures.map(({ server, load, message }) => `failed: ${server}, ${load}: ${message}`),
    ),
    ...section(
      isShort ? [] : targets.map((target) => targetText(target, figureOf(outcome, target))),
    ),
  ].join("\n");
}

function section(lines: string[]): string[] {
  return lines.length === 0 ? [] : ["", ...lines];
}

function figuresTable({ figures, servers }: Outcome): string {
  return tableText([
    ["", "median", "range", "ratio", "load"],
    ...figures.flatMap((figure) => [
      [`${figure.label}, ${figure.unit}`, "", "", "", ""],
      ...servers.flatMap(({ name, label }) => {
        const own = serverFigure(figure, name);
        return own === undefined ? [] : [[
          `  ${label}`,
          own.median.toFixed(figure.digits),
          rangeText(own, figure.digits),
          own.ratio?.toFixed(2) ?? "",
          `${Math.round(own.loadBusy * 100)} %`,
        ]];
      }),
    ]),
  ]);
}

function countsTable({ counts, servers }: Outcome): string {
  return tableText([
    ["load", "server", "arrived"],
    ...counts.map(({ load, server, what, count }) => [
      load,
      servers.find(({ name }) => name === server)!.name,
      `${countText(count)} ${what}`,
    ]),
  ]);
}

/** A row for each figure, a column for each server: median, range, and Systole's ratio to it. */
function markdownFigures({ figures, servers }: Outcome): string {
  const rows = figures.map((figure) => [
    `${figure.label}, ${figure.unit}`,
    ...servers.map(({ name }) => {
      const own = serverFigure(figure, name);
      if (own === undefined) return "—";
      const text = `${own.median.toFixed(figure.digits)} (${rangeText(own, figure.digits)})`;
      return own.ratio === undefined ? text : `${text}; ${own.ratio.toFixed(2)}`;
    }),
  ]);
  return markdownTable([["measured", ...servers.map(({ label }) => label)], ...rows]);
}

function markdownTargets(outcome: Outcome): string {
  const rows = outcome.targets.map(({ value, result, ...target }) => [
    figureOf(outcome, target).label,
    limitText(target, figureOf(outcome, target)),
    value.toPrecision(3),
    result,
  ]);
  return markdownTable([["figure", "target", "in this run", "result"], ...rows]);
}

/** @param rows the heading first */
function markdownTable([heading, ...rows]: string[][]): string {
  return [heading, heading.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

/** A target is listed only where its figure was measured. */
function figureOf({ figures }: Outcome, { figure }: Target): FigureOutcome {
  return figures.find(({ name }) => name === figure)!;
}

function serverFigure({ servers }: FigureOutcome, name: string): ServerFigure | undefined {
  return servers.find(({ server }) => server === name);
}

function rangeText({ min, max }: ServerFigure, digits: number): string {
  return `${min.toFixed(digits)}..${max.toFixed(digits)}`;
}

function targetText(
  { value, result, ...target }: TargetOutcome,
  figure: FigureDescription,
): string {
  const limit = limitText(target, figure);
  return `${target.server}, ${figure.label}: ${value.toPrecision(3)}, target ${limit}: ${result}`;
}

/** The bound of a target. */
export function limitText(
  { control, bound, limit }: Target,
  { unit }: Pick<FigureDescription, "unit">,
): string {
  return `${bound} ${limit} ${control === undefined ? unit : `of ${control}`}`;
}

/** Lines of equal columns, the first row the heading, numbers to the right. */
export function tableText(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ").trimEnd()
  );
  return lines.toSpliced(1, 0, "-".repeat(Math.max(...lines.map((line) => line.length)))).join(
    "\n",
  );
}

/** A count with its thousands apart. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString("en");
}
