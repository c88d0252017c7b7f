/**
 * Talo's tickets: what its clients fetch with their key, to connect with instead of the key.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import * as v from "valibot";
import type { TrustedProxies } from "../guard/client_address.ts";
import type { Tickets } from "../guard/tickets.ts";
import { problem } from "../problem.ts";
import { anyKey, type ApiEnv, type App, BEARER_DOOR, type Checks } from "./caller.ts";
import { described, json, problemAnswers } from "./description.ts";

const Ticket = v.pipe(v.object({ ticket: v.string() }), v.metadata({ ref: "Ticket" }));

/** What the room works with. */
export interface TicketsRoutesOptions {
  /** Checks credentials. */
  readonly gate: Checks;
  /** Makes tickets. */
  readonly tickets: Pick<Tickets, "issue">;
  /** Knows whose address a request comes from. */
  readonly proxies: Pick<TrustedProxies, "clientAddress">;
}

/** Builds the route. */
export function ticketRoutes({ gate, tickets, proxies }: TicketsRoutesOptions): App {
  const description = described({
    summary: "A ticket to connect with, once",
    tag: "talo",
    answers: {
      200: json("For the URL: ?ticket=…", Ticket),
      ...problemAnswers({
        401: "no valid key as bearer, where keys are configured",
        403: "a foreign Origin",
        429: "too many tickets; Retry-After says when to come again",
      }),
    },
  });
  return new Hono<ApiEnv>().post(
    "/v1/socket-tickets",
    description,
    anyKey(gate, BEARER_DOOR),
    async (context) => {
      const peer = context.env?.incoming?.socket.remoteAddress ?? "";
      const address = proxies.clientAddress(peer, context.req.header("x-forwarded-for"));
      const answer = await tickets.issue(context.var.grant, address);
      if (answer.kind === "issued") {
        return context.json({ ticket: answer.ticket } satisfies v.InferOutput<typeof Ticket>);
      }
      const seconds = Math.ceil(answer.retryAfterMs / 1_000);
      const detail = `too many tickets: try again in ${seconds} s`;
      return problem(STATUS_CODE.TooManyRequests, detail, { "Retry-After": `${seconds}` });
    },
  );
}
