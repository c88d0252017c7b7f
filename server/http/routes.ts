/**
 * All HTTP routes: the page, health, readiness, metrics, the API and its description, and the response
 * to requests that should be upgrades.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import { hostIsLoopback } from "../auth/origin.ts";
import { assetRoutes, type AssetsOptions } from "./assets.ts";
import { adminKey, type ApiEnv, type App, checkOrigin } from "./caller.ts";
import { connectionRoutes, type ConnectionsOptions } from "./connections.ts";
import { addDocument, authErrors, described, text } from "./description.ts";
import { docsRoutes } from "./docs.ts";
import { historyRoutes, type HistoryRoutesOptions } from "./history.ts";
import { eventsHubError, eventsHubRoutes, type EventsHubRoutesOptions } from "./events_hub.ts";
import { type OverviewOptions, overviewRoutes } from "./overview.ts";
import { problem, unavailable } from "../base/problem.ts";
import { VERSION } from "../base/version.ts";
import { Unavailable } from "../brokers/broker.ts";
import { presenceRoutes, type PresenceRoutesOptions } from "./presence.ts";
import { type PublishOptions, publishRoutes } from "./publish.ts";
import { suspensionRoutes, type SuspensionsRoutesOptions } from "./suspensions.ts";
import { ticketRoutes, type TicketsRoutesOptions } from "./tickets.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { parseTarget, type ProfileRoutes } from "../transport/profile_routes.ts";

export interface HttpRoutesOptions
  extends
    AssetsOptions,
    PublishOptions,
    HistoryRoutesOptions,
    PresenceRoutesOptions,
    ConnectionsOptions,
    OverviewOptions,
    SuspensionsRoutesOptions,
    TicketsRoutesOptions,
    EventsHubRoutesOptions {
  readonly authenticator: EventsHubRoutesOptions["authenticator"];
  /** The paths of WebSockets. */
  readonly routes: ProfileRoutes;
  readonly metrics: Metrics;
  /** The text of `/metrics`. */
  readonly exposition: () => Promise<string>;
  /** Whether new connections are accepted: not while draining. */
  readonly readiness: () => "ready" | "degraded" | "draining";
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
  readonly allowedOrigins: readonly string[];
}

export function httpRoutes(options: HttpRoutesOptions): App {
  const { loopbackHostOnly, allowedOrigins, log } = options;
  const app = new Hono<ApiEnv>({ strict: false }); // `/metrics/` is `/metrics`
  app.use(async (context, next) => {
    if (!loopbackHostOnly || hostIsLoopback(context.req.header("host"))) return await next();
    return problem(STATUS_CODE.Forbidden, "this open server answers only to a loopback Host");
  });
  app.use("/api/v1/ws/*", checkOrigin(allowedOrigins, eventsHubError));
  app.use(checkOrigin(allowedOrigins));
  for (const path of ["/api/*", "/v1/*"]) {
    app.use(path, async ({ header }, next) => {
      await next();
      header("Cache-Control", "no-store"); // the current state, or a secret
    });
  }
  addProcessRoutes(app, options);
  app.route("/", assetRoutes(options));
  app.route("/", docsRoutes());
  app.route("/", publishRoutes(options));
  app.route("/", historyRoutes(options));
  app.route("/", presenceRoutes(options));
  app.route("/", connectionRoutes(options));
  app.route("/", overviewRoutes(options));
  app.route("/", suspensionRoutes(options));
  app.route("/", ticketRoutes(options));
  app.route("/", eventsHubRoutes(options));
  addDocument(app, options.authenticator);
  rejectOtherMethods(app);
  app.all("*", (context) => rejectElsewhere(context.req.raw, options.routes));
  app.onError((error) => {
    if (error instanceof Unavailable) return unavailable();
    log.error("an HTTP request failed: please report this", { error });
    return problem(
      STATUS_CODE.InternalServerError,
      "this is a fault of the server; its log says more",
    );
  });
  return app;
}

function addProcessRoutes(
  app: App,
  { metrics, exposition: readExposition, authenticator, readiness }: HttpRoutesOptions,
): void {
  const alive = described({
    summary: "Is the process alive?",
    tag: "process",
    access: "open",
    responses: { 200: text("It is; the header Systole-Version tells its version") },
  });
  app.get("/healthz", alive, (context) => {
    context.header("Systole-Version", VERSION);
    return context.text("alive\n");
  });
  const accepting = described({
    summary: "Does it accept new connections?",
    tag: "process",
    access: "open",
    responses: {
      200: text("It does; `degraded` while it does not reach the other nodes"),
      503: text("It is draining"),
    },
  });
  app.get("/readyz", accepting, (context) => {
    const state = readiness();
    const status = state === "draining" ? STATUS_CODE.ServiceUnavailable : STATUS_CODE.OK;
    return context.text(`${state}\n`, status);
  });
  const exposition = described({
    summary: "Prometheus metrics",
    tag: "process",
    responses: { 200: text("The exposition"), ...authErrors("no admin") },
  });
  app.get("/metrics", exposition, adminKey(authenticator), async (context) => {
    return context.body(await readExposition(), 200, { "Content-Type": metrics.contentType });
  });
}

/** Every other method of a known path: 405 with the allowed methods. */
function rejectOtherMethods(app: App): void {
  const known = app.routes.filter(({ method }) => method !== "ALL");
  for (const [path, routes] of Map.groupBy(known, ({ path }) => path)) {
    const methods = [...new Set(routes.map(({ method }) => method))].join(", ");
    app.all(path, () => methodNotAllowed(methods));
  }
}

function methodNotAllowed(methods: string): Response {
  const detail = `only ${methods} works here`;
  return problem(STATUS_CODE.MethodNotAllowed, detail, { Allow: methods });
}

/** The path of a WebSocket without an upgrade, or an unknown path. */
function rejectElsewhere({ url, method }: Request, routes: ProfileRoutes): Response {
  const { pathname, search } = new URL(url);
  const target = parseTarget(pathname + search);
  if (target === undefined || routes.profileOf(target) === undefined) {
    return problem(STATUS_CODE.NotFound, `nothing is at ${pathname.slice(0, 256)}`);
  }
  const missing = routes.notFound(target);
  if (missing !== undefined) return new Response(missing.answer.body, missing.answer);
  if (method !== "GET") return methodNotAllowed("GET");
  return problem(STATUS_CODE.UpgradeRequired, "this is a WebSocket: send an upgrade request", {
    Upgrade: "websocket",
    Connection: "Upgrade",
  });
}
