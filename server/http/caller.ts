/**
 * Access to the HTTP API: authentication, the right `admin`, and the check of the Origin header, which
 * prevents pages of foreign origins from changing anything. Must not know the routes.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Context, Hono, MiddlewareHandler } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Grant } from "../auth/grant.ts";
import { originAllowed } from "../auth/origin.ts";
import { type ErrorResponse, problem, problemRejection } from "../base/problem.ts";
import type { Profile } from "../profiles/profile.ts";
import { bearerOf, tokenOf } from "../auth/credential.ts";

/** The environment of Hono's context. */
export interface ApiEnv {
  /** Set by `@hono/node-server`. */
  Bindings: Bindings;
  Variables: Variables;
}

export interface Bindings {
  /** The request of node:http; absent where there is no socket. */
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string } };
}

export interface Variables {
  /** The rights of the caller; set by `anyKey()` and `adminKey()`. */
  grant: Grant;
}

export type App = Hono<ApiEnv>;

export type Middleware = MiddlewareHandler<ApiEnv>;

export type CredentialChecker = Pick<Authenticator, "check">;

/** Where a request has its credential, and the response to an invalid one. */
export type CredentialScheme = Pick<Profile, "credential" | "rejectionOf">;

/** Of the API: `Authorization: Bearer` or `X-Api-Key` with `<id>.<secret>`, or a JWT as bearer. */
const API_SCHEME: CredentialScheme = {
  credential: (source) => tokenOf(bearerOf(source) ?? source.header("x-api-key")),
  rejectionOf: ({ detail }) =>
    problemRejection(STATUS_CODE.Unauthorized, detail, { "WWW-Authenticate": "Bearer" }),
};

/** Requires a valid credential; on an open hub every request passes. */
export function anyKey(
  authenticator: CredentialChecker,
  scheme: CredentialScheme = API_SCHEME,
): Middleware {
  return async (context, next) =>
    await authenticate(context, { authenticator, scheme }) ?? await next();
}

/** Requires a credential with the right `admin`. */
export function adminKey(authenticator: CredentialChecker): Middleware {
  return async (context, next) => {
    const rejection = await authenticate(context, { authenticator, scheme: API_SCHEME });
    if (rejection !== undefined) return rejection;
    if (context.var.grant.admin) return await next();
    return problem(STATUS_CODE.Forbidden, "this needs a key with the right admin");
  };
}

/**
 * Rejects requests other than GET and HEAD from pages of foreign origins: on an open hub a page needs
 * no credential to do harm. Reading is prevented by the browser: no response has CORS headers except
 * a ticket's, and that only for allowed origins.
 *
 * @param errorResponse the system's own form of an error
 */
export function checkOrigin(
  allowedOrigins: readonly string[],
  errorResponse: ErrorResponse = problem,
): Middleware {
  return async ({ req }, next) => {
    const isReadOnly = req.method === "GET" || req.method === "HEAD";
    if (isReadOnly || originAllowed(req.header("origin"), req.header("host"), allowedOrigins)) {
      return await next();
    }
    return errorResponse(STATUS_CODE.Forbidden, "this Origin is not in ALLOWED_ORIGINS");
  };
}

/** Sets the caller's grant. @returns the error response, if the credential is not valid */
async function authenticate(
  context: Context<ApiEnv>,
  { authenticator, scheme }: { authenticator: CredentialChecker; scheme: CredentialScheme },
): Promise<Response | undefined> {
  const { pathname: path, searchParams: query } = new URL(context.req.url);
  const header = (name: string) => context.req.header(name);
  const presented = scheme.credential({ path, query, header, subprotocols: [] });
  const result = await authenticator.check(presented);
  if (result.kind === "granted") {
    context.set("grant", result.grant);
    return undefined;
  }
  const { detail, fault } = result;
  const rejection = scheme.rejectionOf({ kind: "unauthorized", presented, detail, fault });
  if (rejection.kind === "http") return new Response(rejection.body, rejection);
  return problem(STATUS_CODE.Unauthorized, result.detail);
}
