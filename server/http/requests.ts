/**
 * Validation of bodies and queries against a valibot schema. The same schema describes the request in
 * the OpenAPI document, so the two cannot disagree. All problems are reported at once.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Buffer, isUtf8 } from "node:buffer";
import type { Env, MiddlewareHandler } from "hono";
import { resolver, uniqueSymbol } from "hono-openapi";
import * as v from "valibot";
import { elementsOf, MemberScanner, withoutByteOrderMark } from "../base/json_scanner.ts";
import { type ErrorResponse, problem } from "../base/problem.ts";

/** How many problems are listed; the others are counted. */
const MAX_LISTED_ISSUES = 20;

/** Longer names and values are shortened in a problem. */
const MAX_QUOTED_LENGTH = 100;

const TEXT = new TextDecoder();

type Body = { readonly kind: "bytes"; readonly bytes: Uint8Array } | Refused;

/** What a body means. */
type ReadBody = { readonly kind: "value"; readonly value: object } | Refused;

interface Refused {
  readonly kind: "refused";
  readonly status: Parameters<ErrorResponse>[0];
  readonly detail: string;
}

export type Schema<Input = unknown, Output = Input> = v.GenericSchema<Input, Output>;

/** The schema of an object, with those of its members. */
export type ObjectSchema = Schema & { readonly entries: v.ObjectEntries };

/** The schema of an object or a list of objects. */
export type OrList<S extends Schema> = Schema<
  v.InferInput<S> | v.InferInput<S>[],
  v.InferOutput<S> | v.InferOutput<S>[]
>;

/** Passes the validated value to the handler, as `context.req.valid(target)`. */
export type Validating<Target extends "json" | "query", S extends Schema> = MiddlewareHandler<
  Env,
  string,
  {
    in: { [target in Target]: v.InferInput<S> };
    out: { [target in Target]: v.InferOutput<S> };
  }
>;

/** How a body is read. */
export interface BodyOptions {
  /** A longer body is rejected with 413, bytes. */
  readonly maxBytes: number;
  /** Members of which the handler gets the JSON text, as it was written. Default: none. */
  readonly verbatim?: readonly string[];
  /** The response to an invalid body. Default: problem details. */
  readonly errorResponse?: ErrorResponse;
}

/** Reads a JSON body, an object, whatever its Content-Type. */
export function jsonBody<S extends ObjectSchema>(
  schema: S,
  options: BodyOptions,
): Validating<"json", S> {
  const readObject = objectReader(schema, options);
  return body(schema, (bytes) => readObject(bytes), options);
}

/** The same for an object or a list of them, up to `most`. */
export function jsonBodyOrList<S extends ObjectSchema>(
  schema: S,
  { most, ...options }: BodyOptions & { readonly most: number },
): Validating<"json", OrList<S>> {
  const readObject = objectReader(schema, options);
  const read = (bytes: Uint8Array): ReadBody => {
    const elements = elementsOf(bytes);
    if (elements === undefined) return readObject(bytes);
    if (elements.length === 0 || elements.length > most) {
      const detail = `the list must have 1 to ${most} elements, got ${elements.length}`;
      return refused(STATUS_CODE.UnprocessableEntity, detail);
    }
    const value = [];
    for (const [i, element] of elements.entries()) {
      const each = readObject(element, `element ${i}: `);
      if (each.kind === "refused") return each;
      value.push(each.value);
    }
    return { kind: "value", value };
  };
  return body(v.union([schema, v.array(schema)]) as unknown as OrList<S>, read, options);
}

function body<S extends Schema>(
  schema: S,
  read: (bytes: Uint8Array) => ReadBody,
  { maxBytes, errorResponse = problem }: BodyOptions,
): Validating<"json", S> {
  const middleware: Validating<"json", S> = async ({ req }, next) => {
    const bytes = await readBytes(req.raw, maxBytes);
    const body = bytes.kind === "refused" ? bytes : read(withoutByteOrderMark(bytes.bytes));
    if (body.kind === "refused") return errorResponse(body.status, body.detail);
    req.addValidatedData("json", body.value);
    await next();
  };
  return withSchema(middleware, "json", schema);
}

