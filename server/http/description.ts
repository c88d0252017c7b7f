/**
 * The OpenAPI document: what every route says of itself, gathered by hono-openapi from the schemas
 * that check the requests and describe the answers.
 *
 * @module
 */

import { toJsonSchema } from "@valibot/to-json-schema";
import {
  describeRoute,
  type GenerateSpecOptions,
  loadVendor,
  openAPIRouteHandler,
  resolver,
  type ResponsesWithResolver,
} from "hono-openapi";
import * as v from "valibot";
import { PROBLEM_TYPE } from "../base/problem.ts";
import { adminKey, type App, type Checks, type Middleware } from "./caller.ts";
import type { Schema } from "./requests.ts";

// It would import the package by a name that Deno's global cache does not resolve.
loadVendor("valibot", {
  toJSONSchema: (schema, options) => toJsonSchema(schema as v.GenericSchema, options),
});

const Problem = v.pipe(
  v.object({ title: v.string(), status: v.number(), detail: v.string() }),
  v.metadata({ ref: "Problem" }),
);

const DOCUMENT: Partial<GenerateSpecOptions> = {
  documentation: {
    info: {
      title: "Systole",
      version: "1",
      description:
        "Where no keys are configured every caller has all rights and needs no credential.",
    },
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "<id>.<secret> or a JWT" },
        apiKey: {
          type: "apiKey",
          in: "header",
          name: "X-Api-Key",
          description: "<id>.<secret>; on /api/v1/ws/ base64(<id>:<secret>)",
        },
      },
    },
    security: [{ bearer: [] }, { apiKey: [] }],
  },
  excludeStaticFile: false, // openapi.json is no file
  defaultValidationErrorResponse: false,
};

/**
 * What routes answer, by status.
 *
 * @internal
 */
export type Answers = ResponsesWithResolver;

/** What it says of one route. */
export interface Description {
  /** What the route is for, in one line. */
  readonly summary: string;
  /** The section of the document that it stands in. */
  readonly tag: "hub" | "operation" | "events-hub" | "talo" | "page" | "process";
  /** Which callers are allowed: admins by default. */
  readonly access?: "open";
  /** What it answers, by status. */
  readonly answers: Answers;
}

/** Describes a route; the first of its middleware. */
export function described({ summary, tag, access, answers }: Description): Middleware {
  return describeRoute({
    summary,
    tags: [tag],
    responses: answers,
    ...(access === "open" ? { security: [] } : {}),
  });
}

/** An answer in JSON. */
export function json(description: string, schema: Schema): Answers[string] {
  return { description, content: { "application/json": { schema: resolver(schema) } } };
}

/** An answer in plain text. */
export function text(description: string): Answers[string] {
  return file(description, "text/plain");
}

/** An answer that is a file. @param type its media type */
export function file(description: string, type: string): Answers[string] {
  return { description, content: { [type]: { schema: { type: "string" } } } };
}

/** An answer without a body. */
export function empty(description: string): Answers[string] {
  return { description };
}

/** Answers that are problem details, by status. */
export function problemAnswers(descriptions: Readonly<Record<number, string>>): Answers {
  const content = { [PROBLEM_TYPE]: { schema: resolver(Problem) } };
  return Object.fromEntries(
    Object.entries(descriptions).map(([status, description]) => [status, { description, content }]),
  );
}

/** The refusal that every route with a query shares. */
export const BAD_QUERY: Answers = problemAnswers({
  400: "a parameter is not as it must be",
});

/** Serves the document of all routes that the app has, on one of its own. Called last. */
export function addDocument(app: App, authenticator: Checks): void {
  const description = described({
    summary: "This document",
    tag: "operation",
    answers: { 200: { description: "OpenAPI 3.1" }, ...refusals("no admin") },
  });
  app.get(
    "/api/v1/openapi.json",
    description,
    adminKey(authenticator),
    openAPIRouteHandler(app, DOCUMENT),
  );
}

/** The refusals that every route with authentication shares. @param right what a key may lack */
export function refusals(right: string): Answers {
  return problemAnswers({
    401: "no valid credential, where keys are configured",
    403: right,
    503: "the server is restarting",
  });
}
