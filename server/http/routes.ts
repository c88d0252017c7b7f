/**
 * The plain HTTP routes, joined: the page, health, readiness, metrics, the API of http/, its
 * description, and an answer to requests that should have been upgrades.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import { hostIsLoopback } from "../auth/origin.ts";
import { assetRoutes, type AssetsOptions } from "./assets.ts";
import { adminKey, type ApiEnv, type App, sameSite } from "./caller.ts";
import { connectionRoutes, type ConnectionsOptions } from "./connections.ts";
import { addDocument, described, refusals, text } from "./description.ts";
import { docsRoutes } from "./docs.ts";
import { eventsHubRoutes, type EventsHubRoutesOptions, refuseAsEventsHub } from "./events_hub.ts";
import { type OverviewOptions, overviewRoutes } from "./overview.ts";
import { problem } from "../base/problem.ts";
import { type PublishOptions, publishRoutes } from "./publish.ts";
import { suspensionRoutes, type SuspensionsRoutesOptions } from "./suspensions.ts";
import { ticketRoutes, type TicketsRoutesOptions } from "./tickets.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { parseTarget, type ProfileRoutes } from "../transport/profile_routes.ts";

/** What the routes need, each part's options and their own. */
export interface HttpRoutesOptions
  extends
    AssetsOptions,
    PublishOptions,
    ConnectionsOptions,
    OverviewOptions,
    SuspensionsRoutesOptions,
    TicketsRoutesOptions,
    EventsHubRoutesOptions {
  /** Checks credentials. */
  readonly authenticator: EventsHubRoutesOptions["authenticator"];
  /** Which paths are WebSockets. */
  readonly routes: ProfileRoutes;
  /** What `/metrics` shows. */
  readonly metrics: Metrics;
  /** Whether new connections are accepted. */
  readonly ready: () => boolean;
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
  readonly allowedOrigins: readonly string[];
}

/** Builds the routes. */
export function httpRoutes(options: HttpRoutesOptions): App {
  const { loopbackHostOnly, allowedOrigins, log } = options;
  const app = new Hono<ApiEnv>({ strict: false }); // `/metrics/` is `/metrics`
  app.use(async (context, next) => {
    if (!loopbackHostOnly || hostIsLoopback(context.req.header("host"))) return await next();
    return problem(STATUS_CODE.Forbidden, "this open server answers only to a loopback Host");
  });
  app.use("/api/v1/ws/*", sameSite(allowedOrigins, refuseAsEventsHub));
  app.use(sameSite(allowedOrigins));
  for (const path of ["/api/*", "/v1/*"]) {
    app.use(path, async ({ header }, next) => {
      await next();
      header("Cache-Control", "no-store"); // what is true now, or a secret
    });
  }
  addProcessRoutes(app, options);
  app.route("/", assetRoutes(options));
  app.route("/", docsRoutes());
  app.route("/", publishRoutes(options));
  app.route("/", connectionRoutes(options));
  app.route("/", overviewRoutes(options));
  app.route("/", suspensionRoutes(options));
  app.route("/", ticketRoutes(options));
  app.route("/", eventsHubRoutes(options));
  addDocument(app, options.authenticator);
  refuseOtherMethods(app);
  app.all("*", (context) => refuseElsewhere(context.req.raw, options.routes));
  app.onError((error) => {
    log.error("an HTTP request failed: please report this", { error });
    return problem(500, "this is a fault of the server; its log says more");
  });
  return app;
}

function addProcessRoutes(app: App, { metrics, authenticator, ready }: HttpRoutesOptions): void {
  const alive = described({
    summary: "Is the process alive?",
    tag: "process",
    access: "open",
    answers: { 200: text("It is") },
  });
  app.get("/healthz", alive, (context) => context.text("alive\n"));
  const accepting = described({
    summary: "Does it accept new connections?",
    tag: "process",
    access: "open",
    answers: { 200: text("It does"), 503: text("It is draining") },
  });
  app.get("/readyz", accepting, (context) => {
    if (ready()) return context.text("ready\n");
    return context.text("draining\n", STATUS_CODE.ServiceUnavailable);
  });
  const exposition = described({
    summary: "Prometheus metrics",
    tag: "process",
    answers: { 200: text("The exposition"), ...refusals("no admin") },
  });
  app.get("/metrics", exposition, adminKey(authenticator), async (context) => {
    return context.body(await metrics.text(), 200, { "Content-Type": metrics.contentType });
  });
}

/** On each path that is there: 405 and the methods that work. */
function refuseOtherMethods(app: App): void {
  const ways = app.routes.filter(({ method }) => method !== "ALL");
  for (const [path, routes] of Map.groupBy(ways, ({ path }) => path)) {
    const methods = [...new Set(routes.map(({ method }) => method))].join(", ");
    app.all(path, () => wrongMethod(methods));
  }
}

function wrongMethod(methods: string): Response {
  const detail = `only ${methods} works here`;
  return problem(STATUS_CODE.MethodNotAllowed, detail, { Allow: methods });
}

/** A WebSocket's path without an upgrade, or no path at all. */
function refuseElsewhere({ url, method }: Request, routes: ProfileRoutes): Response {
  const { pathname, search } = new URL(url);
  const target = parseTarget(pathname + search);
  if (target === undefined || routes.profileOf(target) === undefined) {
    return problem(STATUS_CODE.NotFound, `nothing is at ${pathname.slice(0, 256)}`);
  }
  if (method !== "GET") return wrongMethod("GET");
  return problem(STATUS_CODE.UpgradeRequired, "this is a WebSocket: send an upgrade request", {
    Upgrade: "websocket",
    Connection: "Upgrade",
  });
}
