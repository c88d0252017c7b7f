/**
 * The history of a channel: reads it, and removes it.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import * as v from "valibot";
import { problem, restarting } from "../base/problem.ts";
import type { Hub } from "../hub.ts";
import type { Logger } from "../logging/logging.ts";
import { MAX_CHANNEL_LENGTH } from "../message.ts";
import { pageMembers } from "../profiles/json/history.ts";
import { adminKey, anyKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import { channelReader, type ChannelReaderOptions, READER_ERRORS } from "./channel_reader.ts";
import {
  authErrors,
  BAD_QUERY,
  described,
  empty,
  json,
  problemResponses,
  RESTARTING,
} from "./description.ts";
import { query, wholeNumber } from "./requests.ts";

const PATH = "/api/v1/channels/:channel/history";

const ChannelHistory = v.pipe(
  v.object({
    channel: v.string(),
    epoch: v.pipe(v.string(), v.description("to which run of offsets the messages belong")),
    offset: v.pipe(v.number(), v.description("that of the newest message; 0 before the first")),
    messages: v.pipe(
      v.array(v.object({
        offset: v.number(),
        data: v.unknown(),
        timestamp: v.pipe(v.number(), v.description("wall-clock ms")),
      })),
      v.description("the oldest first, at most 256 KiB of data or one message"),
    ),
    recovered: v.optional(v.pipe(
      v.boolean(),
      v.description("where a position was given: whether all that followed it is kept"),
    )),
    more: v.pipe(v.boolean(), v.description("ask again from the last message's offset")),
  }),
  v.metadata({ ref: "ChannelHistory" }),
);

const HistoryQuery = v.pipe(
  v.objectWithRest({
    epoch: v.optional(v.pipe(v.string(), v.description("with `offset`: the messages after it"))),
    offset: wholeNumber(0, Number.MAX_SAFE_INTEGER, "with `epoch`: the messages after it"),
    last: wholeNumber(1, Number.MAX_SAFE_INTEGER, "the newest so many; all by default"),
  }, v.never()),
  v.check(
    ({ epoch, offset }) => (epoch === undefined) === (offset === undefined),
    "epoch and offset belong together",
  ),
);

export interface HistoryRoutesOptions extends ChannelReaderOptions {
  readonly authenticator: CredentialChecker;
  readonly hub: Hub;
  readonly log: Logger;
}

export function historyRoutes(options: HistoryRoutesOptions): App {
  const app = new Hono<ApiEnv>();
  addRead(app, options);
  addRemove(app, options);
  return app;
}

function addRead(app: App, options: HistoryRoutesOptions): void {
  const { authenticator, hub } = options;
  const description = described({
    summary: "What a channel has kept",
    tag: "hub",
    responses: {
      200: json("The messages that are asked for, and the channel's position", ChannelHistory),
      ...BAD_QUERY,
      ...problemResponses({ 404: "the channel keeps no history" }),
      ...READER_ERRORS,
      ...RESTARTING,
    },
  });
  app.get(
    PATH,
    description,
    anyKey(authenticator),
    query(HistoryQuery),
    channelReader(options),
    async (context) => {
      const channel = context.req.param("channel");
      if (channel.length > MAX_CHANNEL_LENGTH) return notKept(channel);
      const { epoch, offset, last } = context.req.valid("query");
      const since = epoch === undefined || offset === undefined ? undefined : { epoch, offset };
      const page = await hub.history(channel, { since, last });
      if (page === undefined) return restarting();
      if (page === "off") return notKept(channel);
      // Not by context.json(): the data is a JSON text already.
      return context.body(`{${pageMembers(channel, page)}}`, STATUS_CODE.OK, {
        "Content-Type": "application/json",
      });
    },
  );
}

function addRemove(app: App, { authenticator, hub, log }: HistoryRoutesOptions): void {
  const description = described({
    summary: "Remove the messages that a channel has kept",
    tag: "operation",
    responses: {
      204: empty("They are gone; the channel's offsets go on"),
      ...problemResponses({ 404: "the channel keeps no history, or was not used yet" }),
      ...authErrors("no admin, or a foreign Origin"),
      ...RESTARTING,
    },
  });
  app.delete(PATH, description, adminKey(authenticator), async (context) => {
    const channel = context.req.param("channel");
    const isCleared = await hub.clearHistory(channel);
    if (isCleared === undefined) return restarting();
    if (!isCleared) return notKept(channel);
    log.info("history removed by an operator", { channel, by: context.var.grant.keyId });
    return context.body(null, STATUS_CODE.NoContent);
  });
}

function notKept(channel: string): Response {
  const name = JSON.stringify(channel.slice(0, MAX_CHANNEL_LENGTH));
  return problem(STATUS_CODE.NotFound, `nothing is kept of the channel ${name}`);
}
