/**
 * Formats numbers, times and errors for people: short, numbers with a unit. Pure.
 *
 * @module
 */

/** Shown in place of a missing number. */
export const NO_VALUE = "–";

/** The text of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const GROUPS = /\B(?=(\d{3})+$)/g;

/** A whole number in groups of three, as in `10 000`. */
export function whole(value: number): string {
  return String(Math.round(value)).replace(GROUPS, "\u202f");
}

/** A rate: whole from 10 on, with one decimal below. */
export function rate(value: number): string {
  return value >= 10 || value === 0 ? whole(value) : value.toFixed(1);
}

/** A time, in ms, s or a longer unit. */
export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NO_VALUE;
  if (ms >= 60_000) return duration(ms / 1_000);
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  if (ms >= 100) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(ms >= 10 ? 1 : 2)} ms`;
}

/** A label of a time axis that starts at 0. */
export function ageOf(ms: number): string {
  return ms % 1_000 === 0 ? duration(ms / 1_000) : `${(ms / 1_000).toFixed(1)} s`;
}

/** A duration in its two greatest units. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return two(s, [60, "min"], [1, "s"]);
  if (s < 86_400) return two(s, [3_600, "h"], [60, "min"]);
  return two(s, [86_400, "d"], [3_600, "h"]);
}

/** Bytes in powers of 1024. */
export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  if (value < 1_048_576) return `${(value / 1_024).toFixed(1)} KiB`;
  return `${(value / 1_048_576).toFixed(1)} MiB`;
}

/** Wall-clock ms as a date and time in the local time zone. */
export function moment(ms: number): string {
  const date = new Date(ms);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(padded).join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(padded).join(":")}`;
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}

type Unit = readonly [seconds: number, name: string];

function two(seconds: number, [great, greatName]: Unit, [small, smallName]: Unit): string {
  const [many, rest] = [Math.floor(seconds / great), Math.floor(seconds % great / small)];
  return rest === 0 ? `${many} ${greatName}` : `${many} ${greatName} ${rest} ${smallName}`;
}
