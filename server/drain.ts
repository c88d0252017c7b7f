/**
 * Taking the parts down: everybody is asked to leave, all within SHUTDOWN_MS, in an order in which
 * nothing is lost.
 *
 * @module
 */

import type { Server } from "node:http";
import type { Broker } from "./brokers/broker.ts";
import { CLOSE_REASONS } from "./close_codes.ts";
import { type Clock, sleep } from "./base/clock.ts";
import type { Config } from "./config/config.ts";
import type { Admission } from "./auth/admission.ts";
import type { Auth } from "./auth/auth.ts";
import type { Hub } from "./hub.ts";
import { TICK_MS, type Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging/logging.ts";
import type { OverviewFeed } from "./http/overview_feed.ts";
import type { Subscriber } from "./hub/subscription_registry.ts";
import type { Upgrader } from "./transport/upgrade.ts";

/** Part of the shutdown time over which clients are asked to leave. */
const LEAVE_SPREAD = 0.4;

/** Clients that left together come back spread over so long, ms. */
const RETURN_SPREAD_MS = 4_000;

/** What is left of the shutdown time for what comes after the clients, ms. */
const LAST_STEPS_MS = 300;

/** What it takes to terminate one of thousands and to tell its end, ms: 0.13 to 0.16 measured. */
const TERMINATE_MS = 0.2;

/** The rooms that a drain has to close. */
export interface ServerParts {
  /** How long it may take. */
  readonly config: Config;
  /** Tells the time. */
  readonly clock: Clock;
  /** Where it is told. */
  readonly log: Logger;
  /** Listens until the end, for /readyz. */
  readonly http: Server;
  /** Turns until the end. */
  readonly wheel: Wheel;
  /** Knows the clients. */
  readonly hub: Hub;
  /** Ends when the hub has stopped. */
  readonly hubRun: Promise<void>;
  /** Tells of the parts until then. */
  readonly feed: Pick<OverviewFeed, "stop">;
  /** Carries broadcasts. */
  readonly broker: Broker;
  /** Lets nobody in any more. */
  readonly upgrader: Upgrader;
  /** Counts who is still there. */
  readonly admission: Admission;
  /** Keeps what outlives the process. */
  readonly auth: Auth;
}

/** Clients first, then the hub, then what carried them. */
export async function shutdown(parts: ServerParts): Promise<void> {
  const { config, clock, log, http, wheel, hub, hubRun, feed, broker, upgrader, admission, auth } =
    parts;
  const endMs = clock.now() + config.shutdownMs;
  upgrader.drain();
  const members = await hub.ask((registry) => [...registry.subscribers]) ?? [];
  log.info("draining", { connections: members.length });
  await closeGradually(members, parts);
  await emptied(parts, () => endMs - LAST_STEPS_MS - admission.open * TERMINATE_MS);
  const terminated = admission.open;
  for (const subscriber of members) subscriber.terminate();
  if (terminated > 0) await sleep(clock, 0); // their ends are told in a later turn, all in the same one
  await emptied(parts, () => endMs);
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

/** Resolves when nobody is there any more, or at a moment that may depend on how many are. */
async function emptied({ admission, clock }: ServerParts, untilMs: () => number): Promise<void> {
  while (admission.open > 0 && clock.now() < untilMs()) await sleep(clock, TICK_MS);
}

/** Spread at random, so that the next server does not meet them all at once. */
async function closeGradually(
  members: Subscriber[],
  { config, clock }: ServerParts,
): Promise<void> {
  const waves = Math.floor(config.shutdownMs * LEAVE_SPREAD / TICK_MS);
  shuffle(members);
  const perWave = Math.max(20, Math.ceil(members.length / Math.max(1, waves)));
  for (let i = 0; i < members.length; i++) {
    if (i > 0 && i % perWave === 0) await sleep(clock, TICK_MS);
    const afterMs = Math.round(CLOSE_REASONS.drain.afterMs + Math.random() * RETURN_SPREAD_MS);
    members[i].close("drain", { afterMs });
  }
}

function shuffle<T>(items: T[]): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
}
