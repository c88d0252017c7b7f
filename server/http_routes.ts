/**
 * The plain HTTP routes: health, readiness, metrics, and a word to those who forgot to upgrade.
 *
 * @module
 */

import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import { Hono } from "hono";
import { hostIsLoopback } from "./guard/origin.ts";
import type { Metrics } from "./metrics.ts";
import { parseTarget, type Routes } from "./routes.ts";

/** What the routes tell of. */
export interface HttpRoutesOptions {
  /** What /metrics shows. */
  readonly metrics: Metrics;
  /** Which paths are WebSockets. */
  readonly routes: Routes;
  /** Whether new connections are accepted. */
  readonly ready: () => boolean;
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

/** Answers a request. */
export type RespondHttp = (request: Request) => Response | Promise<Response>;

/** Builds the routes. */
export function httpRoutes(options: HttpRoutesOptions): RespondHttp {
  const { metrics, routes, ready, loopbackHostOnly } = options;
  const app = new Hono();
  app.use(async (context, next) => {
    if (!loopbackHostOnly || hostIsLoopback(context.req.header("host"))) return await next();
    return problem(STATUS_CODE.Forbidden, "this open server answers only to a loopback Host");
  });
  app.get("/healthz", (context) => context.text("alive\n"));
  app.get("/readyz", (context) => {
    if (ready()) return context.text("ready\n");
    return context.text("draining\n", STATUS_CODE.ServiceUnavailable);
  });
  app.get("/metrics", async (context) => {
    return context.body(await metrics.text(), 200, { "Content-Type": metrics.contentType });
  });
  app.get("/", (context) => context.text("Systole: connect a WebSocket to /ws\n"));
  for (const path of ["/", "/healthz", "/readyz", "/metrics"]) app.all(path, wrongMethod);
  app.all("*", (context) => {
    const { pathname, search } = new URL(context.req.url);
    const target = parseTarget(pathname + search);
    if (target === undefined || routes.profileOf(target) === undefined) {
      return problem(STATUS_CODE.NotFound, `nothing is at ${pathname.slice(0, 256)}`);
    }
    if (context.req.method !== "GET") return wrongMethod();
    const detail = "this is a WebSocket: send an upgrade request";
    return problem(STATUS_CODE.UpgradeRequired, detail, {
      Upgrade: "websocket",
      Connection: "Upgrade",
    });
  });
  return (request) => app.fetch(request);
}

function wrongMethod(): Response {
  return problem(STATUS_CODE.MethodNotAllowed, "only GET works here", { Allow: "GET" });
}

/** Problem details, RFC 9457. */
function problem(status: number, detail: string, headers?: Record<string, string>): Response {
  const body = JSON.stringify({ title: STATUS_TEXT[status], status, detail });
  return new Response(body, {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}
