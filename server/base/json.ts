/**
 * JSON from untrusted peers, read without exceptions.
 *
 * @module
 */

import { isJson } from "./json_scanner.ts";

/** A JSON object; its fields may be anything. */
export type Fields = Record<string, unknown>;

const BYTES = new TextEncoder();

/** Whether a JSON value is an object, neither null nor an array. */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a text, or undefined when it is not JSON or nested too deep. Never throws. */
export function parseJson(text: string): unknown {
  return isJson(BYTES.encode(text)) ? JSON.parse(text) : undefined;
}

/** The value of a JSON text that is a string; undefined for another. @param text valid JSON */
export function stringIn(text: string | undefined): string | undefined {
  return text?.[0] === '"' ? JSON.parse(text) : undefined;
}

/** The value of a JSON text that is a number; undefined for another. @param text valid JSON */
export function numberIn(text: string | undefined): number | undefined {
  const first = text?.[0] ?? "";
  return first === "-" || (first >= "0" && first <= "9") ? Number(text) : undefined;
}

/** The value of a JSON text; undefined for none. @param text valid JSON */
export function valueIn(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}
