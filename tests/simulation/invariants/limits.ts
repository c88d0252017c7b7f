/**
 * Limits are kept: who floods is closed, a suspended key comes in no more, a key has no more connections
 * than it may, a write that does not drain and a script that hangs end their connection in time.
 *
 * @module
 */

import type { Connection } from "../core/connection.ts";
import { type KeyName, KEYS } from "../core/keys.ts";
import { timingOf } from "../core/profiles.ts";
import type { SimNode } from "../core/node.ts";
import type { Invariant } from "../core/simulation.ts";

/** The node may need so long, awake, ms; and a stall adds so much. */
const [SLACK_MS, STALL_MS] = [2_000, 700];

/** A suspension is known everywhere after so long, where all was well for a while before, ms. */
const [OUT_MS, CALM_MS] = [2_000, 5_000];

/** A publisher is held for a second at most, and what it has sent behind that for one more each. */
const PAUSE_MS = 8_000;

export const limits: Invariant = {
  name: "limits",
  watch: (simulation) => {
    /** Until when keys are suspended, wall-clock. */
    const suspended = new Map<string, number>();
    const suspendedBy = new Map<string, { readonly node: SimNode; readonly atMs: number }>();
    const find = (what: string, connection: Connection) =>
      simulation.find("limits", `${connection.label} ${what}`, [connection]);
    return {
      on(happening) {
        if (happening.kind === "log" && happening.line.message.startsWith("key suspended")) {
          const { key } = happening.line.properties;
          const wallMs = happening.node.process.wall();
          // Where a clock was set back, a suspension that had ended holds again, and no longer.
          if ((suspended.get(`${key}`) ?? 0) > wallMs) return;
          suspended.set(`${key}`, wallMs + simulation.config.auth.suspendMs);
          suspendedBy.set(`${key}`, { node: happening.node, atMs: simulation.nowMs });
        }
        if (happening.kind !== "opened") return;
        const { connection } = happening;
        const { node } = connection;
        const key = keyOf(connection);
        if (key === undefined) return;
        const untilMs = suspended.get(key) ?? -Infinity;
        const isSure = simulation.redis === undefined || suspendedBy.get(key)?.node === node;
        if (isSure && node.process.wall() < untilMs - 50) {
          find("comes in with a suspended key", connection);
        }
        const { maxConnections } = KEYS[key] as { maxConnections?: number };
        const open = [...node.connections].filter((each) => keyOf(each) === key).length;
        if (maxConnections !== undefined && open > maxConnections) {
          find(`is one of ${open} with the key ${key}`, connection);
        }
        if (node.drainMs !== undefined) find("is accepted during a drain", connection);
      },
      sample() {
        for (const node of simulation.slots) check(node);
        for (const [key, { node, atMs }] of suspendedBy) checkSuspended(key, node, atMs);
      },
    };

    /** A suspension at one node holds at all others soon. */
    function checkSuspended(key: string, by: SimNode, atMs: number): void {
      const { nowMs, slots, redisTruth, config: { auth } } = simulation;
      if (nowMs - atMs < OUT_MS || nowMs - atMs > Math.min(OUT_MS + 3_000, auth.suspendMs)) return;
      const sinceMs = atMs - CALM_MS;
      const isCalm = ({ process }: SimNode) =>
        process.isAlive && !process.wasStepped &&
        process.stalls.every(({ toMs }) => toMs < sinceMs);
      if (!isCalm(by) || !redisTruth.isQuietSince(sinceMs)) return;
      for (const node of slots) {
        if (node === by || !isCalm(node) || !node.isServing) continue;
        for (const connection of node.connections) {
          if (keyOf(connection) !== key || connection.server?.isClosing !== false) continue;
          find(`is open with a key that ${by.name} has suspended`, connection);
        }
      }
    }

    function check(node: SimNode): void {
      const { config } = simulation;
      const { process } = node;
      if (!process.isAlive || process.isStalled) return;
      for (const connection of node.connections) {
        const { truth, server } = connection;
        if (server === undefined || server.isClosing) continue;
        const stallsSince = (ms: number) =>
          STALL_MS * process.stalls.filter(({ toMs }) => toMs >= ms - STALL_MS).length;
        const { floodedMs, expiry, frozenSinceMs } = truth;
        const isPaused = !Number.isNaN(truth.pausedSinceMs);
        const floodWaitMs = simulation.nowMs -
          Math.max(floodedMs ?? Infinity, connection.up.stalledUntilMs);
        const hasStalled = () =>
          process.stalls.some(({ toMs }) => toMs >= (floodedMs ?? 0) - 1_000);
        if (
          floodWaitMs > 10_000 && !isPaused && !hasStalled() && !connection.up.isCut &&
          connection.isOpen
        ) {
          find("floods, and is not closed", connection);
        }
        const { pingPeriodMs, heartbeatTimeoutMs } = timingOf("json", simulation.plan.env);
        // The wheel is not told that the wall clock was set: it looks at it at the next ping.
        const isStepped = simulation.nowMs - process.steppedAtMs < 2 * pingPeriodMs;
        if (
          expiry !== undefined && !isStepped &&
          process.wall() > expiry.toMs + SLACK_MS + stallsSince(0)
        ) {
          find(`has outlived its token by ${process.wall() - expiry.toMs} ms`, connection);
        }
        const pausedMs = process.awakeMs - truth.pausedSinceMs;
        if (pausedMs > PAUSE_MS) find(`is not read for ${pausedMs.toFixed(0)} ms`, connection);
        const stuckMs = process.awakeMs - server.writingSinceAwakeMs;
        if (
          stuckMs > config.writeWaitMs &&
          stuckMs > config.writeWaitMs + SLACK_MS + stallsSince(simulation.nowMs - 2 * stuckMs)
        ) {
          find(`has not taken a write for ${stuckMs.toFixed(0)} ms`, connection);
        }
        if (frozenSinceMs === undefined || config.frozenWaitMs === 0) continue;
        const frozenMs = simulation.nowMs - frozenSinceMs;
        const mostMs = config.frozenWaitMs + 2 * pingPeriodMs + heartbeatTimeoutMs + SLACK_MS;
        if (frozenMs > mostMs + 20 * stallsSince(frozenSinceMs)) {
          find(`is frozen for ${frozenMs.toFixed(0)} ms`, connection);
        }
      }
    }
  },
};

function keyOf({ client }: Connection): KeyName | undefined {
  return (client as { key?: KeyName }).key;
}
