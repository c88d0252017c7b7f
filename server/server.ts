/**
 * The composition root: builds the rooms, joins them, listens, and takes them down again in order.
 *
 * @module
 */

import { getRequestListener } from "@hono/node-server";
import type { Server } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { Broker } from "./brokers/broker.ts";
import { MemoryBroker } from "./brokers/memory.ts";
import type { ClientContext } from "./client/client_deps.ts";
import { systemClock } from "./base/clock.ts";
import { CloseHistory } from "./client/close_history.ts";
import type { Config } from "./config/config.ts";
import { shutdown } from "./drain.ts";
import { StartError } from "./base/errors.ts";
import type { Files } from "./config/files.ts";
import { Flusher } from "./client/flusher.ts";
import { Admission } from "./auth/admission.ts";
import { type Auth, openAuth } from "./auth/auth.ts";
import { Quotas } from "./auth/quotas.ts";
import type { Suspensions } from "./auth/suspensions.ts";
import { loadWebFiles } from "./http/web_files.ts";
import { httpRoutes } from "./http/routes.ts";
import { Hub } from "./hub.ts";
import { formatAddress, listen, makeHttpServer, reachableByOthers } from "./transport/listener.ts";
import { detectionBoundMs } from "./liveness/heartbeat.ts";
import { Wheel } from "./liveness/wheel.ts";
import { LoadShedder, QueueBudget } from "./hub/load_shedder.ts";
import type { Logger } from "./logging/logging.ts";
import { MailboxProbe } from "./hub/mailbox_probe.ts";
import type { DetectionBounds } from "./metrics/detection_times.ts";
import { Metrics } from "./metrics/metrics.ts";
import { OverviewFeed } from "./http/overview_feed.ts";
import { IdleTimeoutDetector } from "./diagnosis/idle_timeout_detector.ts";
import { profilesOf } from "./profiles/registry.ts";
import { ProfileRoutes } from "./transport/profile_routes.ts";
import { statsReader } from "./http/stats.ts";
import { PROFILE_NAMES, PROFILE_TIMING } from "./profiles/timing_options.ts";
import { Client } from "./client.ts";
import { type AcceptedConnection, Upgrader } from "./transport/upgrade.ts";
import type { Listen } from "./base/option_values.ts";
import { frameText, WsAcceptor } from "./transport/ws_socket.ts";

/** What a server is started with. */
export interface ServerOptions {
  /** Everything that can be configured. */
  readonly config: Config;
  /** Where it is told what happens. */
  readonly log: Logger;
  /** What the files hold that config names. */
  readonly files: Files;
}

/** A server that listens. */
export interface RunningServer {
  /** The address really bound. */
  readonly address: Listen;
  /** Whether anybody who reaches it may connect. */
  readonly open: boolean;
  /** Lets everybody go within SHUTDOWN_MS and takes the parts down. Idempotent. */
  drain(): Promise<void>;
}

