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
import { httpPublicationKey } from "../hub/publication_key.ts";
import { BUSY_AFTER_MS, MAX_CHANNEL_LENGTH, MAX_PUBLICATION_ID_LENGTH } from "../message.ts";
import { problem, restarting, tooMany, unavailable } from "../base/problem.ts";
import { anyKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import { authErrors, described, json, problemResponses, RESTARTING } from "./description.ts";
import { jsonBodyOrList } from "./requests.ts";

/** Publications of one request. */
const MAX_LIST = 1_000;

const CHANNEL_RULE = `must have 1 to ${MAX_CHANNEL_LENGTH} characters`;

const Channel = v.pipe(
  v.string(),
  v.minLength(1, CHANNEL_RULE),
  v.maxLength(MAX_CHANNEL_LENGTH, CHANNEL_RULE),
  v.check((channel) => channel.isWellFormed(), "must be well-formed Unicode"),
);

/** The body is read so that its handler gets the JSON text. */
const Data = v.pipe(v.unknown(), v.description("any JSON value")) as v.GenericSchema<
  unknown,
  string
>;

const Id = v.pipe(
  v.string(),
  v.maxLength(MAX_PUBLICATION_ID_LENGTH, `must have up to ${MAX_PUBLICATION_ID_LENGTH} characters`),
  v.description(
    "makes a repeat safe: the same id of the same key on the same channel is delivered once within " +
      "DEDUPE_MS",
  ),
);

const PublishBody = v.pipe(
  v.objectWithRest({ channel: Channel, data: Data, id: v.optional(Id) }, v.never()),
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
    duplicate: v.optional(v.pipe(
      v.boolean(),
      v.description("true: a repeat, which was not delivered; the place is that of the first"),
    )),
    degraded: v.optional(v.pipe(
      v.boolean(),
      v.description("true: the engine is away, and only subscribers of this node got it"),
    )),
  }),
  v.metadata({ ref: "Published" }),
);

type Published = v.InferOutput<typeof Published>;

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
        200: json(
          "Accepted for delivery to all subscribers of the channel; to a list, a list",
          v.union([Published, v.array(Published)]),
        ),
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
    jsonBodyOrList(PublishBody, {
      maxBytes: maxMessageBytes,
      verbatim: ["data"],
      most: MAX_LIST,
    }),
    async (context) => {
      const { grant } = context.var;
      const body = context.req.valid("json");
      const all = Array.isArray(body) ? body : [body];
      const forbidden = all.find(({ channel }) => !grant.rights.mayPublish(channel));
      if (forbidden !== undefined) {
        const detail = `this key has no right to publish on ${JSON.stringify(forbidden.channel)}`;
        return problem(STATUS_CODE.Forbidden, detail);
      }
      const published: Published[] = [];
      for (const { channel, data, id } of all) {
        const before = published.length > 0 ? `, after ${published.length} were published` : "";
        const waitMs = await quotas.take(grant, clock.now());
        if (waitMs > 0) return tooMany(`messages of this key${before}`, waitMs);
        const accepted = await hub.publish(channel, data, httpPublicationKey(id, grant.keyId));
        if (accepted === undefined) return restarting();
        if (accepted === "unavailable") return unavailable(before);
        if (accepted === "busy") {
          const what = `publications for the subscribers of ${JSON.stringify(channel)}${before}`;
          return tooMany(what, BUSY_AFTER_MS);
        }
        const { subscribers, position, ...others } = accepted;
        published.push({ channel, subscribers, ...position, ...others });
      }
      return context.json(Array.isArray(body) ? published : published[0]);
    },
  );
}
