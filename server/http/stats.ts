/**
 * A summary of this node: what it has counted since its start, and its state now.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { MemoryHistory } from "../brokers/memory_history.ts";
import { type CloseReason, REASON_NAMES } from "../close_codes.ts";
import type { ProfileCounts } from "../metrics/table.ts";
import type { Hub } from "../hub.ts";
import type { Metrics, Summary } from "../metrics/metrics.ts";
import type { IdleTimeoutDetector } from "../diagnosis/idle_timeout_detector.ts";
import type { QueueBudget } from "../hub/load_shedder.ts";

/** The counts of a profile that are shown. */
export const COUNTS = [
  "opened",
  "messagesIn",
  "messagesOut",
  "messagesDropped",
  "malformed",
  "denied",
  "heartbeatsMissed",
] as const;

/** Counts of one profile, or of all. */
export interface Totals extends Record<typeof COUNTS[number], number> {
  /** Connections open now. */
  connections: number;
  /** Ended, by reason. */
  closed: Record<CloseReason, number>;
}

/** An idle timeout on the path to a network. */
export interface IdleTimeoutShown {
  /** The network in CIDR notation: `192.0.2.0/24`. */
  network: string;
  /** Connections that it closed. */
  count: number;
  /** All this in a sentence. */
  text: string;
}

/** What channels keep for those who return. */
export interface HistoryShown {
  /** What they take. */
  bytes: number;
  /** Channels of which the position is known. */
  channels: number;
  /** Messages removed since all together were too large. */
  evicted: number;
  /** Messages queued for those who returned. */
  replayed: number;
}

/** Counts are since the start. */
export interface Stats extends Summary {
  /** Since the start. */
  uptimeSeconds: number;
  /** Channels that have a subscriber. */
  channels: number;
  /** Bytes in all send queues together. */
  queuedBytes: number;
  /** Messages that wait for the hub. */
  mailboxMessages: number;
  history: HistoryShown;
  /** Publications that were repeats. */
  duplicates: number;
  /** Members of all channels. */
  members: number;
  /** Of all profiles. */
  totals: Totals;
  /** By their names. */
  profiles: Record<string, Totals>;
  /** Idle timeouts on the path to clients. */
  idleTimeouts: IdleTimeoutShown[];
}

export interface StatsOptions {
  readonly hub: Hub;
  /** Counts what waits in the send queues. */
  readonly budget: Pick<QueueBudget, "usedBytes">;
  readonly metrics: Metrics;
  readonly history: Pick<MemoryHistory, "bytes" | "channels" | "evicted">;
  /** The names of the profiles that are counted. */
  readonly profileNames: readonly string[];
  readonly idleTimeouts: Pick<IdleTimeoutDetector, "list">;
  readonly clock: Clock;
}

/** What the page shows: the stats of all nodes together, and where there are several, of each. */
export interface Overview extends Stats {
  /** The one that has asked the others. */
  node?: string;
  /** By their names. */
  nodes?: Record<string, Stats>;
  /** Those that have not answered in time; their stats are the last that are known. */
  missing?: readonly string[];
}

/** Reads stats. @returns undefined once the hub has stopped */
export type ReadStats = () => Promise<Stats | undefined>;

/** Makes the reader; the uptime counts from this call. */
export function statsReader(options: StatsOptions): ReadStats {
  const { hub, budget, metrics, history, profileNames, idleTimeouts, clock } = options;
  const startedMs = clock.now();
  return async () => {
    const mailboxMessages = hub.backlog;
    const channels = await hub.ask((registry) => registry.channelCount);
    if (channels === undefined) return undefined;
    return {
      uptimeSeconds: Math.round(clock.now() - startedMs) / 1_000,
      channels,
      queuedBytes: budget.usedBytes,
      mailboxMessages,
      history: {
        bytes: history.bytes,
        channels: history.channels,
        evicted: history.evicted,
        replayed: hub.replays.replayed,
      },
      duplicates: hub.duplicates,
      members: hub.presence.size,
      totals: totalsOf(profileNames.map((name) => metrics.of(name))),
      profiles: Object.fromEntries(
        profileNames.map((name) => [name, totalsOf([metrics.of(name)])]),
      ),
      ...metrics.summary(),
      idleTimeouts: idleTimeouts.list().map(({ network, count, text }) => ({
        network,
        count,
        text,
      })),
    };
  };
}

function totalsOf(counts: readonly ProfileCounts[]): Totals {
  const sum = (read: (of: ProfileCounts) => number) =>
    counts.reduce((total, of) => total + read(of), 0);
  const totals = Object.fromEntries(COUNTS.map((name) => [name, sum((of) => of[name])]));
  const closed = Object.fromEntries(
    REASON_NAMES.map((name) => [name, sum((of) => of.closed[name])]),
  );
  const ended = Object.values(closed).reduce((total, count) => total + count, 0);
  return { connections: totals.opened - ended, ...totals, closed } as Totals;
}

/**
 * The stats of several nodes, added up: a channel counts once for each node that has subscribers for it.
 * The uptime is the longest.
 */
export function sumOf([first, ...others]: readonly Stats[]): Stats {
  return others.reduce((sum, stats) => {
    const uptimeSeconds = Math.max(sum.uptimeSeconds, stats.uptimeSeconds);
    return { ...(added(sum, stats) as Stats), uptimeSeconds };
  }, first);
}

/** Numbers are added, in objects by their names; lists of others are joined. */
function added(a: unknown, b: unknown, name = ""): unknown {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (name === "bounds") return a;
    return typeof a[0] === "number" ? a.map((value, i) => value + b[i]) : [...a, ...b];
  }
  const [one, other] = [a, b] as Readonly<Record<string, unknown>>[];
  const sum: Record<string, unknown> = { ...other, ...one };
  for (const each of Object.keys(sum)) {
    if (each in one && each in other) sum[each] = added(one[each], other[each], each);
  }
  return sum;
}