/** A boundServer that nobody answers yet. */
interface BoundServer {
  readonly http: Server;
  readonly address: Listen;
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

/**
 * Builds everything and listens.
 *
 * @throws {StartError} when the store, the certificate or the address cannot be had, or the address
 *   is open to others without consent; nothing is left open then
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, log, files: { credentials } } = options;
  const auth = await openAuth({ config, credentials, clock: systemClock, log });
  try {
    const boundServer = await bind(options, auth.authenticator.open);
    return serve(options, auth, boundServer);
  } catch (error) {
    await auth.close();
    throw error;
  }
}

/** Listens. @throws {StartError} see `startServer` */
async function bind(
  { config, files }: ServerOptions,
  isOpen: boolean,
): Promise<BoundServer> {
  const http = makeHttpServer(files.tls);
  const address = await listen(http, config.listen);
  const exposed = reachableByOthers(address, config.onDeploy);
  if (isOpen && exposed && !config.allowAnonymous) {
    http.close();
    throw new StartError(
      `Cannot start: anybody who reaches ${formatAddress(address)} could connect, since no keys ` +
        "are configured; set API_KEYS, listen on 127.0.0.1, or set ALLOW_ANONYMOUS=true",
    );
  }
  return { http, address, loopbackHostOnly: isOpen && !exposed && address.kind === "tcp" };
}

/** Joins the rooms behind the boundServer, and lets people in. */
function serve(
  { config, log }: ServerOptions,
  auth: Auth,
  boundServer: BoundServer,
): RunningServer {
  const { http, address, loopbackHostOnly } = boundServer;
  const { allowedOrigins, closeWaitMs, limits, limits: { maxMessageBytes } } = config;
  const clock = systemClock;
  const broker = new MemoryBroker();
  const context = buildContext({ config, log, clock, broker, isKey: auth.authenticator.isKey });
  const { wheel, hub } = context;
  auth.suspensions.onSuspended = closeSuspendedConnections(hub, log);
  const profiles = profilesOf(config);
  const routes = new ProfileRoutes(Object.values(profiles), config.defaultProfile);
  const entry = { ...auth, routes, allowedOrigins, loopbackHostOnly };
  const admission = new Admission(limits, clock.now());
  const acceptor = new WsAcceptor({ maxMessageBytes, closeWaitMs });
  const limiters = { admission, quotas: new Quotas() };
  const connect = (connection: AcceptedConnection) => void new Client(connection, context);
  const upgrader = new Upgrader({
    ...entry,
    ...limiters,
    acceptor,
    closeWaitMs,
    connect,
    clock,
    metrics: context.metrics,
    log,
  });
  const readStats = statsReader({ ...context, profileNames: PROFILE_NAMES });
  const feed = new OverviewFeed({ ...context, readStats });
  let drained: Promise<void> | undefined;
  const app = httpRoutes({
    ...context,
    ...entry,
    eventsHub: profiles["events-hub"],
    readStats,
    webFiles: loadWebFiles(),
    maxMessageBytes,
    ready: () => drained === undefined,
  });
  const respond = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
  });
  http.on("request", respond);
  http.on("upgrade", (request, raw, head) => upgrader.upgrade(request, raw as NetSocket, head));
  wheel.start();
  feed.start();
  const rooms = { config, clock, log, http, wheel, hub, feed, broker, upgrader, admission, auth };
  const parts = { ...rooms, hubRun: hub.run() };
  const drain = () => drained ??= shutdown(parts);
  return { address, open: auth.authenticator.open, drain };
}

/** So that each profile's series are there from the start. */
function patiencesOf({ timing }: Config): DetectionBounds[] {
  return PROFILE_NAMES.map((profile) => {
    const { silenceFrom } = PROFILE_TIMING[profile];
    const boundMs = detectionBoundMs({ ...timing[profile], silenceFrom });
    return { profile, pongWaitMs: timing[profile].pongWaitMs, boundMs };
  });
}

/** Closes the connections of a suspended key. */
function closeSuspendedConnections(hub: Hub, log: Logger): Suspensions["onSuspended"] {
  return (keyId, afterMs) => {
    log.warning("key suspended for repeated violations", { key: keyId });
    hub.tell({
      kind: "ask",
      look(registry) {
        for (const subscriber of registry.subscribers) {
          if (subscriber.keyId === keyId) subscriber.close("key_suspended", { afterMs });
        }
      },
    });
  };
}

/** The rooms of a frame's way, joined. */
function buildContext(
  { config, log, clock, broker, isKey }:
    & Omit<ServerOptions, "files">
    & Pick<ClientContext, "clock" | "isKey">
    & { readonly broker: Broker },
): ClientContext {
  const { limits } = config;
  const metrics = new Metrics(patiencesOf(config));
  const idleTimeouts = new IdleTimeoutDetector();
  const budget = new QueueBudget(limits.queueBudgetBytes);
  const wheel = new Wheel(clock, {
    tick: (lateMs) => metrics.tick(lateMs),
    stall(lateMs) {
      metrics.stall(lateMs);
      log.warning("the server itself stood still; nobody is judged for it", {
        seconds: Math.round(lateMs) / 1_000,
      });
    },
  });
  const hub = new Hub({
    clock,
    broker,
    frameText,
    maxSubscriptions: limits.maxSubscriptions,
    onError: (error) => log.error("a hub command failed: please report this", { error }),
  });
  metrics.read({
    mailboxMessages: () => hub.backlog,
    queuedBytes: () => budget.usedBytes,
    channels: () => hub.channelCount,
    idleTimeouts: () => idleTimeouts.size,
    idleTimeoutCuts: () => idleTimeouts.cut,
  });
  wheel.schedule(new MailboxProbe({ hub, clock, metrics }), wheel.now());
  wheel.schedule(new LoadShedder({ hub, budget }), wheel.now());
  return {
    clock,
    wheel,
    hub,
    metrics,
    log,
    closeHistory: new CloseHistory(),
    idleTimeouts,
    frameText,
    budget,
    flusher: new Flusher(clock),
    queueMessages: limits.sendQueueMessages,
    queueBytes: limits.sendQueueBytes,
    writeWaitMs: config.writeWaitMs,
    maxMessagesPerSecond: limits.maxMessagesPerSecond,
    random: Math.random,
    isKey,
  };
}
