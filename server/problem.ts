/**
 * Problem details (RFC 9457): how HTTP says what was wrong, unless a system has a form of its own.
 *
 * @module
 */

import { STATUS_TEXT } from "@std/http/status";
import type { RefusalForm } from "./profiles/profile.ts";

/** The media type of problem details. */
export const PROBLEM_TYPE = "application/problem+json";

/** The body. @param detail for people: what was wrong, what to do */
export function problemBody(status: number, detail: string): string {
  return JSON.stringify({ title: STATUS_TEXT[status], status, detail });
}

/** The refusal of an upgrade in this form. */
export function problemForm(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Extract<RefusalForm, { kind: "http" }> {
  const body = problemBody(status, detail);
  return { kind: "http", status, headers: { "Content-Type": PROBLEM_TYPE, ...headers }, body };
}
