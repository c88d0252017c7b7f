/**
 * Lists and inspects open and closed connections, and closes one.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import * as v from "valibot";
import { REASON_NAMES, REJECTION_REASONS } from "../close_codes.ts";
import {
  CLOSE_HISTORY_SIZE,
  type ClosedConnection,
  type CloseHistory,
} from "../client/close_history.ts";
import type { Nodes } from "../brokers/nodes.ts";
import type { Hub } from "../hub.ts";
import type { Logger } from "../logging/logging.ts";
import { problem, restarting } from "../base/problem.ts";
import type { Subscriber, SubscriptionRegistry } from "../hub/subscription_registry.ts";
import { adminKey, type ApiEnv, type App, type CredentialChecker } from "./caller.ts";
import {
  authErrors,
  BAD_QUERY,
  described,
  empty,
  json,
  problemResponses,
  RESTARTING,
} from "./description.ts";
import {
  type CountedRejection,
  REJECTION_HISTORY_SIZE,
  type RejectionHistory,
} from "../transport/rejection_history.ts";
import {
  closedMatchesSearch,
  keyed,
  matchesSearch,
  ORDERS,
  rejectionMatchesSearch,
  sorted,
  SORTS,
} from "./sorting.ts";
import { HEALTH_FIELDS, healthOf, TIMELINE_FIELDS, timelineOf } from "./connection_health.ts";
import { DEFAULT_LIMIT, limitUpTo, query, wholeNumber } from "./requests.ts";
import {
  hubQuestion,
  MAX_LISTED,
  MISSING_FIELD,
  NODE_FIELD,
  type Part,
  SCOPE_PARAMETERS,
  WHOLE_HUB,
} from "./whole_hub.ts";

const PATH = "/api/v1/connections";
const MAX_ENTRIES = 1_000;

const COMMON_FIELDS = {
  id: v.string(),
  profile: v.string(),
  key: v.pipe(v.nullable(v.string()), v.description("the key's id; null on an open hub")),
  address: v.string(),
  ...NODE_FIELD,
  openedMs: v.pipe(v.number(), v.description("wall-clock ms")),
  seconds: v.pipe(v.number(), v.description("how long it is or was open")),
  messagesIn: v.number(),
  messagesOut: v.number(),
  ...HEALTH_FIELDS,
};

const OpenEntry = v.pipe(
  v.object({
    ...COMMON_FIELDS,
    idleMs: v.pipe(v.number(), v.description("since the last sign of life")),
    applicationIdleMs: v.pipe(v.number(), v.description("since its last message or app pong")),
    queuedMessages: v.number(),
    queuedBytes: v.number(),
    channelCount: v.number(),
  }),
  v.metadata({ ref: "Connection" }),
);

const Connections = v.pipe(
  v.object({
    connections: v.array(OpenEntry),
    total: v.pipe(v.number(), v.description("all that match, listed or not")),
    ...MISSING_FIELD,
  }),
  v.metadata({ ref: "Connections" }),
);

const ConnectionDetails = v.pipe(
  v.object({ ...OpenEntry.entries, ...TIMELINE_FIELDS, channels: v.array(v.string()) }),
  v.metadata({ ref: "ConnectionDetails" }),
);

const ClosedEntry = v.object({
  ...COMMON_FIELDS,
  reason: v.picklist(REASON_NAMES),
  cause: v.string(),
  closedMs: v.pipe(v.number(), v.description("wall-clock ms")),
  silentSeconds: v.pipe(v.number(), v.description("from the last sign of life to the end")),
});

const LostNode = v.object({
  node: v.string(),
  connections: v.pipe(v.number(), v.description("that it had when it was last heard of")),
  cause: v.literal("node lost"),
  closedMs: v.pipe(v.number(), v.description("when that was noticed, wall-clock ms")),
});

const Closed = v.pipe(
  v.object({
    closed: v.array(ClosedEntry),
    lostNodes: v.pipe(
      v.array(LostNode),
      v.description(
        "processes that were lost with their connections; none where reason or search is given",
      ),
    ),
    ...MISSING_FIELD,
  }),
  v.metadata({ ref: "Closed" }),
);

const ClosedDetails = v.pipe(
  v.object({ ...ClosedEntry.entries, ...TIMELINE_FIELDS }),
  v.metadata({ ref: "ClosedConnectionDetails" }),
);

const SearchParameter = v.optional(v.pipe(
  v.string(),
  v.toLowerCase(),
  v.description(
    "part of an id, key, address, profile or health; of a closed one also of its reason or cause",
  ),
));

const ListQuery = v.objectWithRest({
  limit: limitUpTo(MAX_ENTRIES),
  offset: wholeNumber(0, Number.MAX_SAFE_INTEGER, "how many to skip; none by default"),
  sort: v.optional(v.picklist(SORTS), "age"),
  order: v.optional(v.picklist(ORDERS), "descending"),
  profile: v.optional(v.string()),
  key: v.optional(v.string()),
  search: SearchParameter,
  ...SCOPE_PARAMETERS,
}, v.never());

const ClosedQuery = v.objectWithRest({
  limit: limitUpTo(CLOSE_HISTORY_SIZE),
  reason: v.optional(v.picklist(REASON_NAMES)),
  search: SearchParameter,
  ...SCOPE_PARAMETERS,
}, v.never());

const Rejected = v.pipe(
  v.object({
    rejected: v.array(v.object({
      profile: v.pipe(v.nullable(v.string()), v.description("null where the target has none")),
      key: v.pipe(v.nullable(v.string()), v.description("where the credential was good")),
      address: v.string(),
      ...NODE_FIELD,
      reason: v.picklist(REJECTION_REASONS),
      detail: v.string(),
      count: v.number(),
      firstMs: v.pipe(v.number(), v.description("wall-clock ms")),
      lastMs: v.pipe(v.number(), v.description("wall-clock ms")),
    })),
    ...MISSING_FIELD,
  }),
  v.metadata({ ref: "Rejected" }),
);

const RejectedQuery = v.objectWithRest({
  limit: limitUpTo(REJECTION_HISTORY_SIZE),
  reason: v.optional(v.picklist(REJECTION_REASONS)),
  search: v.optional(v.pipe(
    v.string(),
    v.toLowerCase(),
    v.description("part of a key, address, profile, reason or detail"),
  )),
  ...SCOPE_PARAMETERS,
}, v.never());

/** What nodes are asked for. */
type ListRequest =
  & Pick<v.InferOutput<typeof ListQuery>, "sort" | "order" | "profile" | "key" | "search">
  & { readonly first: number };
