/**
 * How the HTTP API says no: problem details (RFC 9457), unless a compatible route has a form of its
 * own.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { PROBLEM_TYPE, problemBody } from "../problem.ts";

/** Answers with what was wrong. @param detail for people: what was wrong, what to do */
export type Refuse = (
  status: number,
  detail: string,
  headers?: Readonly<Record<string, string>>,
) => Response;

/** In the form of problem details. */
export function problem(...[status, detail, headers]: Parameters<Refuse>): Response {
  return new Response(problemBody(status, detail), {
    status,
    headers: { "Content-Type": PROBLEM_TYPE, ...headers },
  });
}

/** The hub has stopped: the answer to whoever asked it something. */
export function restarting(): Response {
  return problem(STATUS_CODE.ServiceUnavailable, "the server is restarting", {
    "Retry-After": "1",
  });
}
