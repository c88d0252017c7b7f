/**
 * The HTTP routes of the events-hub system, in its own formats: its clients unsubscribe, and list the
 * clients that are connected with the same key.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Clock } from "../base/clock.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Hub } from "../hub.ts";
import type { ErrorResponse } from "../base/problem.ts";
import { GLOBAL_TYPE, knownEventTypes, timestampOf } from "../profiles/events_hub/events_hub.ts";
import type { Profile } from "../profiles/profile.ts";
import type { Subscriber, SubscriptionRegistry } from "../hub/subscription_registry.ts";
import { anyKey, type ApiEnv, type App } from "./caller.ts";
import { described, json } from "./description.ts";
import { jsonBody } from "./requests.ts";

const Unauthorized = v.pipe(
  v.object({ error: v.string(), error_description: v.string() }),
  v.metadata({ ref: "EventsHubUnauthorized" }),
);

const EventsHubError = v.pipe(
  v.object({ message: v.string(), code: v.number() }),
  v.metadata({ ref: "EventsHubError" }),
);

const Unsubscribe = v.pipe(
  v.object({ client_id: v.string(), event_types: v.array(v.string()) }),
  v.metadata({ ref: "EventsHubUnsubscribe" }),
);

const ClientInfo = v.pipe(
  v.object({
    id: v.string(),
    user_id: v.pipe(v.string(), v.description("the key's id; empty on an open hub")),
    username: v.string(),
    connected_at: v.string(),
    last_pong_at: v.pipe(v.string(), v.description("the last sign of life")),
    event_subscriptions: v.array(v.string()),
    is_alive: v.boolean(),
    queue_depth: v.number(),
  }),
  v.metadata({ ref: "EventsHubClient" }),
);

type ClientInfo = v.InferOutput<typeof ClientInfo>;

const Stats = v.pipe(
  v.object({
    total_clients: v.number(),
    total_subscriptions: v.number(),
    type_stats: v.pipe(v.record(v.string(), v.number()), v.description("clients by event type")),
    clients: v.array(ClientInfo),
    messages_sent: v.pipe(v.number(), v.description("to these clients")),
    start_time: v.string(),
    uptime: v.string(),
  }),
  v.metadata({ ref: "EventsHubStats" }),
);

const COMMON_ERRORS = {
  401: json("no valid credential, where keys are configured", Unauthorized),
  503: json("the server is restarting", EventsHubError),
};

const NOT_FROM_GLOBAL = `cannot unsubscribe from ${GLOBAL_TYPE}`;

/**
 * A message in the form that the system has for errors, and for what succeeded in part; it has 400 for
 * an invalid body.
 */
export function eventsHubError(...[status, message]: Parameters<ErrorResponse>): Response {
  const code = status === STATUS_CODE.UnprocessableEntity ? STATUS_CODE.BadRequest : status;
  return Response.json({ message, code }, { status: code });
}

export interface EventsHubRoutesOptions {
  readonly authenticator: Pick<Authenticator, "check" | "open">;
  readonly hub: Hub;
  /** The system's profile: credentials, form of rejections, and which clients are its own. */
  readonly eventsHub: Profile;
  /** Longest body: that of a message. */
  readonly maxMessageBytes: number;
  /** For start time and uptime. */
  readonly clock: Clock;
}

export function eventsHubRoutes(options: EventsHubRoutesOptions): App {
  const app = new Hono<ApiEnv>();
  addUnsubscribe(app, options);
  addLists(app, options);
  return app;
}

function addUnsubscribe(app: App, options: EventsHubRoutesOptions): void {
  const { authenticator, hub, eventsHub, maxMessageBytes } = options;
  const description = described({
    summary: "Unsubscribe from event types",
    tag: "events-hub",
    responses: {
      200: json(
        "Done; where only in part, a text that names both lists, else empty",
        EventsHubError,
      ),
      400: json(
        "unknown client, not subscribed, only `global` named, or no valid type",
        EventsHubError,
      ),
      403: json("the client is connected with another key, or a foreign Origin", EventsHubError),
      413: json("larger than MAX_MESSAGE_BYTES", EventsHubError),
      ...COMMON_ERRORS,
    },
  });
  const body = jsonBody(Unsubscribe, { maxBytes: maxMessageBytes, errorResponse: eventsHubError });
  app.post(
    "/api/v1/ws/unsubscribe",
    description,
    anyKey(authenticator, eventsHub),
    body,
    async (context) => {
      const { client_id: id, event_types } = context.req.valid("json");
      const named = knownEventTypes(event_types);
      if (named.length === 0) {
        return eventsHubError(STATUS_CODE.BadRequest, "no valid event types");
      }
      const channels = named.filter((type) => type !== GLOBAL_TYPE);
      if (channels.length === 0) {
        return eventsHubError(STATUS_CODE.BadRequest, NOT_FROM_GLOBAL);
      }
      const answer = await hub.ask((registry) => {
        const subscriber = clientsIn(registry, eventsHub).find((subscriber) =>
          subscriber.id === id
        );
        if (subscriber === undefined) {
          return eventsHubError(STATUS_CODE.BadRequest, "no such client");
        }
        if (!owns(context, options.authenticator, subscriber)) {
          return eventsHubError(STATUS_CODE.Forbidden, "the client belongs to another key");
        }
        const subscribed = registry.channelsOf(subscriber);
        const others = channels.filter((type) => !subscribed.has(type));
        const notSubscribed = `not subscribed to ${others.join(", ")}`;
        if (others.length === channels.length) {
          return eventsHubError(STATUS_CODE.BadRequest, notSubscribed);
        }
        hub.tell({ kind: "command", subscriber, command: { kind: "unsubscribe", channels } });
        const failures = [
          ...(others.length > 0 ? [notSubscribed] : []),
          ...(channels.length < named.length ? [NOT_FROM_GLOBAL] : []),
        ];
        if (failures.length === 0) return context.body(null);
        const done = channels.filter((type) => subscribed.has(type)).join(", ");
        return eventsHubError(STATUS_CODE.OK, `${failures.join(", ")}; unsubscribed from: ${done}`);
      });
      return answer ?? restarting();
    },
  );
}