type ClosedRequest = Pick<v.InferOutput<typeof ClosedQuery>, "reason" | "search"> & {
  readonly limit: number;
};
type RejectedRequest = Pick<v.InferOutput<typeof RejectedQuery>, "reason" | "search"> & {
  readonly limit: number;
};

export interface ConnectionsOptions {
  readonly authenticator: CredentialChecker;
  readonly hub: Hub;
  readonly closeHistory: CloseHistory;
  readonly rejections: RejectionHistory;
  /** The other processes of the hub, if it has any. */
  readonly nodes?: Nodes;
  readonly log: Logger;
}

export function connectionRoutes(options: ConnectionsOptions): App {
  const app = new Hono<ApiEnv>();
  addList(app, options);
  addDetails(app, options);
  addDisconnect(app, options);
  addClosed(app, options);
  addRejected(app, options);
  return app;
}

function addList(app: App, { authenticator, hub, nodes }: ConnectionsOptions): void {
  const description = described({
    summary: "The open connections",
    tag: "operation",
    responses: {
      200: json("Sorted; the greatest first by default", Connections),
      ...BAD_QUERY,
      ...authErrors("no admin"),
      ...RESTARTING,
    },
  });
  const ask = hubQuestion(
    nodes,
    "connections",
    ({ first, ...query }: ListRequest) =>
      hub.ask((registry) => {
        const { sort, order, profile, key, search } = query;
        const matching = [...registry.subscribers].filter((subscriber) =>
          (profile === undefined || subscriber.profile.name === profile) &&
          (key === undefined || subscriber.keyId === key) &&
          (search === undefined || matchesSearch(search, subscriber))
        );
        const listed = sorted(keyed(matching, sort), order).slice(0, first);
        return {
          entries: listed.map(({ sortKey, entry }) => ({
            sortKey,
            entry: openEntry(entry, registry),
          })),
          total: matching.length,
        };
      }),
  );
  app.get(PATH, description, adminKey(authenticator), query(ListQuery), async (context) => {
    const { limit = DEFAULT_LIMIT, offset = 0, scope, node, ...query } = context.req.valid("query");
    const first = Math.min(offset + limit, scope === "hub" && nodes ? MAX_LISTED : Infinity);
    const { parts, missing } = await ask({ ...query, first }, { scope, node });
    if (parts.length === 0 && missing === undefined) return restarting();
    const entries = parts.flatMap(({ node, answer }) =>
      answer.entries.map(({ sortKey, entry }) => ({ sortKey, entry: { ...entry, node } }))
    );
    const connections = sorted(entries, query.order).slice(offset, offset + limit)
      .map(({ entry }) => entry);
    const total = parts.reduce((sum, { answer }) => sum + answer.total, 0);
    return context.json({ connections, total, missing } as v.InferInput<typeof Connections>);
  });
}

