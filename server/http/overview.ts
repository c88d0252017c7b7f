/**
 * The summary of the hub: totals and channels.
 *
 * @module
 */

import { Hono } from "hono";
import * as v from "valibot";
import { type CloseReason, REASON_NAMES } from "../close_codes.ts";
import type { Hub } from "../hub.ts";
import { restarting } from "../base/problem.ts";
import { COUNTS, type ReadStats } from "./stats.ts";
import { adminKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import { authErrors, BAD_QUERY, described, json, RESTARTING } from "./description.ts";
import { DEFAULT_LIMIT, limitUpTo, query } from "./requests.ts";

const MAX_ENTRIES = 1_000;

const COUNT_FIELDS = Object.fromEntries(COUNTS.map((name) => [name, v.number()])) as Record<
  typeof COUNTS[number],
  v.NumberSchema<undefined>
>;

const Totals = v.pipe(
  v.object({
    connections: v.pipe(v.number(), v.description("open now")),
    ...COUNT_FIELDS,
    closed: v.object(
      Object.fromEntries(REASON_NAMES.map((name) => [name, v.number()])) as Record<
        CloseReason,
        v.NumberSchema<undefined>
      >,
    ),
  }),
  v.metadata({ ref: "Totals" }),
);

const Distribution = v.pipe(
  v.object({
    bounds: v.pipe(v.array(v.number()), v.description("upper bounds of the buckets, seconds")),
    counts: v.pipe(v.array(v.number()), v.description("in each bucket, the last has no bound")),
  }),
  v.metadata({ ref: "Distribution" }),
);

const Stats = v.pipe(
  v.object({
    uptimeSeconds: v.number(),
    channels: v.pipe(v.number(), v.description("that have a subscriber")),
    queuedBytes: v.pipe(v.number(), v.description("in all send queues together")),
    mailboxMessages: v.pipe(v.number(), v.description("that wait for the hub")),
    history: v.pipe(
      v.object({
        bytes: v.pipe(v.number(), v.description("that the kept messages and positions take")),
        channels: v.pipe(v.number(), v.description("of which the position is known")),
        evicted: v.pipe(v.number(), v.description("messages removed for HISTORY_BYTES")),
        replayed: v.pipe(v.number(), v.description("messages queued for clients that returned")),
      }),
      v.description("of all channels"),
    ),
    resumes: v.pipe(
      v.object({ recovered: v.number(), incomplete: v.number() }),
      v.description("subscriptions with a `since`, by whether they got all that followed it"),
    ),
    duplicates: v.pipe(v.number(), v.description("publications that were repeats")),
    members: v.pipe(v.number(), v.description("of all channels")),
    totals: v.pipe(Totals, v.description("since the start")),
    profiles: v.record(v.string(), Totals),
    disconnects: v.pipe(
      v.record(v.string(), v.number()),
      v.description("connections ended since the start, by cause"),
    ),
    health: v.pipe(v.record(v.string(), v.number()), v.description("open now, by health")),
    liveness: v.pipe(v.record(v.string(), v.number()), v.description("open now, by liveness")),
    rtt: v.pipe(Distribution, v.description("round trips of control pings since the start")),
    lateness: v.pipe(Distribution, v.description("of the wheel's ticks since the start")),
    stalls: v.pipe(
      v.object({ count: v.number(), seconds: v.number() }),
      v.description("stalls of the event loop since the start"),
    ),
    idleTimeouts: v.pipe(
      v.array(v.object({ network: v.string(), count: v.number(), text: v.string() })),
      v.description(
        "idle timeouts on the path to clients, and which period keeps connections open",
      ),
    ),
  }),
  v.metadata({ ref: "Stats" }),
);

const Channels = v.pipe(
  v.object({
    channels: v.array(v.object({ channel: v.string(), subscribers: v.number() })),
    total: v.pipe(v.number(), v.description("all channels, listed or not")),
  }),
  v.metadata({ ref: "Channels" }),
);

const ChannelsQuery = v.objectWithRest({ limit: limitUpTo(MAX_ENTRIES) }, v.never());

export interface OverviewOptions {
  readonly authenticator: CredentialChecker;
  readonly hub: Hub;
  readonly readStats: ReadStats;
}

export function overviewRoutes(options: OverviewOptions): App {
  const app = new Hono<ApiEnv>();
  addStats(app, options);
  addChannels(app, options);
  return app;
}

function addStats(app: App, { authenticator, readStats }: OverviewOptions): void {
  const description = described({
    summary: "A summary of this node",
    tag: "operation",
    responses: {
      200: json("Totals are since its start", Stats),
      ...authErrors("no admin"),
      ...RESTARTING,
    },
  });
  app.get("/api/v1/stats", description, adminKey(authenticator), async (context) => {
    const stats = await readStats();
    if (stats === undefined) return restarting();
    return context.json(stats satisfies v.InferOutput<typeof Stats>);
  });
}

function addChannels(app: App, { authenticator, hub }: OverviewOptions): void {
  const description = described({
    summary: "The channels that have a subscriber on this node",
    tag: "operation",
    responses: {
      200: json("Those with the most subscribers first", Channels),
      ...BAD_QUERY,
      ...authErrors("no admin"),
      ...RESTARTING,
    },
  });
  app.get(
    "/api/v1/channels",
    description,
    adminKey(authenticator),
    query(ChannelsQuery),
    async (context) => {
      const { limit = DEFAULT_LIMIT } = context.req.valid("query");
      const all = await hub.ask((registry) =>
        Array.from(registry.channels, (channel) => ({
          channel,
          subscribers: registry.subscribersOf(channel).size,
        }))
      );
      if (all === undefined) return restarting();
      const channels = all.sort((a, b) => b.subscribers - a.subscribers).slice(0, limit);
      return context.json({ channels, total: all.length } satisfies v.InferOutput<typeof Channels>);
    },
  );
}
