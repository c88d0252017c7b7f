/**
 * The members of a channel.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import * as v from "valibot";
import { restarting } from "../base/problem.ts";
import type { Hub } from "../hub.ts";
import { listFields } from "../profiles/json/presence.ts";
import { anyKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import { channelReader, type ChannelReaderOptions, READER_ERRORS } from "./channel_reader.ts";
import { described, json, RESTARTING } from "./description.ts";

const ChannelPresence = v.pipe(
  v.object({
    channel: v.string(),
    count: v.pipe(v.number(), v.description("all members, listed or not")),
    members: v.pipe(
      v.array(v.object({
        user: v.pipe(
          v.nullable(v.string()),
          v.description("the `sub` of its token; null: it has none"),
        ),
        member: v.pipe(v.string(), v.description("its name, chosen by itself")),
        clientId: v.pipe(v.string(), v.description("of the connection that subscribed last")),
        info: v.pipe(v.unknown(), v.description("any JSON value, given by itself")),
        sinceMs: v.pipe(v.number(), v.description("when it joined, wall-clock ms")),
      })),
      v.description("those first that joined first, at most 1000 and 256 KiB"),
    ),
    more: v.pipe(v.boolean(), v.description("some are not listed")),
  }),
  v.metadata({ ref: "ChannelPresence" }),
);

export interface PresenceRoutesOptions extends ChannelReaderOptions {
  readonly authenticator: CredentialChecker;
  readonly hub: Hub;
}

export function presenceRoutes(options: PresenceRoutesOptions): App {
  const { authenticator, hub } = options;
  return new Hono<ApiEnv>().get(
    "/api/v1/channels/:channel/presence",
    described({
      summary: "Who is on a channel",
      tag: "hub",
      responses: {
        200: json("Its members; none where nobody is", ChannelPresence),
        ...READER_ERRORS,
        ...RESTARTING,
      },
    }),
    anyKey(authenticator),
    channelReader(options),
    async (context) => {
      const channel = context.req.param("channel");
      const list = await hub.members(channel);
      if (list === undefined) return restarting();
      // Not by context.json(): an info is a JSON text already.
      return context.body(`{${listFields(channel, list)}}`, STATUS_CODE.OK, {
        "Content-Type": "application/json",
      });
    },
  );
}
