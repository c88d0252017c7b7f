/**
 * From the runs of the fan-out bench to its report: medians, ratios, results, the table.
 * Owns the shape of the outcome; pure, runs nothing.
 *
 * @module
 */

import type { OpenLoopRun, Run, Side } from "./fanout_fixture.ts";
import { type Spread, spreadOf } from "./measure.ts";
import { countText, msText, type Result, resultOf, spreadText, tableText } from "./report.ts";

/** The medians of one server at one level. */
export interface Row {
  cpuUsPerDelivery: Spread;
  deliveriesPerSecond: Spread;
  deliveriesPerRead: Spread;
  loadBusy: Spread;
}

/** A level, and how it compares. */
export interface LevelOutcome {
  inFlight: number;
  subject: Row;
  control: Row;
  ratio: number;
  targetRatio: number;
  result: Result;
}

/** The medians of one server on schedule. */
export interface LatencyRow extends Row {
  p50Us: Spread;
  p99Us: Spread;
  maxUs: Spread;
}

/** What the bench found: the JSON of `--json`. */
export interface FanoutOutcome {
  subscribers: number;
  messageBytes: number;
  deliveryBytes: number;
  repetitions: number;
  levels: LevelOutcome[];
  openLoop: { publicationsPerSecond: number; subject: LatencyRow; control: LatencyRow };
}

/**
 * Payload bytes of a delivery, of all runs.
 * @throws Error when they did not deliver the same: their costs could not be compared.
 */
export function sameDeliveryBytes(runs: Run[]): number {
  const sizes = [...new Set(runs.map(({ deliveryBytes }) => deliveryBytes))];
  if (sizes.length > 1) {
    throw new Error(`Deliveries differ between runs: ${sizes.join(", ")} bytes`);
  }
  return sizes[0];
}

/** Compares the runs of one level. */
export function levelOutcome(
  level: { inFlight: number; targetRatio: number },
  runs: Record<Side, Run[]>,
): LevelOutcome {
  const subject = rowOf(runs.subject);
  const control = rowOf(runs.control);
  const ratio = subject.cpuUsPerDelivery.median / control.cpuUsPerDelivery.median;
  return { ...level, subject, control, ratio, result: resultOf(ratio, level.targetRatio) };
}

function rowOf(runs: Run[]): Row {
  return {
    cpuUsPerDelivery: spreadOf(runs.map((run) => run.cpuUsPerDelivery)),
    deliveriesPerSecond: spreadOf(runs.map((run) => run.deliveriesPerSecond)),
    deliveriesPerRead: spreadOf(runs.map((run) => run.deliveriesPerRead)),
    loadBusy: spreadOf(runs.map((run) => run.loadBusy)),
  };
}

/** Medians of the runs on schedule. */
export function latencyRowOf(runs: OpenLoopRun[]): LatencyRow {
  return {
    ...rowOf(runs),
    p50Us: spreadOf(runs.map((run) => run.p50Us)),
    p99Us: spreadOf(runs.map((run) => run.p99Us)),
    maxUs: spreadOf(runs.map((run) => run.maxUs)),
  };
}

/** The report for people. */
export function describeFanout(outcome: FanoutOutcome): string {
  const { subject, control, publicationsPerSecond } = outcome.openLoop;
  return [
    `Fan-out to ${outcome.subscribers} subscribers, ${outcome.messageBytes} bytes of data ` +
    `(${outcome.deliveryBytes} delivered, by both)`,
    `medians of ${outcome.repetitions} (lowest..highest); in flight = not yet received by all; ` +
    `control = bare ws broadcast loop`,
    "",
    closedLoopTable(outcome.levels),
    "",
    ...outcome.levels.map(({ inFlight, ratio, targetRatio, result }) =>
      `${inFlight} in flight: ${ratio.toFixed(3)} of the control's CPU per delivery, ` +
      `target at most ${targetRatio}: ${result}`
    ),
    "",
    `Open loop, ${publicationsPerSecond} publications/s = ` +
    `${countText(publicationsPerSecond * outcome.subscribers)} deliveries/s; ` +
    "latency from the moment a publication was due to each receipt",
    "",
    openLoopTable({ subject, control }),
  ].join("\n");
}

function closedLoopTable(levels: LevelOutcome[]): string {
  const rows = levels.flatMap(({ inFlight, subject, control, ratio }) => [
    [`subject, ${inFlight} in flight`, ...rowCells(subject), ratio.toFixed(3)],
    [`control, ${inFlight} in flight`, ...rowCells(control), "1"],
  ]);
  return tableText([
    ["", "deliveries/s", "per read", "load busy", "CPU us/delivery", "ratio"],
    ...rows,
  ]);
}

function openLoopTable(rows: Record<Side, LatencyRow>): string {
  const cells = (row: LatencyRow) => [
    msText(row.p50Us.median),
    msText(row.p99Us.median),
    msText(row.maxUs.median),
    ...rowCells(row),
  ];
  return tableText([
    ["", "p50", "p99", "longest", "deliveries/s", "per read", "load busy", "CPU us/delivery"],
    ["subject", ...cells(rows.subject)],
    ["control", ...cells(rows.control)],
  ]);
}

function rowCells(row: Row): string[] {
  return [
    countText(row.deliveriesPerSecond.median),
    row.deliveriesPerRead.median.toFixed(1),
    `${Math.round(row.loadBusy.median * 100)} %`,
    spreadText(row.cpuUsPerDelivery),
  ];
}
