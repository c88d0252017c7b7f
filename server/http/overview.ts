/**
 * The summary of the hub: totals and channels.
 *
 * @module
 */

import { Hono } from "hono";
import * as v from "valibot";
import { type CloseReason, REASON_NAMES } from "../close_codes.ts";
import type { Nodes } from "../brokers/nodes.ts";
import type { Hub } from "../hub.ts";
import { restarting, unavailable } from "../base/problem.ts";
import { COUNTS, type Stats as NodeStats, sumOf } from "./stats.ts";
import { adminKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import { authErrors, BAD_QUERY, described, json, RESTARTING } from "./description.ts";
import { DEFAULT_LIMIT, limitUpTo, query } from "./requests.ts";
import {
  type AskHub,
  hubQuestion,
  MAX_LISTED,
  MISSING_FIELD,
  SCOPE_PARAMETERS,
} from "./whole_hub.ts";

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
    ...MISSING_FIELD,
    uptimeSeconds: v.pipe(v.number(), v.description("the longest of all processes")),
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
    ...MISSING_FIELD,
  }),
  v.metadata({ ref: "Channels" }),
);

const StatsQuery = v.objectWithRest(SCOPE_PARAMETERS, v.never());

const ChannelsQuery = v.objectWithRest({
  limit: limitUpTo(MAX_ENTRIES),
  ...SCOPE_PARAMETERS,
}, v.never());

export interface OverviewOptions {
  readonly authenticator: CredentialChecker;
  readonly hub: Hub;
  /** Asks nodes for their stats. */
  readonly askStats: AskHub<null, NodeStats>;
  /** The other processes of the hub, if it has any. */
  readonly nodes?: Nodes;
}

export function overviewRoutes(options: OverviewOptions): App {
  const app = new Hono<ApiEnv>();
  addStats(app, options);
  addChannels(app, options);
  return app;
}

function addStats(app: App, { authenticator, askStats }: OverviewOptions): void {
  const description = described({
    summary: "A summary of the hub",
    tag: "operation",
    responses: {
      200: json("Totals are since the start; those of several processes are added up", Stats),
      ...BAD_QUERY,
      ...authErrors("no admin"),
      ...RESTARTING,
    },
  });
  app.get(
    "/api/v1/stats",
    description,
    adminKey(authenticator),
    query(StatsQuery),
    async (context) => {
      const { parts, missing } = await askStats(null, context.req.valid("query"));
      if (parts.length === 0) return missing === undefined ? restarting() : unavailable();
      const stats = { ...sumOf(parts.map(({ answer }) => answer)), missing };
      return context.json(stats as v.InferInput<typeof Stats>);
    },
  );
}

function addChannels(app: App, { authenticator, hub, nodes }: OverviewOptions): void {
  const description = described({
    summary: "The channels that have a subscriber",
    tag: "operation",
    responses: {
      200: json("Those with the most subscribers first", Channels),
      ...BAD_QUERY,
      ...authErrors("no admin"),
      ...RESTARTING,
    },
  });
  const ask = hubQuestion(nodes, "channels", (most: number) =>
    hub.ask((registry) => {
      const all = Array.from(registry.channels, (channel) => ({
        channel,
        subscribers: registry.subscribersOf(channel).size,
      }));
      return mostFirst(all).slice(0, most);
    }));
  app.get(
    "/api/v1/channels",
    description,
    adminKey(authenticator),
    query(ChannelsQuery),
    async (context) => {
      const { limit = DEFAULT_LIMIT, ...where } = context.req.valid("query");
      const most = where.scope === "hub" && nodes ? MAX_LISTED : Infinity;
      const { parts, missing } = await ask(most, where);
      if (parts.length === 0 && missing === undefined) return restarting();
      const counts = new Map<string, number>();
      for (const { channel, subscribers } of parts.flatMap(({ answer }) => answer)) {
        counts.set(channel, (counts.get(channel) ?? 0) + subscribers);
      }
      const all = mostFirst(
        Array.from(counts, ([channel, subscribers]) => ({ channel, subscribers })),
      );
      const answer = { channels: all.slice(0, limit), total: all.length, missing };
      return context.json(answer as v.InferInput<typeof Channels>);
    },
  );
}

function mostFirst<Entry extends { readonly subscribers: number }>(entries: Entry[]): Entry[] {
  return entries.sort((a, b) => b.subscribers - a.subscribers);
}
