/**
 * Problem details (RFC 9457): the form of HTTP errors, except where a system has its own.
 *
 * @module
 */

import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";

export const PROBLEM_TYPE = "application/problem+json";

/** An HTTP answer to an upgrade request that is rejected. */
export interface HttpRejection {
  readonly kind: "http";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes an error response. @param detail for people: what is wrong and how to correct it */
export type ErrorResponse = (
  status: number,
  detail: string,
  headers?: Readonly<Record<string, string>>,
) => Response;

/** The rejection of an upgrade. */
export function problemRejection(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): HttpRejection {
  const body = JSON.stringify({ title: STATUS_TEXT[status], status, detail });
  return { kind: "http", status, headers: { "Content-Type": PROBLEM_TYPE, ...headers }, body };
}

/** The rejection as it is written to a socket, which is closed after it. */
export function responseText({ status, headers, body }: HttpRejection): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_TEXT[status as keyof typeof STATUS_TEXT]}`,
    "Connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${new TextEncoder().encode(body).length}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** The error response of a route. */
export function problem(...[status, detail, headers]: Parameters<ErrorResponse>): Response {
  const rejection = problemRejection(status, detail, headers);
  return new Response(rejection.body, rejection);
}

/** The response of a route to who asked too often. @param what the requests that are limited */
export function tooMany(what: string, retryAfterMs: number): Response {
  const seconds = Math.ceil(retryAfterMs / 1_000);
  return problem(STATUS_CODE.TooManyRequests, `too many ${what}: try again in ${seconds} s`, {
    "Retry-After": `${seconds}`,
  });
}

/** The response of a route when the hub has stopped. */
export function restarting(): Response {
  return problem(STATUS_CODE.ServiceUnavailable, "the server is restarting", {
    "Retry-After": "1",
  });
}

/** The response of a route when the broker does not answer. @param detail what was done before */
export function unavailable(detail = ""): Response {
  return problem(STATUS_CODE.ServiceUnavailable, `the hub cannot do that now: try again${detail}`, {
    "Retry-After": "1",
  });
}
