/**
 * Tickets of the talo profile: a client requests one with its key and connects with it instead of the key.
 *
 * @module
 */

import { Hono } from "hono";
import { cors } from "hono/cors";
import * as v from "valibot";
import type { TrustedProxies } from "../auth/client_address.ts";
import { originAllowed } from "../auth/origin.ts";
import type { Tickets } from "../auth/tickets.ts";
import { tooMany } from "../base/problem.ts";
import {
  anyKey,
  type ApiEnv,
  type App,
  type CredentialChecker,
  type Middleware,
} from "./caller.ts";
import { described, json, problemResponses } from "./description.ts";

const Ticket = v.pipe(v.object({ ticket: v.string() }), v.metadata({ ref: "Ticket" }));

export interface TicketsRoutesOptions {
  readonly authenticator: CredentialChecker;
  readonly tickets: Pick<Tickets, "issue">;
  readonly proxies: Pick<TrustedProxies, "clientAddress">;
  readonly allowedOrigins: readonly string[];
}

const PATH = "/v1/socket-tickets";

export function ticketRoutes(options: TicketsRoutesOptions): App {
  const { authenticator, tickets, proxies, allowedOrigins } = options;
  const description = described({
    summary: "A ticket to connect with, once",
    tag: "talo",
    responses: {
      200: json("For the URL: ?ticket=…", Ticket),
      ...problemResponses({
        401: "no valid key, where keys are configured",
        403: "a foreign Origin",
        429: "too many tickets; Retry-After says when to retry",
      }),
    },
  });
  return new Hono<ApiEnv>().use(PATH, ticketCors(allowedOrigins)).post(
    PATH,
    description,
    anyKey(authenticator),
    async (context) => {
      const peer = context.env?.incoming?.socket.remoteAddress ?? "";
      const address = proxies.clientAddress(peer, context.req.header("x-forwarded-for"));
      const answer = await tickets.issue(context.var.grant, address);
      if (answer.kind === "issued") {
        return context.json({ ticket: answer.ticket } satisfies v.InferOutput<typeof Ticket>);
      }
      return tooMany("tickets", answer.retryAfterMs);
    },
  );
}

/**
 * CORS for tickets, for pages that may open a WebSocket here: what Fetch requires before it sends a
 * credential (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */
function ticketCors(allowedOrigins: readonly string[]): Middleware {
  const share = cors({
    origin: (origin, { req }) =>
      originAllowed(origin, req.header("host"), allowedOrigins) ? origin : undefined,
    allowMethods: ["POST"],
    allowHeaders: ["Authorization", "X-Api-Key"],
    exposeHeaders: ["Retry-After"],
  });
  return (context, next) => context.req.header("origin") ? share(context, next) : next();
}
