/**
 * A publication of a client whose connection works is answered soon: accepted, or refused after a second.
 *
 * @module
 */

import { ForeignClient } from "../core/foreign_client.ts";
import type { Invariant } from "../core/simulation.ts";

/** The gate holds a publication for 1 s; ways and timers take their time, ms. */
const ANSWER_MS = 4_000;

/** What a burst brings is read within so long, ms. */
const BURST_MS = 30_000;

export const answers: Invariant = {
  name: "answers",
  watch: (simulation) => ({
    sample() {
      const { nowMs, slots, redisTruth } = simulation;
      for (const client of simulation.clients) {
        if (
          !(client instanceof ForeignClient) || !client.isWellBehaved || client.script.isStalled
        ) continue;
        const { connection } = client;
        if (connection === undefined || connection.truth.profile !== "json") continue;
        const { node } = connection;
        if (!slots.includes(node) || !node.isServing || node.process.isStalled) continue;
        const sinceMs = client.unansweredSinceMs();
        if (sinceMs === Infinity || connection.server?.isClosing !== false) continue;
        const hasStalled = [node.process, client.script, client.process]
          .some(({ stalls }) => stalls.some(({ toMs }) => toMs > sinceMs - ANSWER_MS));
        if (!redisTruth.isQuietSince(sinceMs - ANSWER_MS)) continue;
        if ((node.engine?.pausedUntilMs ?? -Infinity) > sinceMs - ANSWER_MS) continue;
        if (simulation.burstAtMs > sinceMs - BURST_MS) continue;
        const { up, down } = connection;
        if (Math.max(up.stalledUntilMs, down.stalledUntilMs) > sinceMs - ANSWER_MS) continue;
        if (
          hasStalled ||
          nowMs - sinceMs <= ANSWER_MS + 4 * (client.way.delayMs + client.way.jitterMs)
        ) continue;
        const what = `${client.name} has waited for an answer for ${
          (nowMs - sinceMs).toFixed(0)
        } ms`;
        simulation.find("answers", what, [connection]);
      }
    },
  }),
};
