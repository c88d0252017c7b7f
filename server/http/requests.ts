/**
 * What a request says, checked against a valibot schema, which also describes it in the OpenAPI
 * document: the two cannot disagree. Every problem is named at once.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Env, MiddlewareHandler } from "hono";
import { resolver, uniqueSymbol } from "hono-openapi";
import * as v from "valibot";
import { parseJson } from "../base/json.ts";
import { problem, type Refuse } from "../base/problem.ts";

const CONTENT_TOO_LARGE = 413;
const UNPROCESSABLE = 422;

/** So many problems are named, the rest counted. */
const MAX_NAMED = 20;

/** Longer names and texts are cut where a problem repeats them. */
const MAX_SHOWN = 100;

type Body = { readonly kind: "text"; readonly text: string } | { readonly kind: "too large" };

/**
 * What a value must be like.
 *
 * @internal
 */
export type Schema<Input = unknown, Output = Input> = v.GenericSchema<Input, Output>;

/**
 * Hands what it has read on to the handler, as `context.req.valid(target)`.
 *
 * @internal
 */
export type Reads<Target extends "json" | "query", Of extends Schema> = MiddlewareHandler<
  Env,
  string,
  {
    in: { [target in Target]: v.InferInput<Of> };
    out: { [target in Target]: v.InferOutput<Of> };
  }
>;

/** How a body is read. */
export interface BodyOptions {
  /** A longer body is refused with 413, bytes. */
  readonly maxBytes: number;
  /** How a bad body is refused; in problem details by default. */
  readonly refuse?: Refuse;
}

/** Reads a JSON body, whatever its Content-Type says. */
export function jsonBody<Of extends Schema>(
  schema: Of,
  { maxBytes, refuse = problem }: BodyOptions,
): Reads<"json", Of> {
  const reads: Reads<"json", Of> = async ({ req }, next) => {
    const body = await readText(req.raw, maxBytes);
    if (body?.kind === "too large") {
      return refuse(CONTENT_TOO_LARGE, `the body has more than ${maxBytes} bytes`);
    }
    const value = body && parseJson(body.text);
    if (value === undefined) {
      return refuse(STATUS_CODE.BadRequest, "the body is no JSON in UTF-8, or nested too deep");
    }
    const result = v.safeParse(schema, value);
    if (!result.success) return refuse(UNPROCESSABLE, problemsIn(result.issues, "the body"));
    req.addValidatedData("json", result.output as object);
    await next();
  };
  return describing(reads, "json", schema);
}

/** Reads the query; a parameter without a value counts as absent. */
export function query<Of extends Schema>(schema: Of): Reads<"query", Of> {
  const reads: Reads<"query", Of> = async ({ req }, next) => {
    const given = Object.entries(req.queries()).filter(([, [first]]) => first !== "");
    const value = Object.fromEntries(given.map(([name, values]) => [name, only(values)]));
    const result = v.safeParse(schema, value);
    if (!result.success) {
      return problem(STATUS_CODE.BadRequest, problemsIn(result.issues, "the query"));
    }
    req.addValidatedData("query", result.output as object);
    await next();
  };
  return describing(reads, "query", schema);
}

/** Entries of a list that a caller without a limit gets. */
export const DEFAULT_LIMIT = 100;

/** A `limit` parameter: how many entries of a list are wanted. */
export function limitUpTo(most: number): Schema<string | undefined, number | undefined> {
  return wholeNumber(1, most, `how many at most; ${DEFAULT_LIMIT} by default`);
}

/** A parameter that is a whole number. @param meaning what the document says of it */
export function wholeNumber(
  least: number,
  most: number,
  meaning: string,
): Schema<string | undefined, number | undefined> {
  const must = `must be a whole number from ${least} to ${most}`;
  return v.optional(v.pipe(
    v.string(),
    v.transform((text) => /^\d+$/.test(text) ? Number(text) : NaN),
    v.integer(must),
    v.minValue(least, must),
    v.maxValue(most, must),
    v.description(meaning),
  ));
}

/** What hono-openapi looks for when it writes the document. */
function describing<Middleware extends object>(
  middleware: Middleware,
  target: "json" | "query",
  schema: Schema,
): Middleware {
  return Object.assign(middleware, { [uniqueSymbol]: { target, ...resolver(schema) } });
}

function only(values: readonly string[]): string | readonly string[] {
  return values.length === 1 ? values[0] : values;
}

/** Reads no further than allowed; undefined when the peer goes away or says no UTF-8. */
async function readText(request: Request, maxBytes: number): Promise<Body | undefined> {
  if (Number(request.headers.get("Content-Length")) > maxBytes) return { kind: "too large" };
  const reader = request.body?.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { value } = await reader?.read() ?? {};
      if (value === undefined) return { kind: "text", text: text + decoder.decode() };
      bytes += value.length;
      // The stream is not cancelled: that would end TCP before the answer has left.
      if (bytes > maxBytes) return { kind: "too large" };
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return undefined;
  }
}

function problemsIn(issues: readonly v.BaseIssue<unknown>[], whole: string): string {
  const lines = issues.map((issue) => {
    const where = v.getDotPath(issue);
    return `${where === null ? whole : cut(where)}: ${wrongWith(issue)}`;
  });
  const different = [...new Set(lines)]; // one value may break a rule in several ways
  const named = different.slice(0, MAX_NAMED);
  if (different.length > MAX_NAMED) named.push(`and ${different.length - MAX_NAMED} more`);
  return named.join("; ");
}

function wrongWith(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === "never") return "unknown";
  if (issue.received === "undefined") return "missing";
  if (issue.expected === null || !issue.message.startsWith("Invalid ")) return issue.message;
  return `must be ${issue.expected}, got ${cut(issue.received)}`;
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
