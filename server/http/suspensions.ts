/**
 * Suspended keys: which, until when, and letting one go before its time.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import * as v from "valibot";
import type { Suspensions } from "../auth/suspensions.ts";
import type { Logger } from "../logging/logging.ts";
import { problem } from "../base/problem.ts";
import { adminKey, type ApiEnv, type App, type Checks } from "./caller.ts";
import { described, empty, json, problemAnswers, refusals } from "./description.ts";

const PATH = "/api/v1/suspensions";

const Listed = v.pipe(
  v.object({
    suspensions: v.array(v.object({
      key: v.pipe(v.string(), v.description("the key's id")),
      untilMs: v.pipe(v.number(), v.description("when it ends by itself, wall-clock ms")),
    })),
  }),
  v.metadata({ ref: "Suspensions" }),
);

export interface SuspensionsRoutesOptions {
  /** Checks credentials. */
  readonly authenticator: Checks;
  readonly suspensions: Pick<Suspensions, "list" | "lift">;
  readonly log: Logger;
}

/** Builds the routes. */
export function suspensionRoutes(options: SuspensionsRoutesOptions): App {
  const { authenticator, suspensions, log } = options;
  const list = described({
    summary: "The suspended keys",
    tag: "operation",
    answers: { 200: json("On all nodes", Listed), ...refusals("no admin") },
  });
  const lift = described({
    summary: "End a suspension before its time",
    tag: "operation",
    answers: {
      204: empty("The key may connect again"),
      ...problemAnswers({ 404: "not suspended" }),
      ...refusals("no admin, or a foreign Origin"),
    },
  });
  return new Hono<ApiEnv>()
    .get(PATH, list, adminKey(authenticator), async (context) => {
      const all = await suspensions.list();
      const answer = all.map(({ keyId, untilMs }) => ({ key: keyId, untilMs }));
      return context.json({ suspensions: answer } satisfies v.InferOutput<typeof Listed>);
    })
    .delete(`${PATH}/:key`, lift, adminKey(authenticator), async (context) => {
      const key = context.req.param("key");
      if (!await suspensions.lift(key)) {
        return problem(STATUS_CODE.NotFound, `the key ${JSON.stringify(key)} is not suspended`);
      }
      log.info("suspension lifted by an operator", { key, by: context.var.grant.keyId });
      return context.body(null, 204);
    });
}
