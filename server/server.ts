/**
 * The composition root: builds the rooms, joins them, listens, and takes them down again in order.
 *
 * @module
 */

import { getRequestListener } from "@hono/node-server";
import type { Socket as NetSocket } from "node:net";
import type { Broker } from "./brokers/broker.ts";
import { MemoryBroker } from "./brokers/memory.ts";
import type { ClientContext } from "./client_context.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ClosedLog } from "./closed_log.ts";
import type { Config } from "./config.ts";
import { takeDown } from "./drain.ts";
import { StartError } from "./errors.ts";
import type { Files } from "./files.ts";
import { Flusher } from "./flusher.ts";
import { Admission } from "./guard/admission.ts";
import type { Gate } from "./guard/gate.ts";
import { openGuard } from "./guard/guard.ts";
import { loadWebFiles } from "./http/web_files.ts";
import { httpRoutes } from "./http_routes.ts";
import { Hub } from "./hub.ts";
import { formatAddress, listen, makeHttpServer, reachableByOthers } from "./listener.ts";
import { detectionBoundMs } from "./liveness/heartbeat.ts";
import { Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging.ts";
import { MailboxProbe } from "./mailbox_probe.ts";
import { Metrics } from "./metrics.ts";
import { OverviewFeed } from "./overview_feed.ts";
import { PathLimits } from "./path_limits.ts";
import { profilesOf } from "./profiles/systems.ts";
import { QueueBudget } from "./queue_budget.ts";
import { Routes } from "./routes.ts";
import { statsReader } from "./stats.ts";
import { PROFILE_NAMES, PROFILE_TIMING } from "./timing_options.ts";
import { Upgrader } from "./upgrade.ts";
import type { Listen } from "./values.ts";
import { frameText, WsAcceptor } from "./ws_socket.ts";

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
  /** Lets everybody go within SHUTDOWN_MS and takes the house down. Idempotent. */
  drain(): Promise<void>;
}

/**
 * Builds everything and listens.
 *
 * @throws {StartError} when the address cannot be had, or is open to others without consent
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, log, files } = options;
  const { credentials, tls } = files;
  const clock = systemClock;
  const metrics = new Metrics(PROFILE_NAMES.map((profile) => {
    const { silenceFrom } = PROFILE_TIMING[profile];
    const timing = config.timing[profile];
    return { profile, ...timing, boundMs: detectionBoundMs({ ...timing, silenceFrom }) };
  }));
  const broker = new MemoryBroker();
  const closedLog = new ClosedLog();
  const pathLimits = new PathLimits();
  const guard = await openGuard({ config, credentials, clock, log });
  const { gate, suspensions, proxies } = guard;
  const context = buildContext({
    config,
    log,
    clock,
    metrics,
    broker,
    closedLog,
    pathLimits,
    gate,
  });
  const { wheel, hub } = context;
  suspensions.onSuspended = (keyId) => expel(keyId, hub, log);
  const profiles = profilesOf(config);
  const routes = new Routes(profiles, config.defaultProfile);
  const admission = new Admission(config.limits, clock.now());
  let draining = false;

  const http = makeHttpServer(tls);
  const address = await listen(http, config.listen);
  const exposed = reachableByOthers(address, config.onDeploy);
  if (gate.open && exposed && !config.allowAnonymous) {
    http.close();
    await guard.close();
    throw new StartError(
      `Cannot start: anybody who reaches ${formatAddress(address)} could connect, since no keys ` +
        "are configured; set API_KEYS, listen on 127.0.0.1, or set ALLOW_ANONYMOUS=true",
    );
  }
  const { maxMessageBytes } = config.limits;
  const { closeWaitMs, allowedOrigins } = config;
  const loopbackHostOnly = gate.open && !exposed && address.kind === "tcp";
  const acceptor = new WsAcceptor({ maxMessageBytes, closeWaitMs });
  const door = { routes, gate, proxies, allowedOrigins, loopbackHostOnly };
  const entry = { acceptor, suspensions, admission, context, closeWaitMs };
  const upgrader = new Upgrader({ ...door, ...entry });
  const readStats = statsReader({ ...context, profileNames: PROFILE_NAMES });
  const feed = new OverviewFeed({ ...context, readStats });
  const app = httpRoutes({
    ...context,
    ...guard,
    ...door,
    eventsHub: profiles[0],
    readStats,
    webFiles: loadWebFiles(),
    maxMessageBytes,
    ready: () => !draining,
  });
  const respond = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
  });
  http.on("request", respond);
  http.on("upgrade", (request, raw, head) => upgrader.upgrade(request, raw as NetSocket, head));
  wheel.start();
  feed.start();
  const hubRun = hub.run();
  const house = {
    config,
    clock,
    log,
    http,
    wheel,
    hub,
    hubRun,
    feed,
    broker,
    upgrader,
    admission,
    guard,
  };
  let drained: Promise<void> | undefined;
  const drain = () => {
    draining = true;
    return drained ??= takeDown(house);
  };
  return { address, open: gate.open, drain };
}

/** Closes the connections of a suspended key. */
function expel(keyId: string, hub: Hub, log: Logger): void {
  log.warning("key suspended for repeated violations", { key: keyId });
  hub.tell({
    kind: "ask",
    look(roster) {
      for (const member of roster.members) {
        if (member.keyId === keyId) member.close("key_suspended");
      }
    },
  });
}

/** The rooms of a frame's way, joined. */
function buildContext(
  { config, log, clock, metrics, broker, closedLog, pathLimits, gate }:
    & Omit<ServerOptions, "files">
    & {
      readonly pathLimits: PathLimits;
      readonly gate: Gate;
      readonly closedLog: ClosedLog;
      readonly clock: Clock;
      readonly metrics: Metrics;
      readonly broker: Broker;
    },
): ClientContext {
  const { limits } = config;
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
    budget,
    onError: (error) => log.error("a hub command failed: please report this", { error }),
  });
  metrics.read({
    mailboxLetters: () => hub.backlog,
    queuedBytes: () => budget.usedBytes,
    channels: () => hub.channelCount,
    pathLimits: () => pathLimits.size,
    pathLimitCuts: () => pathLimits.cut,
  });
  wheel.enter(new MailboxProbe({ hub, clock, metrics }), wheel.now());
  return {
    clock,
    wheel,
    hub,
    metrics,
    log,
    closedLog,
    pathLimits,
    frameText,
    budget,
    flusher: new Flusher(clock),
    queueMessages: limits.sendQueueMessages,
    queueBytes: limits.sendQueueBytes,
    writeWaitMs: config.writeWaitMs,
    maxMessagesPerSecond: limits.maxMessagesPerSecond,
    random: Math.random,
    isKey: gate.isKey,
  };
}
