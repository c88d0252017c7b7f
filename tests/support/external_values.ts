/**
 * Values of the metrics that other parts of the hub keep, for tests of the exposition alone.
 *
 * @module
 */

import { EXTERNAL_METRICS, type ExternalValues } from "../../server/metrics/table.ts";

/** Every one of them reads the same value. */
export function externalValues(value: number): ExternalValues {
  const read = () => value;
  const names = Object.keys(EXTERNAL_METRICS);
  return Object.fromEntries(names.map((name) => [name, read])) as unknown as ExternalValues;
}
