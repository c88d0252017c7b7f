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
import type { ClientContext } from "./client.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import { Flusher } from "./flusher.ts";
import { Admission } from "./guard/admission.ts";
import { httpRoutes } from "./http_routes.ts";
import { Hub } from "./hub.ts";
import {
  formatAddress,
  listen,
  makeHttpServer,
  reachableByOthers,
  type TlsPair,
} from "./listener.ts";
import { TICK_MS, Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging.ts";
import { Metrics } from "./metrics.ts";
import { jsonProfile } from "./profiles/json.ts";
import type { Listen } from "./values.ts";
import { QueueBudget } from "./queue_budget.ts";
import type { Member } from "./roster.ts";
import { Routes } from "./routes.ts";
import { Upgrader } from "./upgrade.ts";
import { frameText, WsAcceptor } from "./ws_socket.ts";

/** Part of the shutdown time over which clients are asked to leave. */
const LEAVE_SPREAD = 0.4;

/** Clients that left together come back spread over so long, ms. */
const RETURN_SPREAD_MS = 4_000;

/** What is left of the shutdown time for what comes after the clients, ms. */
const LAST_STEPS_MS = 300;

/** What a server is started with. */
export interface ServerOptions {
  /** Everything that can be configured. */
  readonly config: Config;
  /** Where it is told what happens. */
  readonly log: Logger;
  /** The pair that config's TLS files hold. */
  readonly tls?: TlsPair;
}

/** A server that listens. */
export interface RunningServer {
  /** The address really bound. */
  readonly address: Listen;
  /** Lets everybody go within SHUTDOWN_MS and takes the house down. Idempotent. */
  drain(): Promise<void>;
}

/** The rooms that a drain has to close. */
interface House {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly http: Server;
  readonly wheel: Wheel;
  readonly hub: Hub;
  readonly hubRun: Promise<void>;
  readonly broker: Broker;
  readonly upgrader: Upgrader;
  readonly admission: Admission;
}

/**
 * Builds everything and listens.
 *
 * @throws {StartError} when the address cannot be had, or is open to others without consent
 */
export async function startServer({ config, log, tls }: ServerOptions): Promise<RunningServer> {
  const clock = systemClock;
  const metrics = new Metrics();
  const broker = new MemoryBroker();
  const context = buildContext({ config, log, clock, metrics, broker });
  const { wheel, hub } = context;
  const profiles = [jsonProfile({ rules: config.timing.json, echo: config.echo })];
  for (const { name } of profiles) metrics.of(name); // so that its series are there from the start
  const routes = new Routes(profiles, config.defaultProfile);
  const admission = new Admission(config.limits, clock.now());
  let draining = false;

  const http = makeHttpServer(tls);
  const address = await listen(http, config.listen);
  const open = reachableByOthers(address, config.onDeploy);
  if (open && !config.allowAnonymous) {
    http.close();
    throw new StartError(
      `Cannot start: anybody who reaches ${formatAddress(address)} could connect, since no keys ` +
        "are configured; listen on 127.0.0.1 or set ALLOW_ANONYMOUS=true",
    );
  }
  const loopbackHostOnly = !open && address.kind === "tcp";
  const upgrader = new Upgrader({
    acceptor: new WsAcceptor({
      maxMessageBytes: config.limits.maxMessageBytes,
      closeWaitMs: config.closeWaitMs,
    }),
    routes,
    admission,
    context,
    allowedOrigins: config.allowedOrigins,
    loopbackHostOnly,
  });
  const respond = httpRoutes({ metrics, routes, ready: () => !draining, loopbackHostOnly });
  http.on("request", getRequestListener(respond, { overrideGlobalObjects: false }));
  http.on("upgrade", (request, raw, head) => upgrader.upgrade(request, raw as NetSocket, head));
  wheel.start();
  const hubRun = hub.run();
  const house = { config, clock, log, http, wheel, hub, hubRun, broker, upgrader, admission };
  let drained: Promise<void> | undefined;
  const drain = () => {
    draining = true;
    return drained ??= takeDown(house);
  };
  return { address, drain };
}

/** The rooms of a frame's way, joined. */
function buildContext(
  { config, log, clock, metrics, broker }: ServerOptions & {
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
    overBudget: () => budget.exceeded,
    onError: (error) => log.error("a hub command failed: please report this", { error }),
  });
  budget.onExceeded = () => hub.tell({ kind: "relieve" });
  metrics.read({
    mailboxLetters: () => hub.backlog,
    queuedBytes: () => budget.usedBytes,
    channels: () => hub.channelCount,
  });
  return {
    clock,
    wheel,
    hub,
    metrics,
    log,
    frameText,
    budget,
    flusher: new Flusher(clock),
    queueMessages: limits.sendQueueMessages,
    queueBytes: limits.sendQueueBytes,
    writeWaitMs: config.writeWaitMs,
    maxMessagesPerSecond: limits.maxMessagesPerSecond,
    random: Math.random,
  };
}

/** Clients first, then the hub, then what carried them. */
async function takeDown(house: House): Promise<void> {
  const { config, clock, log, http, wheel, hub, hubRun, broker, upgrader, admission } = house;
  const deadlineMs = clock.now() + Math.max(0, config.shutdownMs - LAST_STEPS_MS);
  upgrader.drain();
  const members = await hub.ask((roster) => [...roster.members]) ?? [];
  log.info("draining", { connections: members.length });
  await askToLeave(members, house);
  while (admission.open > 0 && clock.now() < deadlineMs) await sleep(clock, TICK_MS);
  for (const member of members) member.terminate();
  hub.stop();
  await hubRun;
  wheel.stop();
  await broker.close();
  http.close();
  http.closeAllConnections();
  log.info("drained", { terminated: admission.open });
}

/** Spread at random, so that the next server does not meet them all at once. */
async function askToLeave(members: Member[], { config, clock }: House): Promise<void> {
  const waves = Math.floor(config.shutdownMs * LEAVE_SPREAD / TICK_MS);
  shuffle(members);
  const perWave = Math.max(20, Math.ceil(members.length / Math.max(1, waves)));
  for (let i = 0; i < members.length; i++) {
    if (i > 0 && i % perWave === 0) await sleep(clock, TICK_MS);
    members[i].close("drain", Math.round(1_000 + Math.random() * RETURN_SPREAD_MS));
  }
}

function shuffle<T>(items: T[]): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
}