function addDetails(
  app: App,
  { authenticator, hub, closeHistory, nodes }: ConnectionsOptions,
): void {
  const description = described({
    summary: "One connection, open or among the last that ended, with its last events",
    tag: "operation",
    responses: {
      200: json("As it is now, or was at its end", v.union([ConnectionDetails, ClosedDetails])),
      ...problemResponses({ 404: "not known" }),
      ...authErrors("no admin"),
    },
  });
  type Details = v.InferOutput<typeof ConnectionDetails> | v.InferOutput<typeof ClosedDetails>;
  const ask = hubQuestion(nodes, "connection", async (id: string): Promise<Details | null> => {
    const open = await hub.ask((registry) => {
      const subscriber = findSubscriber(registry, id);
      if (subscriber === undefined) return undefined;
      const channels = [...registry.channelsOf(subscriber)];
      return { ...openEntry(subscriber, registry), ...timelineOf(subscriber.health), channels };
    });
    if (open !== undefined) return open;
    const end = closeHistory.find(id);
    return end === undefined ? null : { ...closedEntry(end), ...timelineOf(end.health) };
  });
  app.get(`${PATH}/:id`, description, adminKey(authenticator), async (context) => {
    const id = context.req.param("id");
    const { parts } = await ask(id, WHOLE_HUB);
    const found = parts.find(({ answer }) => answer !== null);
    if (found === undefined) return notFound(id, "is open or among the last that ended");
    return context.json({ ...found.answer!, node: found.node });
  });
}

function addDisconnect(app: App, { authenticator, hub, log, nodes }: ConnectionsOptions): void {
  const description = described({
    summary: "End a connection, for the reason admin",
    tag: "operation",
    responses: {
      204: empty("It is asked to close, and terminated if it does not"),
      ...problemResponses({ 404: "not connected" }),
      ...authErrors("no admin, or a foreign Origin"),
      ...RESTARTING,
    },
  });
  const ask = hubQuestion(nodes, "disconnect", (id: string) =>
    hub.ask((registry) => {
      const subscriber = findSubscriber(registry, id);
      subscriber?.close("admin");
      return subscriber !== undefined;
    }));
  app.delete(`${PATH}/:id`, description, adminKey(authenticator), async (context) => {
    const id = context.req.param("id");
    const { parts } = await ask(id, WHOLE_HUB);
    if (parts.length === 0) return restarting();
    if (!parts.some(({ answer }) => answer)) return notFound(id, "is open");
    log.info("connection ended by an operator", { id, by: context.var.grant.keyId });
    return context.body(null, STATUS_CODE.NoContent);
  });
}