/** Reads an object. The reader takes what problems begin with: where the object is. */
function objectReader<S extends ObjectSchema>(
  schema: S,
  { verbatim = [] }: BodyOptions,
): (bytes: Uint8Array, where?: string) => ReadBody {
  const names = Object.keys(schema.entries);
  const scanner = new MemberScanner(names);
  return (bytes, where = "") => {
    const scan = scanner.scan(bytes);
    if (scan === "invalid") return NO_JSON;
    if (scanner.ambiguous !== undefined) {
      const detail = `${scanner.ambiguous} is repeated, or written with an escape in its name`;
      return refused(STATUS_CODE.BadRequest, where + detail);
    }
    // A text with unknown members is parsed as a whole, since the problems name them.
    const isKnown = scan === "object" && scanner.others === 0;
    const parsed = isKnown ? {} : JSON.parse(TEXT.decode(bytes));
    const value = scan === "object"
      ? { ...parsed, ...membersOf(scanner, { names, verbatim }) }
      : parsed;
    const result = v.safeParse(schema, value);
    if (result.success) return { kind: "value", value: result.output as object };
    const whole = where === "" ? "the body" : "the value";
    return refused(
      STATUS_CODE.UnprocessableEntity,
      where + describeIssues(result.issues, whole),
    );
  };
}

function refused(status: Refused["status"], detail: string): Refused {
  return { kind: "refused", status, detail };
}

const NO_JSON = refused(
  STATUS_CODE.BadRequest,
  "the body is no JSON in UTF-8, or nested too deep",
);

/** The members that are there: the JSON text of the verbatim ones, the value of the others. */
function membersOf(
  scanner: MemberScanner<string>,
  { names, verbatim }: { names: readonly string[]; verbatim: readonly string[] },
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const name of names) {
    const isVerbatim = verbatim.includes(name);
    const text = isVerbatim ? scanner.keptTextOf(name) : scanner.textOf(name);
    if (text !== undefined) value[name] = isVerbatim ? text : JSON.parse(text);
  }
  return value;
}

/** Reads the query; a parameter without a value counts as absent. */
export function query<S extends Schema>(schema: S): Validating<"query", S> {
  const middleware: Validating<"query", S> = async ({ req }, next) => {
    const given = Object.entries(req.queries()).filter(([, [first]]) => first !== "");
    const value = Object.fromEntries(given.map(([name, values]) => [name, singleOrAll(values)]));
    const result = v.safeParse(schema, value);
    if (!result.success) {
      return problem(STATUS_CODE.BadRequest, describeIssues(result.issues, "the query"));
    }
    req.addValidatedData("query", result.output as object);
    await next();
  };
  return withSchema(middleware, "query", schema);
}

/** Entries of a list that a caller without a limit gets. */
export const DEFAULT_LIMIT = 100;

/** A `limit` parameter: how many entries of a list are wanted. */
export function limitUpTo(most: number): Schema<string | undefined, number | undefined> {
  return wholeNumber(1, most, `how many at most; ${DEFAULT_LIMIT} by default`);
}

/** A parameter that is a whole number. @param meaning its description in the OpenAPI document */
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

/** Marks a middleware with its schema, as hono-openapi expects for the document. */
function withSchema<Middleware extends object>(
  middleware: Middleware,
  target: "json" | "query",
  schema: Schema,
): Middleware {
  return Object.assign(middleware, { [uniqueSymbol]: { target, ...resolver(schema) } });
}

function singleOrAll(values: readonly string[]): string | readonly string[] {
  return values.length === 1 ? values[0] : values;
}

/** Reads at most `maxBytes`. */
async function readBytes(request: Request, maxBytes: number): Promise<Body> {
  const tooLarge = refused(
    STATUS_CODE.ContentTooLarge,
    `the body has more than ${maxBytes} bytes`,
  );
  if (Number(request.headers.get("Content-Length")) > maxBytes) return tooLarge;
  const reader = request.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { value } = await reader?.read() ?? {};
      if (value === undefined) break;
      length += value.length;
      // The stream is not cancelled: that would close TCP before the response is sent.
      if (length > maxBytes) return tooLarge;
      chunks.push(value);
    }
  } catch {
    return NO_JSON; // the request is aborted
  }
  const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length);
  return isUtf8(bytes) ? { kind: "bytes", bytes } : NO_JSON;
}

function describeIssues(issues: readonly v.BaseIssue<unknown>[], whole: string): string {
  const lines = issues.map((issue) => {
    const where = v.getDotPath(issue);
    return `${where === null ? whole : shorten(where)}: ${describeIssue(issue)}`;
  });
  const different = [...new Set(lines)]; // one value may break a rule in several ways
  const named = different.slice(0, MAX_LISTED_ISSUES);
  if (different.length > MAX_LISTED_ISSUES) {
    named.push(`and ${different.length - MAX_LISTED_ISSUES} more`);
  }
  return named.join("; ");
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === "never") return "unknown";
  if (issue.received === "undefined") return "missing";
  if (issue.expected === null || !issue.message.startsWith("Invalid ")) return issue.message;
  return `must be ${issue.expected}, got ${shorten(issue.received)}`;
}

function shorten(text: string): string {
  return text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH)}…` : text;
}
