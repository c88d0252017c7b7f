/**
 * Who calls the HTTP API and whether it may: authentication by the authenticator, the right `admin`, and
 * pages of foreign origins kept from changing anything. Types that are marked internal are Hono's,
 * and documented there.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Context, Hono, MiddlewareHandler } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Grant } from "../auth/grant.ts";
import { originAllowed } from "../auth/origin.ts";
import { problem, problemForm, type Refuse } from "../base/problem.ts";
import type { Profile } from "../profiles/profile.ts";
import { bearerOf, tokenOf } from "../auth/credential.ts";

/** What middleware and handlers find in their context. */
export interface ApiEnv {
  /** What `@hono/node-server` hands over. */
  Bindings: Bindings;
  /** What earlier middleware has found out. */
  Variables: Variables;
}

export interface Bindings {
  /** The request of node:http; absent where there is no socket. */
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string } };
}

export interface Variables {
  /** What the caller may do: set by `anyKey()` and `adminKey()`. */
  grant: Grant;
}

/**
 * Routes.
 *
 * @internal
 */
export type App = Hono<ApiEnv>;

/**
 * What stands before a handler.
 *
 * @internal
 */
export type Middleware = MiddlewareHandler<ApiEnv>;

/** Checks credentials. */
export type Checks = Pick<Authenticator, "check">;

/** Where clients put their credential, and how an invalid one is rejected. */
export type CredentialScheme = Pick<Profile, "credential" | "rejectionOf">;

/** The API's own: `Authorization: Bearer` or `X-Api-Key`, both `<id>.<secret>`; a JWT goes, too. */
const API_SCHEME: CredentialScheme = {
  credential: (source) => tokenOf(bearerOf(source) ?? source.header("x-api-key")),
  rejectionOf: ({ detail }) =>
    problemForm(STATUS_CODE.Unauthorized, detail, { "WWW-Authenticate": "Bearer" }),
};

/** Requires a valid credential; on an open hub every request passes. */
export function anyKey(authenticator: Checks, scheme: CredentialScheme = API_SCHEME): Middleware {
  return async (context, next) =>
    await identify(context, { authenticator, scheme }) ?? await next();
}

/** Lets whoever has the right `admin` pass. */
export function adminKey(authenticator: Checks): Middleware {
  return async (context, next) => {
    const rejection = await identify(context, { authenticator, scheme: API_SCHEME });
    if (rejection !== undefined) return rejection;
    if (context.var.grant.admin) return await next();
    return problem(STATUS_CODE.Forbidden, "this needs a key with the right admin");
  };
}

/**
 * Keeps pages of foreign origins from changing anything: on an open hub a page needs no credential
 * to do harm. Reading is kept from them by their browser: no answer has CORS headers but a ticket's,
 * and that for allowed origins only.
 *
 * @param refuse says so, where a system has a form of its own
 */
export function sameSite(allowedOrigins: readonly string[], refuse: Refuse = problem): Middleware {
  return async ({ req }, next) => {
    const harmless = req.method === "GET" || req.method === "HEAD";
    if (harmless || originAllowed(req.header("origin"), req.header("host"), allowedOrigins)) {
      return await next();
    }
    return refuse(STATUS_CODE.Forbidden, "this Origin is not in ALLOWED_ORIGINS");
  };
}

/** Finds out what the caller may do. @returns the refusal, if its credential is none */
async function identify(
  context: Context<ApiEnv>,
  { authenticator, scheme }: { authenticator: Checks; scheme: CredentialScheme },
): Promise<Response | undefined> {
  const { pathname: path, searchParams: query } = new URL(context.req.url);
  const header = (name: string) => context.req.header(name);
  const presented = scheme.credential({ path, query, header, subprotocols: [] });
  const result = await authenticator.check(presented);
  if (result.kind === "granted") {
    context.set("grant", result.grant);
    return undefined;
  }
  const form = scheme.rejectionOf({ kind: "unauthorized", presented, detail: result.detail });
  if (form.kind === "http") return new Response(form.body, form);
  return problem(STATUS_CODE.Unauthorized, result.detail);
}