function addClosed(app: App, { authenticator, closeHistory, nodes }: ConnectionsOptions): void {
  const description = described({
    summary: `The last ${CLOSE_HISTORY_SIZE} connections that ended on each node, and why`,
    tag: "operation",
    responses: { 200: json("The newest first", Closed), ...BAD_QUERY, ...authErrors("no admin") },
  });
  const ask = hubQuestion(nodes, "closed", ({ limit, reason, search }: ClosedRequest) => {
    const matches = (end: ClosedConnection) =>
      (reason === undefined || end.reason === reason) &&
      (search === undefined || closedMatchesSearch(search, end));
    const isAll = reason === undefined && search === undefined;
    const lost = isAll ? closeHistory.lostNodes.slice(0, limit) : [];
    return { closed: closeHistory.latest(limit, matches).map(closedEntry), lost };
  });
  app.get(
    "/api/v1/closed",
    description,
    adminKey(authenticator),
    query(ClosedQuery),
    async (context) => {
      const { limit = DEFAULT_LIMIT, scope, node, ...query } = context.req.valid("query");
      const { parts, missing } = await ask({ ...query, limit }, { scope, node });
      const ends = parts.map(({ node, answer }) => ({ node, answer: answer.closed }));
      const closed = newestFirst(ends, ({ closedMs }) => closedMs).slice(0, limit);
      const lostNodes = parts.flatMap(({ answer }) => answer.lost)
        .map((lost) => ({ ...lost, cause: "node lost" }))
        .sort((a, b) => b.closedMs - a.closedMs).slice(0, limit);
      return context.json({ closed, lostNodes, missing } as v.InferInput<typeof Closed>);
    },
  );
}

function addRejected(app: App, { authenticator, rejections, nodes }: ConnectionsOptions): void {
  const description = described({
    summary: `The last ${REJECTION_HISTORY_SIZE} upgrades that each node has rejected, and why`,
    tag: "operation",
    responses: {
      200: json("The most recent first; the same one again is counted", Rejected),
      ...BAD_QUERY,
      ...authErrors("no admin"),
    },
  });
  const ask = hubQuestion(nodes, "rejected", ({ limit, reason, search }: RejectedRequest) => {
    const matches = (rejection: CountedRejection) =>
      (reason === undefined || rejection.reason === reason) &&
      (search === undefined || rejectionMatchesSearch(search, rejection));
    return rejections.latest(limit, matches).map(({ profile, key, ...rejection }) => ({
      ...rejection,
      profile: profile ?? null,
      key: key ?? null,
    }));
  });
  app.get(
    "/api/v1/rejected",
    description,
    adminKey(authenticator),
    query(RejectedQuery),
    async (context) => {
      const { limit = DEFAULT_LIMIT, scope, node, ...query } = context.req.valid("query");
      const { parts, missing } = await ask({ ...query, limit }, { scope, node });
      const rejected = newestFirst(parts, ({ lastMs }) => lastMs).slice(0, limit);
      return context.json({ rejected, missing } as v.InferInput<typeof Rejected>);
    },
  );
}

/** The entries of all nodes, each with its node. */
function newestFirst<Entry>(
  parts: readonly Part<readonly Entry[]>[],
  atMs: (entry: Entry) => number,
): (Entry & { readonly node: string | undefined })[] {
  return parts.flatMap(({ node, answer }) => answer.map((entry) => ({ ...entry, node })))
    .sort((a, b) => atMs(b) - atMs(a));
}

function openEntry(
  subscriber: Subscriber,
  registry: SubscriptionRegistry,
): v.InferOutput<typeof OpenEntry> {
  const { ageMs, idleMs, applicationIdleMs, ...counts } = subscriber.stats();
  return {
    id: subscriber.id,
    profile: subscriber.profile.name,
    key: subscriber.keyId ?? null,
    address: subscriber.address,
    ...counts,
    seconds: Math.round(ageMs) / 1_000,
    idleMs: Math.round(idleMs),
    applicationIdleMs: Math.round(applicationIdleMs),
    queuedBytes: subscriber.writePump.pendingBytes,
    channelCount: registry.channelsOf(subscriber).size,
    ...healthOf(subscriber.health),
  };
}

function closedEntry({ health, key, ...end }: ClosedConnection) {
  return { ...end, key: key ?? null, ...healthOf(health) };
}

function findSubscriber(registry: SubscriptionRegistry, id: string): Subscriber | undefined {
  for (const subscriber of registry.subscribers) if (subscriber.id === id) return subscriber;
}

function notFound(id: string, where: string): Response {
  return problem(STATUS_CODE.NotFound, `no connection ${JSON.stringify(id)} ${where}`);
}
