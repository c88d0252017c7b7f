/**
 * Publishing from a backend.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import * as v from "valibot";
import type { Quotas } from "../auth/quotas.ts";
import type { Clock } from "../base/clock.ts";
import type { Hub } from "../hub.ts";
import { BUSY_AFTER_MS, MAX_CHANNEL_LENGTH } from "../message.ts";
import { problem, restarting, tooMany } from "../base/problem.ts";
import { anyKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import { authErrors, described, json, problemResponses, RESTARTING } from "./description.ts";
import { jsonBody } from "./requests.ts";

const CHANNEL_RULE = `must have 1 to ${MAX_CHANNEL_LENGTH} characters`;

const Channel = v.pipe(
  v.string(),
  v.minLength(1, CHANNEL_RULE),
  v.maxLength(MAX_CHANNEL_LENGTH, CHANNEL_RULE),
);

/** The body is read so that its handler gets the JSON text. */
const Data = v.pipe(v.unknown(), v.description("any JSON value")) as v.GenericSchema<
  unknown,
  string
>;

const PublishBody = v.pipe(
  v.objectWithRest({ channel: Channel, data: Data }, v.never()),
  v.metadata({ ref: "Publish" }),
);

const Published = v.pipe(
  v.object({
    channel: v.string(),
    subscribers: v.pipe(
      v.number(),
      v.description("connections of this node that were subscribed to the channel at that moment"),
    ),
    epoch: v.optional(v.pipe(
      v.string(),
      v.description("to which run of offsets the message belongs, where a history is kept"),
    )),
    offset: v.optional(v.pipe(v.number(), v.description("the message's place in it, from 1"))),
  }),
  v.metadata({ ref: "Published" }),
);

export interface PublishOptions {
  readonly authenticator: CredentialChecker;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly quotas: Pick<Quotas, "take">;
  /** Longest body: that of a message. */
  readonly maxMessageBytes: number;
}

export function publishRoutes(options: PublishOptions): App {
  const { authenticator, hub, clock, quotas, maxMessageBytes } = options;
  return new Hono<ApiEnv>().post(
    "/api/v1/publish",
    described({
      summary: "Publish on a channel",
      tag: "hub",
      responses: {
        200: json("Accepted for delivery to all subscribers of the channel", Published),
        ...problemResponses({
          400: "no JSON, or a member is repeated",
          413: "larger than MAX_MESSAGE_BYTES",
          422: "not as it must be",
          429:
            "more than the key's maxMessagesPerMinute, or than the channel's subscribers take; " +
            "Retry-After says when to retry",
        }),
        ...authErrors("the key lacks the right to publish on this channel, or a foreign Origin"),
        ...RESTARTING,
      },
    }),
    anyKey(authenticator),
    jsonBody(PublishBody, { maxBytes: maxMessageBytes, verbatim: ["data"] }),
    async (context) => {
      const { channel, data } = context.req.valid("json");
      if (!context.var.grant.rights.mayPublish(channel)) {
        const detail = `this key has no right to publish on ${JSON.stringify(channel)}`;
        return problem(STATUS_CODE.Forbidden, detail);
      }
      const waitMs = quotas.take(context.var.grant, clock.now());
      if (waitMs > 0) return tooMany("messages of this key", waitMs);
      const accepted = await hub.publish(channel, data);
      if (accepted === "busy") {
        return tooMany("publications for the subscribers of this channel", BUSY_AFTER_MS);
      }
      if (accepted === undefined) return restarting();
      const { subscribers, position } = accepted;
      return context.json(
        { channel, subscribers, ...position } satisfies v.InferOutput<typeof Published>,
      );
    },
  );
}
