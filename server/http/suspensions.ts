/**
 * Suspended keys: lists them and lifts a suspension early.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import * as v from "valibot";
import type { Suspensions } from "../auth/suspensions.ts";
import type { Logger } from "../logging/logging.ts";
import { problem } from "../base/problem.ts";
import { adminKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import { authErrors, described, empty, json, problemResponses } from "./description.ts";

const PATH = "/api/v1/suspensions";

const SuspensionList = v.pipe(
  v.object({
    suspensions: v.array(v.object({
      key: v.pipe(v.string(), v.description("the key's id")),
      untilMs: v.pipe(v.number(), v.description("when it expires, wall-clock ms")),
    })),
  }),
  v.metadata({ ref: "Suspensions" }),
);

export interface SuspensionsRoutesOptions {
  readonly authenticator: CredentialChecker;
  readonly suspensions: Pick<Suspensions, "list" | "lift">;
  readonly log: Logger;
}

export function suspensionRoutes(options: SuspensionsRoutesOptions): App {
  const { authenticator, suspensions, log } = options;
  const list = described({
    summary: "The suspended keys",
    tag: "operation",
    responses: { 200: json("On all nodes", SuspensionList), ...authErrors("no admin") },
  });
  const lift = described({
    summary: "Lift a suspension",
    tag: "operation",
    responses: {
      204: empty("The key may connect again"),
      ...problemResponses({ 404: "not suspended" }),
      ...authErrors("no admin, or a foreign Origin"),
    },
  });
  return new Hono<ApiEnv>()
    .get(PATH, list, adminKey(authenticator), async (context) => {
      const all = await suspensions.list();
      const answer = all.map(({ keyId, untilMs }) => ({ key: keyId, untilMs }));
      return context.json({ suspensions: answer } satisfies v.InferOutput<typeof SuspensionList>);
    })
    .delete(`${PATH}/:key`, lift, adminKey(authenticator), async (context) => {
      const key = context.req.param("key");
      if (!await suspensions.lift(key)) {
        return problem(STATUS_CODE.NotFound, `the key ${JSON.stringify(key)} is not suspended`);
      }
      log.info("suspension lifted by an operator", { key, by: context.var.grant.keyId });
      return context.body(null, STATUS_CODE.NoContent);
    });
}
