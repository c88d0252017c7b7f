/**
 * The OpenAPI document. hono-openapi generates it from the descriptions of the routes and from the
 * schemas that validate the requests.
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
import { adminKey, type App, type CredentialChecker, type Middleware } from "./caller.ts";
import type { Schema } from "./requests.ts";

// hono-openapi would import the package by a name that Deno's global cache does not resolve.
loadVendor("valibot", {
  toJSONSchema: (schema, options) => toJsonSchema(schema as v.GenericSchema, options),
});

const Problem = v.pipe(
  v.object({ title: v.string(), status: v.number(), detail: v.string() }),
  v.metadata({ ref: "Problem" }),
);

const PROBLEM_CONTENT = { [PROBLEM_TYPE]: { schema: resolver(Problem) } };

const DOCUMENT: Partial<GenerateSpecOptions> = {
  documentation: {
    info: {
      title: "Systole",
      version: "1",
      description:
        "Where no keys are configured every caller has all rights and needs no credential.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "the server that this document is from" }],
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

const FOREIGN_HOST = "a foreign Host, on an open server that only this machine reaches";

/** The responses of a route, by status. */
export type Responses = Record<string, Exclude<ResponsesWithResolver[string], { $ref: string }>>;

/** The description of one route. */
export interface Description {
  readonly summary: string;
  /** The section of the document. */
  readonly tag: "hub" | "operation" | "events-hub" | "talo" | "page" | "process";
  /** Whether no credential is needed. Default: one is. */
  readonly access?: "open";
  readonly responses: Responses;
}

/** Describes a route. MUST be the first of its middleware. */
export function described({ summary, tag, access, responses }: Description): Middleware {
  return describeRoute({
    summary,
    tags: [tag],
    responses: withForeignHost(responses),
    ...(access === "open" ? { security: [] } : {}),
  });
}

/** Adds the rejection of a foreign Host, which comes before every route and is problem details. */
function withForeignHost(responses: Responses): Responses {
  const own = responses[403];
  const description = own ? `${own.description}; or ${FOREIGN_HOST}` : FOREIGN_HOST;
  return { ...responses, 403: { description, content: { ...own?.content, ...PROBLEM_CONTENT } } };
}

/** A JSON response. */
export function json(description: string, schema: Schema): Responses[string] {
  return { description, content: { "application/json": { schema: resolver(schema) } } };
}

/** A plain-text response. */
export function text(description: string): Responses[string] {
  return file(description, "text/plain");
}

/** A file. @param type its media type */
export function file(description: string, type: string): Responses[string] {
  return { description, content: { [type]: { schema: { type: "string" } } } };
}

/** A response without a body. */
export function empty(description: string): Responses[string] {
  return { description };
}

/** Problem details, by status. */
export function problemResponses(descriptions: Readonly<Record<number, string>>): Responses {
  return Object.fromEntries(
    Object.entries(descriptions).map(([status, description]) => [
      status,
      { description, content: PROBLEM_CONTENT },
    ]),
  );
}

/** The error response of every route that cannot do its work once the hub has stopped. */
export const RESTARTING: Responses = problemResponses({
  503: "the server is restarting",
});

/** The error response of every route with a query. */
export const BAD_QUERY: Responses = problemResponses({
  400: "a parameter is not valid",
});

/** Serves the document of all routes of the app. Called after all other routes are added. */
export function addDocument(app: App, authenticator: CredentialChecker): void {
  const description = described({
    summary: "This document",
    tag: "operation",
    responses: { 200: { description: "OpenAPI 3.1" }, ...authErrors("no admin") },
  });
  app.get(
    "/api/v1/openapi.json",
    description,
    adminKey(authenticator),
    openAPIRouteHandler(app, DOCUMENT),
  );
}

/** The error responses of every route with authentication. @param right the text for 403 */
export function authErrors(right: string): Responses {
  return problemResponses({
    401: "no valid credential, where keys are configured",
    403: right,
  });
}
