/**
 * The shutdown: all clients are asked to reconnect elsewhere, within SHUTDOWN_MS, in an order in which
 * no message and no log line is lost. Each gets a slot, so that the other nodes are not met by all at
 * once. Who has an early one is advised to move, and is closed if it has not; the others are closed, and
 * read in the close frame when to come back.
 *
 * @module
 */

import type { Server } from "node:http";
import type { Admission } from "./auth/admission.ts";
import type { Auth } from "./auth/auth.ts";
import { type Clock, sleep } from "./base/clock.ts";
import type { AdmissionRate } from "./brokers/admission_rate.ts";
import type { Broker } from "./brokers/broker.ts";
import type { OverviewFeed } from "./http/overview_feed.ts";
import type { Hub } from "./hub.ts";
import type { Subscriber } from "./hub/subscription_registry.ts";
import { TICK_MS, type Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging/logging.ts";
import type { Upgrader } from "./transport/upgrade.ts";

/** The part of the shutdown time after which load balancers know that this node takes no clients. */
const KNOWN_AFTER = 0.1;

/** The part of the time for clients in which the last one is asked to leave; then they may answer. */
const ASKED_UNTIL = 0.8;

/** Of that the part in which clients move to another node before they are closed. */
const MOVES_UNTIL = 0.85;

/** The part of it after which the clients are closed that have later slots. */
const CLOSES_FROM = 0.4;

/** A client that has not moved so long after its slot finds no other node, ms. */
const MOVE_MS = 1_000;

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
  readonly admissionRate: Pick<AdmissionRate, "slots">;
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
  await sendAway(subscribers, { ...parts, endMs });
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

/** A client that is to be closed. Times are from when slots were handed out, ms. */
interface Leaver {
  readonly subscriber: Subscriber;
  readonly closeMs: number;
  /** Undefined where it was advised to move at its slot, and needs another one if it has not. */
  readonly slotMs: number | undefined;
}

/** Asks all to leave, in random order. Resolves when all that have not are being closed. */
async function sendAway(
  subscribers: Subscriber[],
  { endMs, ...parts }: ServerParts & { readonly endMs: number },
): Promise<void> {
  const { shutdownMs, clock, random, upgrader, admission, admissionRate } = parts;
  if (subscribers.length === 0) return;
  await sleep(clock, KNOWN_AFTER * shutdownMs);
  const slots = await admissionRate.slots(subscribers.length);
  const startMs = clock.now();
  upgrader.handedOut(slots.at(-1)!);
  shuffle(subscribers, random);
  const leavers = leaversOf(subscribers, slots, endMs - startMs);
  for (let next = 0; next < leavers.length && admission.open > 0;) {
    const nowMs = clock.now() - startMs;
    const first = next;
    while (next < leavers.length && leavers[next].closeMs <= nowMs) next++;
    await closeAll(leavers.slice(first, next), { nowMs, admissionRate });
    if (next < leavers.length) await sleep(clock, TICK_MS);
  }
}

/**
 * Advises those with early slots to move.
 *
 * @param leftMs until the end of the shutdown
 * @returns when each is to be closed, the earliest first
 */
function leaversOf(
  subscribers: readonly Subscriber[],
  slots: readonly number[],
  leftMs: number,
): Leaver[] {
  const lastStepsMs = LAST_STEPS_MS + subscribers.length * TERMINATE_MS;
  const untilMs = ASKED_UNTIL * Math.max(0, leftMs - lastStepsMs);
  const early = slots.filter((slotMs) => slotMs <= MOVES_UNTIL * untilMs).length;
  const closesMs = (1 - CLOSES_FROM) * untilMs / (slots.length - early);
  const leavers = subscribers.map((subscriber, i): Leaver => {
    const slotMs = slots[i];
    if (i >= early) {
      return { subscriber, slotMs, closeMs: CLOSES_FROM * untilMs + (i - early) * closesMs };
    }
    const isAdvised = subscriber.notify({ kind: "reconnect", afterMs: slotMs, reason: "drain" });
    if (!isAdvised) return { subscriber, slotMs, closeMs: slotMs };
    return { subscriber, slotMs: undefined, closeMs: Math.min(slotMs + MOVE_MS, untilMs) };
  });
  return leavers.sort((a, b) => a.closeMs - b.closeMs);
}

/** Closes those that are still there. */
async function closeAll(
  leavers: readonly Leaver[],
  { nowMs, admissionRate }: { readonly nowMs: number } & Pick<ServerParts, "admissionRate">,
): Promise<void> {
  const staying = leavers.filter(({ subscriber }) => !subscriber.closing);
  const unmoved = staying.filter(({ slotMs }) => slotMs === undefined);
  const slots = unmoved.length === 0 ? [] : [...await admissionRate.slots(unmoved.length)];
  for (const { subscriber, slotMs } of staying) {
    const afterMs = slotMs === undefined ? slots.shift()! : Math.max(1, Math.round(slotMs - nowMs));
    subscriber.close("drain", { afterMs });
  }
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
}
