/**
 * The hub at a glance: totals and channels.
 *
 * @module
 */

import { Hono } from "hono";
import * as v from "valibot";
import { type CloseReason, REASON_NAMES } from "../close_codes.ts";
import type { Clock } from "../clock.ts";
import type { Hub } from "../hub.ts";
import type { ProfileCounts } from "../counts.ts";
import type { Metrics } from "../metrics.ts";
import type { PathLimits } from "../path_limits.ts";
import type { Roster } from "../roster.ts";
import { adminKey, type ApiEnv, type App, type Checks } from "./caller.ts";
import { BAD_QUERY, described, json, refusals } from "./description.ts";
import { restarting } from "./problems.ts";
import { DEFAULT_LIMIT, limitUpTo, query } from "./reading.ts";

const MAX_LISTED = 1_000;

/** Of a profile's counts, those that are told. */
const COUNTS = [
  "opened",
  "messagesIn",
  "messagesOut",
  "messagesDropped",
  "malformed",
  "denied",
  "heartbeatsMissed",
] as const;

const Totals = v.pipe(
  v.object({
    connections: v.pipe(v.number(), v.description("open now")),
    ...Object.fromEntries(COUNTS.map((name) => [name, v.number()])) as Record<
      typeof COUNTS[number],
      v.NumberSchema<undefined>
    >,
    closed: v.object(
      Object.fromEntries(REASON_NAMES.map((name) => [name, v.number()])) as Record<
        CloseReason,
        v.NumberSchema<undefined>
      >,
    ),
  }),
  v.metadata({ ref: "Totals" }),
);

type Totals = v.InferOutput<typeof Totals>;

const Stats = v.pipe(
  v.object({
    uptimeSeconds: v.number(),
    channels: v.pipe(v.number(), v.description("that somebody follows")),
    queuedBytes: v.pipe(v.number(), v.description("in all send queues together")),
    mailboxLetters: v.pipe(v.number(), v.description("that wait for the hub")),
    totals: v.pipe(Totals, v.description("since the start")),
    profiles: v.record(v.string(), Totals),
    pathLimits: v.pipe(
      v.array(v.object({ network: v.string(), count: v.number(), text: v.string() })),
      v.description("idle timeouts on the way to clients, and what would hold"),
    ),
  }),
  v.metadata({ ref: "Stats" }),
);

const Channels = v.pipe(
  v.object({
    channels: v.array(v.object({ channel: v.string(), followers: v.number() })),
    total: v.pipe(v.number(), v.description("all channels, listed or not")),
  }),
  v.metadata({ ref: "Channels" }),
);

const Which = v.objectWithRest({ limit: limitUpTo(MAX_LISTED) }, v.never());

/** What the room works with. */
export interface OverviewOptions {
  /** Checks credentials. */
  readonly gate: Checks;
  /** Knows who is connected. */
  readonly hub: Hub;
  /** Counts. */
  readonly metrics: Metrics;
  /** The names of the profiles that are counted. */
  readonly profileNames: readonly string[];
  /** Knows what cuts idle connections. */
  readonly pathLimits: Pick<PathLimits, "list">;
  /** Tells since when. */
  readonly clock: Clock;
}

/** Builds the routes. */
export function overviewRoutes(options: OverviewOptions): App {
  const app = new Hono<ApiEnv>();
  addStats(app, options);
  addChannels(app, options);
  return app;
}

function addStats(app: App, options: OverviewOptions): void {
  const { gate, hub, metrics, profileNames, pathLimits, clock } = options;
  const startedMs = clock.now();
  const description = described({
    summary: "Totals of this node",
    tag: "operation",
    answers: { 200: json("Since its start", Stats), ...refusals("no admin") },
  });
  app.get("/api/v1/stats", description, adminKey(gate), async (context) => {
    const mailboxLetters = hub.backlog;
    const roster = await hub.ask((roster) => ({
      channels: roster.channelCount,
      queuedBytes: queuedBytes(roster),
    }));
    if (roster === undefined) return restarting();
    const profiles = profileNames.map((name) => [name, totalsOf([metrics.of(name)])] as const);
    const stats: v.InferOutput<typeof Stats> = {
      uptimeSeconds: Math.round(clock.now() - startedMs) / 1_000,
      ...roster,
      mailboxLetters,
      totals: totalsOf(profileNames.map((name) => metrics.of(name))),
      profiles: Object.fromEntries(profiles),
      pathLimits: pathLimits.list().map(({ network, count, text }) => ({ network, count, text })),
    };
    return context.json(stats);
  });
}

function addChannels(app: App, { gate, hub }: OverviewOptions): void {
  const description = described({
    summary: "The channels that somebody follows on this node",
    tag: "operation",
    answers: {
      200: json("The most followed first", Channels),
      ...BAD_QUERY,
      ...refusals("no admin"),
    },
  });
  app.get("/api/v1/channels", description, adminKey(gate), query(Which), async (context) => {
    const { limit = DEFAULT_LIMIT } = context.req.valid("query");
    const all = await hub.ask((roster) =>
      Array.from(roster.channels, (channel) => ({
        channel,
        followers: roster.followersOf(channel).size,
      }))
    );
    if (all === undefined) return restarting();
    const channels = all.sort((a, b) => b.followers - a.followers).slice(0, limit);
    return context.json({ channels, total: all.length } satisfies v.InferOutput<typeof Channels>);
  });
}

function totalsOf(counts: readonly ProfileCounts[]): Totals {
  const sum = (read: (of: ProfileCounts) => number) =>
    counts.reduce((total, of) => total + read(of), 0);
  const totals = Object.fromEntries(COUNTS.map((name) => [name, sum((of) => of[name])]));
  const closed = Object.fromEntries(
    REASON_NAMES.map((name) => [name, sum((of) => of.closed[name])]),
  );
  const ended = Object.values(closed).reduce((total, count) => total + count, 0);
  return { connections: totals.opened - ended, ...totals, closed } as Totals;
}

function queuedBytes(roster: Roster): number {
  let bytes = 0;
  for (const { pendingBytes } of roster.members) bytes += pendingBytes;
  return bytes;
}