function addLists(app: App, options: EventsHubRoutesOptions): void {
  const { authenticator, hub, eventsHub, clock } = options;
  const startedMs = clock.wall();
  const ownClients = (context: Context<ApiEnv>) =>
    hub.ask((registry) => {
      const subscribers = clientsIn(registry, eventsHub).filter((subscriber) =>
        owns(context, authenticator, subscriber)
      );
      const nowMs = clock.wall();
      return {
        clients: subscribers.map((subscriber) => infoOf(subscriber, { registry, nowMs })),
        messagesSent: subscribers.reduce(
          (sum, subscriber) => sum + subscriber.stats().messagesOut,
          0,
        ),
      };
    });
  const clients = described({
    summary: "The clients that are connected with this key",
    tag: "events-hub",
    responses: { 200: json("Those of this node", v.array(ClientInfo)), ...COMMON_ERRORS },
  });
  app.get("/api/v1/ws/clients", clients, anyKey(authenticator, eventsHub), async (context) => {
    const found = await ownClients(context);
    return found === undefined ? restarting() : context.json(found.clients);
  });
  const stats = described({
    summary: "How many clients are connected and what they are subscribed to",
    tag: "events-hub",
    responses: { 200: json("Those of this node", Stats), ...COMMON_ERRORS },
  });
  app.get("/api/v1/ws/stats", stats, anyKey(authenticator, eventsHub), async (context) => {
    const found = await ownClients(context);
    if (found === undefined) return restarting();
    return context.json(statsOf(found, { startedMs, nowMs: clock.wall() }));
  });
}

function clientsIn(registry: SubscriptionRegistry, eventsHub: Profile): Subscriber[] {
  return [...registry.subscribers].filter(({ profile }) => profile === eventsHub);
}

/** On an open hub every caller owns every client; elsewhere a caller without a key owns none. */
function owns(
  context: Context<ApiEnv>,
  authenticator: Pick<Authenticator, "open">,
  subscriber: Subscriber,
): boolean {
  const { keyId } = context.var.grant;
  return authenticator.open || (keyId !== undefined && keyId === subscriber.keyId);
}

function infoOf(
  subscriber: Subscriber,
  { registry, nowMs }: { registry: SubscriptionRegistry; nowMs: number },
): ClientInfo {
  const { openedMs, idleMs, queuedMessages } = subscriber.stats();
  return {
    id: subscriber.id,
    user_id: subscriber.keyId ?? "",
    username: subscriber.keyId ?? "",
    connected_at: timestampOf(openedMs),
    last_pong_at: timestampOf(nowMs - idleMs),
    event_subscriptions: [...registry.channelsOf(subscriber)],
    is_alive: true,
    queue_depth: queuedMessages,
  };
}

function statsOf(
  { clients, messagesSent }: { clients: ClientInfo[]; messagesSent: number },
  { startedMs, nowMs }: { startedMs: number; nowMs: number },
): v.InferOutput<typeof Stats> {
  const types = clients.flatMap((client) => client.event_subscriptions);
  const byType = Map.groupBy(types, (type) => type);
  return {
    total_clients: clients.length,
    total_subscriptions: types.length,
    type_stats: Object.fromEntries([...byType].map(([type, { length }]) => [type, length])),
    clients,
    messages_sent: messagesSent,
    start_time: timestampOf(startedMs),
    uptime: duration(nowMs - startedMs),
  };
}

/** In the format of Go: `1h2m3s`, without leading zeros. */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const parts = [[Math.floor(seconds / 3_600), "h"], [Math.floor(seconds / 60) % 60, "m"]] as const;
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first < 0 ? [] : parts.slice(first);
  return `${shown.map(([count, unit]) => `${count}${unit}`).join("")}${seconds % 60}s`;
}

function restarting(): Response {
  return eventsHubError(STATUS_CODE.ServiceUnavailable, "the server is restarting");
}
