/**
 * The shutdown: all clients are asked to reconnect elsewhere, within SHUTDOWN_MS, in an order in which
 * no message and no log line is lost.
 *
 * @module
 */

import type { Server } from "node:http";
import type { Admission } from "./auth/admission.ts";
import type { Auth } from "./auth/auth.ts";
import { type Clock, sleep } from "./base/clock.ts";
import type { Broker } from "./brokers/broker.ts";
import { CLOSE_REASONS } from "./close_codes.ts";
import type { OverviewFeed } from "./http/overview_feed.ts";
import type { Hub } from "./hub.ts";
import type { Subscriber } from "./hub/subscription_registry.ts";
import { TICK_MS, type Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging/logging.ts";
import type { Upgrader } from "./transport/upgrade.ts";

/** Part of the shutdown time over which closes are spread. */
const CLOSE_SPREAD = 0.4;

/** Clients that are closed together come back spread over so long, ms. */
const RETURN_SPREAD_MS = 4_000;

/** The part of the shutdown time that is kept for the steps after the clients, ms. */
const LAST_STEPS_MS = 300;

/** What it takes to terminate one connection of thousands and log it, ms: 0.13 to 0.16 measured. */
const TERMINATE_MS = 0.2;

/** What a shutdown has to stop. */
export interface ServerParts {
  /** How long it may take. */
  readonly shutdownMs: number;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Listens until the end, for /readyz. */
  readonly http: Pick<Server, "close" | "closeAllConnections">;
  readonly wheel: Wheel;
  readonly hub: Hub;
  /** Resolves when the hub has stopped. */
  readonly hubRun: Promise<void>;
  readonly feed: Pick<OverviewFeed, "stop">;
  readonly broker: Broker;
  readonly upgrader: Upgrader;
  /** Counts the open connections. */
  readonly admission: Admission;
  readonly auth: Auth;
}

/** Stops the clients first, then the hub, then what carried their messages. */
export async function shutdown(parts: ServerParts): Promise<void> {
  const { shutdownMs, clock, log, http, wheel, hub, hubRun, feed, broker, upgrader } = parts;
  const { admission, auth } = parts;
  const endMs = clock.now() + shutdownMs;
  upgrader.drain();
  const subscribers = await hub.ask((registry) => [...registry.subscribers]) ?? [];
  log.info("draining", { connections: subscribers.length });
  await closeGradually(subscribers, parts);
  await allClosed(parts, () => endMs - LAST_STEPS_MS - admission.open * TERMINATE_MS);
  const terminated = admission.open;
  for (const subscriber of subscribers) subscriber.terminate();
  if (terminated > 0) await sleep(clock, 0); // their ends are logged in a later turn, all in the same one
  await allClosed(parts, () => endMs);
  feed.stop();
  hub.stop();
  await hubRun;
  wheel.stop();
  await broker.close();
  await auth.close();
  http.close();
  http.closeAllConnections();
  log.info("drained", { terminated });
}

/** Resolves when no connection is open, or at a time that may depend on how many are. */
async function allClosed({ admission, clock }: ServerParts, untilMs: () => number): Promise<void> {
  while (admission.open > 0 && clock.now() < untilMs()) await sleep(clock, TICK_MS);
}

/** Closes in random order, spread over time, so that the next server is not met by all at once. */
async function closeGradually(
  subscribers: Subscriber[],
  { shutdownMs, clock, random }: ServerParts,
): Promise<void> {
  const waves = Math.floor(shutdownMs * CLOSE_SPREAD / TICK_MS);
  shuffle(subscribers, random);
  const perWave = Math.max(20, Math.ceil(subscribers.length / Math.max(1, waves)));
  for (let i = 0; i < subscribers.length; i++) {
    if (i > 0 && i % perWave === 0) await sleep(clock, TICK_MS);
    const afterMs = Math.round(CLOSE_REASONS.drain.afterMs + random() * RETURN_SPREAD_MS);
    subscribers[i].close("drain", { afterMs });
  }
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
}
