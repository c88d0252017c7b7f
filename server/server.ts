/**
 * The composition root: builds the parts, connects them, listens, and shuts them down in order.
 *
 * @module
 */

import { getRequestListener } from "@hono/node-server";
import type { Server } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { Admission } from "./auth/admission.ts";
import { type Auth, type AuthOptions, openAuth } from "./auth/auth.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import { Quotas } from "./auth/quotas.ts";
import { isReserved, matcher } from "./auth/rights.ts";
import type { Suspensions } from "./auth/suspensions.ts";
import { verifyToken } from "./auth/tokens.ts";
import { systemClock } from "./base/clock.ts";
import { StartError } from "./base/errors.ts";
import type { Listen } from "./base/option_values.ts";
import {
  type AdmissionRate,
  MemoryAdmissionRate,
  UnlimitedAdmission,
} from "./brokers/admission_rate.ts";
import type { Broker } from "./brokers/broker.ts";
import { loadRedis } from "./brokers/load_redis.ts";
import { MemoryBroker } from "./brokers/memory.ts";
import { type HistoryBounds, MemoryHistory } from "./brokers/memory_history.ts";
import type { Nodes } from "./brokers/nodes.ts";
import type { SharedLimits } from "./brokers/shared_limits.ts";
import type { SharedMembers } from "./brokers/shared_members.ts";
import { Client, type ClientOptions } from "./client.ts";
import { AdvisedClients } from "./client/reconnect_advice.ts";
import { CloseHistory } from "./client/close_history.ts";
import type { Config } from "./config/config.ts";
import type { Files } from "./config/files.ts";
import { IdleTimeoutDetector } from "./diagnosis/idle_timeout_detector.ts";
import { type ServerParts, shutdown } from "./drain.ts";
import { OverviewFeed } from "./http/overview_feed.ts";
import { httpRoutes } from "./http/routes.ts";
import { statsReader } from "./http/stats.ts";
import { loadWebFiles } from "./http/web_files.ts";
import { hubQuestion } from "./http/whole_hub.ts";
import { Hub } from "./hub.ts";
import { LoadShedder, QueueBudget } from "./hub/load_shedder.ts";
import { MailboxProbe } from "./hub/mailbox_probe.ts";
import { detectionBoundMs } from "./liveness/heartbeat.ts";
import { type TimerTask, Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging/logging.ts";
import type { DetectionBounds } from "./metrics/detection_times.ts";
import { Metrics } from "./metrics/metrics.ts";
import { createProfiles, PROFILE_NAMES, PROFILES } from "./profiles/registry.ts";
import { KvStore } from "./stores/kv.ts";
import { formatAddress, listen, makeHttpServer, reachableByOthers } from "./transport/listener.ts";
import { PendingConnections } from "./transport/pending_connections.ts";
import { ProfileRoutes } from "./transport/profile_routes.ts";
import { RejectionHistory } from "./transport/rejection_history.ts";
import { Upgrader } from "./transport/upgrade.ts";
import { CAN_REJECT_UPGRADES } from "./transport/upgrade_compat.ts";
import { WsAcceptor, type WsSocketOptions } from "./transport/ws_socket.ts";
import { Flusher } from "./write_pump.ts";

/** What a server is started with. */
export interface ServerOptions {
  /** The whole configuration. */
  readonly config: Config;
  /** The log. */
  readonly log: Logger;
  /** The contents of the files that the configuration names. */
  readonly files: Files;
}

/** What the server takes of the platform: time, randomness, and each asynchronous call. */
export interface Platform
  extends
    Pick<AuthOptions, "clock" | "newId" | "openStore" | "verifyToken">,
    Pick<ClientOptions, "random"> {
  /** Makes the broker of a hub of one process. @param history what is kept of channels */
  readonly createBroker: (history: MemoryHistory) => Broker;
  /** See `UpgraderOptions`. */
  readonly canRejectUpgrades: boolean;
  /** Makes what completes WebSocket handshakes. */
  readonly createAcceptor: (options: WsSocketOptions) => Pick<WsAcceptor, "accept">;
  /** Makes the broker of a hub of several nodes, where it is one. */
  readonly openBroker?: (options: BrokerOptions) => OpenBroker;
  /** Whether other threads of this process listen on the same port. */
  readonly sharesPort?: boolean;
  /** Makes the text of `/metrics`, where this is not the whole process. */
  readonly exposition?: (metrics: Metrics) => () => Promise<string>;
}

/** What a broker is made with. */
export interface BrokerOptions
  extends
    HistoryBounds,
    Pick<Platform, "clock" | "random" | "newId" | "createBroker">,
    Pick<ServerOptions, "log"> {
  /** Whether a channel keeps a history. */
  readonly keeps: (channel: string) => boolean;
  /** See `ADMISSION_PER_SECOND` in options.md. */
  readonly admissionPerSecond: number;
}

/** A broker, and what this process keeps for it. */
export interface OpenBroker {
  readonly broker: Broker;
  /** Releases what has expired. */
  readonly history: TimerTask & HistoryFigures;
  readonly figures?: BrokerFigures;
  /** The other processes of the hub. */
  readonly nodes?: Nodes;
  /** Who is on which channel there. */
  readonly members?: SharedMembers;
  /** What keys may do on all of them together. */
  readonly limits?: SharedLimits;
  /** What they admit together. */
  readonly admissionRate?: AdmissionRate;
}

/** What is kept, and what was given up since the start. */
export interface HistoryFigures {
  readonly bytes: number;
  readonly channels: number;
  readonly evicted: number;
  readonly evictedIds?: number;
}

/** What a broker of several nodes has counted since the start. */
export interface BrokerFigures {
  /** Connections that were lost. */
  readonly losses?: number;
  /** Publications that reached the subscribers of this node alone. */
  readonly degraded?: number;
  /** How often messages were missing that were read again. */
  readonly holes: number;
  /** Gaps that were told. */
  readonly gaps: number;
  /** What was refused since too much waited for the main thread. */
  readonly refused?: number;
}

const SYSTEM: Platform = {
  clock: systemClock,
  random: Math.random,
  newId: () => crypto.randomUUID(),
  openStore: KvStore.open,
  verifyToken,
  createBroker: (history) => new MemoryBroker(history),
  canRejectUpgrades: CAN_REJECT_UPGRADES,
  createAcceptor: (options) => new WsAcceptor(options),
};

interface CompositionOptions extends Platform, Omit<ServerOptions, "files"> {
  readonly auth: Auth;
}

/** All parts of a server, running. */
export interface Composition extends Pick<RunningServer, "drain"> {
  readonly wheel: Wheel;
  readonly hub: Hub;
  readonly metrics: Metrics;
  readonly budget: QueueBudget;
  readonly history: HistoryFigures;
  readonly broker: Broker;
  readonly admission: Admission;
  /** Takes upgrades. */
  readonly upgrader: Upgrader;
  /** Takes all other requests. */
  readonly app: ReturnType<typeof httpRoutes>;
  readonly pending: PendingConnections;
}

/** A server that listens. */
export interface RunningServer {
  /** The address that was bound. */
  readonly address: Listen;
  /** Whether clients need no credential. */
  readonly open: boolean;
  /** Closes all connections within `SHUTDOWN_MS` and stops the server. Idempotent. */
  drain(): Promise<void>;
}

/** A listening socket whose requests are not handled yet. */
interface BoundServer {
  readonly http: Server;
  readonly address: Listen;
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

/**
 * Builds everything and listens, in this thread alone: main.ts makes several threads of `WORKERS`.
 *
 * @throws {StartError} when the store cannot be opened, the certificate or the address cannot be
 *   used, or the address is reachable by others without keys and without consent; nothing stays open
 */
export function startServer(options: ServerOptions): Promise<RunningServer> {
  return startNode(options, {});
}

/**
 * Does the same for a thread of a process.
 *
 * @param own what it takes of the process instead
 * @throws {StartError} as `startServer()` does
 */
export async function startNode(
  options: ServerOptions,
  own: Partial<Platform>,
): Promise<RunningServer> {
  const { config, log, files: { credentials } } = options;
  const redis = config.broker.redisUrl === undefined ? {} : await redisOf(config);
  const platform = { ...SYSTEM, ...redis, ...own };
  const auth = await openAuth({ ...platform, config, credentials, log });
  try {
    const bound = await bind({ ...options, ...platform }, auth.authenticator.open);
    return serve({ ...options, ...platform, auth }, bound);
  } catch (error) {
    await auth.close();
    throw error;
  }
}

/** What a hub of several processes takes of Redis: what carries publications, and its store. */
async function redisOf(
  { broker: { redisUrl, redisPrefix: prefix, brokerRequired: isRequired } }: Config,
): Promise<Pick<Platform, "openBroker" | "openStore">> {
  const url = redisUrl!;
  const { IOREDIS: driver, RedisBroker, RedisStore } = await loadRedis();
  return {
    openStore: (_, clock) => RedisStore.open({ url, prefix, driver, clock, random: Math.random }),
    openBroker(options) {
      const broker = new RedisBroker({ ...options, url, prefix, driver, isRequired });
      const { nodes, members, limits, admissionRate } = broker;
      return { broker, history: broker, figures: broker, nodes, members, limits, admissionRate };
    },
  };
}

/** Listens. @throws {StartError} see `startServer` */
async function bind(
  { config, files, sharesPort = false }: ServerOptions & Pick<Platform, "sharesPort">,
  isOpen: boolean,
): Promise<BoundServer> {
  const http = makeHttpServer(files.tls);
  const address = await listen(http, config.listen, { sharesPort });
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

/** Connects the parts to the bound server. */
function serve(options: CompositionOptions, bound: BoundServer): RunningServer {
  const { config: { tls }, auth } = options;
  const { http, address } = bound;
  const { pending, app, upgrader, drain } = compose(options, bound);
  const respond = getRequestListener((request, env) => app.fetch(request, env), {
    overrideGlobalObjects: false,
  });
  pending.watch(http, tls !== undefined);
  http.on("request", respond);
  http.on("upgrade", (request, raw, head) => upgrader.upgrade(request, raw as NetSocket, head));
  return { address, open: auth.authenticator.open, drain };
}

/** Builds and starts all parts. Who calls it hands requests and upgrades to them. */
export function compose(
  options: CompositionOptions,
  { http, loopbackHostOnly }: Pick<ServerParts, "http"> & Pick<BoundServer, "loopbackHostOnly">,
): Composition {
  const { config, log, auth, clock, random, newId, createAcceptor, canRejectUpgrades } = options;
  const { openBroker = memoryBroker } = options;
  const { allowedOrigins, closeWaitMs, shutdownMs, limits: { maxMessageBytes } } = config;
  const { authenticator, proxies, suspensions, tickets } = auth;
  const opened = openBroker(brokerOptions(options));
  const { broker, history, figures, nodes, members, limits } = opened;
  const admissionRate = admissionRateOf(options, opened);
  const shared = clientOptions({
    config,
    log,
    clock,
    random,
    newId,
    broker,
    sharedMembers: members,
    admissionRate,
    authenticator,
  });
  const { wheel, hub, metrics, budget, closeHistory, idleTimeouts } = shared;
  suspensions.onSuspended = closeSuspendedConnections(hub, log);
  suspensions.onStored = (keyId) => nodes?.tell("suspension", keyId);
  nodes?.answer("suspension", (keyId: string) => void suspensions.isSuspended(keyId));
  const profiles = createProfiles(config, { isKey: authenticator.isKey, newId });
  const routes = new ProfileRoutes(Object.values(profiles), config.defaultProfile);
  const admission = new Admission(config.limits, clock.now());
  if (limits !== undefined && nodes !== undefined) admission.share({ limits, nodes, clock });
  if (nodes !== undefined) tellEnds(nodes, { admission, closeHistory, metrics, clock });
  // What upgrades and plain HTTP requests both need.
  const access = {
    authenticator,
    proxies,
    suspensions,
    routes,
    quotas: new Quotas(limits),
    allowedOrigins,
    loopbackHostOnly,
  };
  const observed = { clock, metrics, log };
  const rejections = new RejectionHistory();
  const upgrader = new Upgrader({
    ...access,
    ...observed,
    acceptor: createAcceptor({ maxMessageBytes, closeWaitMs }),
    canRejectUpgrades,
    connect: (connection) => new Client(connection, shared).id,
    admission,
    admissionRate,
    rejections,
    closeWaitMs,
  });
  const pending = new PendingConnections({
    limits: { ...config.limits, requestWaitMs: config.requestWaitMs },
    proxies,
    wheel,
    metrics,
    log,
  });
  metrics.read({
    mailboxMessages: () => hub.backlog,
    queuedBytes: () => budget.usedBytes,
    publicationsHeld: () => hub.gate.held,
    publicationsRefused: () => hub.gate.refused,
    pendingConnections: () => pending.size,
    channels: () => hub.channelCount,
    historyBytes: () => history.bytes,
    historyChannels: () => history.channels,
    historyEvictions: () => history.evicted,
    evictedIds: () => history.evictedIds ?? 0,
    brokerUp: () => broker.isDegraded ? 0 : 1,
    brokerLosses: () => figures?.losses ?? 0,
    publicationsDegraded: () => figures?.degraded ?? 0,
    brokerHoles: () => figures?.holes ?? 0,
    brokerGaps: () => figures?.gaps ?? 0,
    threads: () => 1,
    threadsLost: () => 0,
    threadMessagesSkipped: () => 0,
    threadMessagesRefused: () => figures?.refused ?? 0,
    duplicates: () => hub.duplicates,
    messagesReplayed: () => hub.replays.replayed,
    members: () => hub.presence.size,
    membersLeftEarly: () => hub.presence.leftEarly,
    idleTimeouts: () => idleTimeouts.size,
    idleTimeoutCuts: () => idleTimeouts.cut,
  });
  const stats = { hub, budget, metrics, history, idleTimeouts, clock, profileNames: PROFILE_NAMES };
  const readStats = statsReader(stats);
  const askStats = hubQuestion(nodes, "stats", (_: null) => readStats());
  const feed = new OverviewFeed({ hub, clock, askStats });
  let drained: Promise<void> | undefined;
  const app = httpRoutes({
    ...access,
    ...observed,
    hub,
    nodes,
    closeHistory,
    rejections,
    tickets,
    maxMessageBytes,
    eventsHub: profiles["events-hub"],
    askStats,
    webFiles: loadWebFiles(),
    exposition: options.exposition?.(metrics) ?? (() => metrics.text()),
    readiness: () => drained !== undefined ? "draining" : broker.isDegraded ? "degraded" : "ready",
  });
  wheel.schedule(history, wheel.now());
  wheel.start();
  feed.start();
  const running = {
    ...{ http, wheel, hub, hubRun: hub.run(), feed, broker, upgrader, auth },
    ...{ admission, admissionRate },
  };
  const drain = () => drained ??= shutdown({ ...running, shutdownMs, clock, random, log });
  return { ...running, metrics, budget, history, pending, app, drain };
}

function brokerOptions(
  { config, clock, random, newId, createBroker, log }: CompositionOptions,
): BrokerOptions {
  const { admissionPerSecond } = config.limits;
  return { ...historyOptions(config), clock, random, newId, createBroker, log, admissionPerSecond };
}

/** What is kept of which channels. */
export function historyOptions({ history }: Config): HistoryBounds & Pick<BrokerOptions, "keeps"> {
  const isKept = matcher(history.historyChannels);
  const keeps = (channel: string) =>
    history.historyMessages > 0 && !isReserved(channel) && isKept(channel);
  return { ...history, keeps };
}

function memoryBroker(options: BrokerOptions): OpenBroker {
  const history = new MemoryHistory(options);
  return { broker: options.createBroker(history), history };
}

/** What a broker of several processes has for it, or that of this one. */
function admissionRateOf(
  { config: { limits }, clock, random }: CompositionOptions,
  { admissionRate }: OpenBroker,
): AdmissionRate {
  const { admissionPerSecond: perSecond } = limits;
  if (perSecond === 0) return new UnlimitedAdmission(random);
  return admissionRate ?? new MemoryAdmissionRate({ perSecond, clock, random });
}

/** What all clients share. */
function clientOptions(
  { config, log, clock, random, newId, broker, sharedMembers, admissionRate, authenticator }:
    & Omit<ServerOptions, "files">
    & Pick<Platform, "clock" | "random" | "newId">
    & {
      readonly broker: Broker;
      readonly sharedMembers: SharedMembers | undefined;
      readonly admissionRate: AdmissionRate;
      readonly authenticator: Authenticator;
    },
): ClientOptions {
  const { limits } = config;
  const metrics = new Metrics(detectionBoundsOf(config));
  const idleTimeouts = new IdleTimeoutDetector();
  const budget = new QueueBudget(limits.queueBudgetBytes);
  const wheel = new Wheel(clock, {
    tick: (lateMs) => metrics.tick(lateMs),
    stall(lateMs) {
      metrics.stall(lateMs);
      const seconds = Math.round(lateMs) / 1_000;
      log.warning("event loop stalled; no connection was timed out for it", { seconds });
    },
  });
  const hub = new Hub({
    clock,
    wheel,
    budget,
    broker,
    sharedMembers,
    maxSubscriptions: limits.maxSubscriptions,
    presenceGraceMs: config.presenceGraceMs,
    onResumed: (recovered) => metrics.resumed(recovered),
    onError: (error) => log.error("a hub command failed: please report this", { error }),
    onRefused: (channel) =>
      log.warning("publications refused: subscribers are behind", { channel }),
  });
  wheel.schedule(new MailboxProbe({ hub, clock, metrics }), wheel.now());
  const shedder = new LoadShedder({ hub, budget, wheel, admissionRate });
  budget.onPending = () => shedder.watch();
  return {
    clock,
    wheel,
    hub,
    metrics,
    log,
    authenticator,
    closeHistory: new CloseHistory(),
    idleTimeouts,
    budget,
    flusher: new Flusher(clock, config.flushWindowMs),
    gate: hub.gate,
    advisedClients: new AdvisedClients(),
    queueMessages: limits.sendQueueMessages,
    queueBytes: limits.sendQueueBytes,
    writeWaitMs: config.writeWaitMs,
    frozenWaitMs: config.frozenWaitMs,
    maxMessagesPerSecond: limits.maxMessagesPerSecond,
    random,
    newId,
  };
}

/** Known from the start, so that the series of each profile exist before the first dead peer. */
function detectionBoundsOf({ timing }: Config): DetectionBounds[] {
  return PROFILES.map(({ name: profile, timing: { silenceFrom } }) => {
    const { pongWaitMs } = timing[profile];
    const boundMs = detectionBoundMs({ ...timing[profile], silenceFrom });
    return { profile, pongWaitMs, boundMs };
  });
}

/** Nodes tell of the connections of one that cannot any more. */
function tellEnds(
  nodes: Nodes,
  { admission, closeHistory, metrics, clock }:
    & Pick<Composition, "admission" | "metrics">
    & Pick<ClientOptions, "closeHistory" | "clock">,
): void {
  nodes.connections = () => admission.open;
  nodes.onLost = (lost) => {
    metrics.disconnected("node lost", lost.connections);
    closeHistory.addLost({ ...lost, closedMs: clock.wall() });
  };
  nodes.onReturned = () => nodes.tell("returned", nodes.id);
  nodes.answer("returned", (node: string) => closeHistory.removeLost(node));
}

function closeSuspendedConnections(hub: Hub, log: Logger): Suspensions["onSuspended"] {
  return (keyId, afterMs) => {
    log.warning("key suspended for repeated violations", { key: keyId });
    hub.runInHub((registry) => {
      for (const subscriber of registry.subscribers) {
        if (subscriber.keyId === keyId) subscriber.close("key_suspended", { afterMs });
      }
    });
  };
}
