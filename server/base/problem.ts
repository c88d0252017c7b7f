/**
 * Problem details (RFC 9457): how HTTP says what was wrong, unless a system has a form of its own.
 *
 * @module
 */

import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";

/** The media type of problem details. */
export const PROBLEM_TYPE = "application/problem+json";

/** An HTTP answer to an upgrade request that is rejected. */
export interface HttpRejection {
  readonly kind: "http";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers a request with what was wrong. @param detail for people: what was wrong, what to do */
export type Refuse = (
  status: number,
  detail: string,
  headers?: Readonly<Record<string, string>>,
) => Response;

/** The refusal of an upgrade. @param detail as in `Refuse` */
export function problemForm(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): HttpRejection {
  const body = JSON.stringify({ title: STATUS_TEXT[status], status, detail });
  return { kind: "http", status, headers: { "Content-Type": PROBLEM_TYPE, ...headers }, body };
}

/** The answer of a route. */
export function problem(...[status, detail, headers]: Parameters<Refuse>): Response {
  const form = problemForm(status, detail, headers);
  return new Response(form.body, form);
}

/** The answer of a route when the hub that it asked has stopped. */
export function restarting(): Response {
  return problem(STATUS_CODE.ServiceUnavailable, "the server is restarting", {
    "Retry-After": "1",
  });
}
