/**
 * A drain ends within SHUTDOWN_MS, asks every connection to leave, and leaves none open.
 *
 * @module
 */

import type { Connection } from "../core/connection.ts";
import type { Invariant } from "../core/simulation.ts";
import type { SimNode } from "../core/node.ts";

/** Steps of ticks, ms; and what each stall may add. */
const [SLACK_MS, STALL_MS] = [150, 300];

/** A node waits for so long to say that it leaves, ms. */
const LEAVE_MS = 200;

/** A handshake that came in a stall is rejected so long after it at most, ms. */
const HANDSHAKE_MS = 600;

export const drain: Invariant = {
  name: "drain",
  watch: (simulation) => {
    const asked = new Map<SimNode, readonly Connection[]>();
    return {
      on(happening) {
        if (happening.kind === "draining") {
          asked.set(happening.node, [...happening.node.connections]);
        }
        if (happening.kind !== "drained") return;
        const { node } = happening;
        const { fromMs, awakeMs } = node.drainMs!;
        const find = (what: string, about: string) => simulation.find("drain", what, [about]);
        for (const { truth, server, label } of asked.get(node) ?? []) {
          if (server === undefined || !server.hasEnded) find(`${label} is still open`, label);
          const wasClosed = truth.closeSent?.code === 1012 || truth.isImpaired ||
            truth.logged?.reason !== "drain" || truth.closeSent?.isAnswer;
          if (!wasClosed) find(`${label} was not asked to leave: ${truth.closeSent?.code}`, label);
        }
        const hasStalled = node.process.stalls.some(({ toMs }) =>
          toMs > simulation.nowMs - HANDSHAKE_MS
        );
        if (node.parts!.admission.open > 0 && !hasStalled) {
          find(`${node.parts!.admission.open} permits are out`, node.name);
        }
        const tookMs = node.process.awakeMs - awakeMs;
        const stalls = node.process.stalls.filter(({ toMs }) => toMs >= fromMs).length;
        const { shutdownMs } = node.config;
        const leaveMs = simulation.redis === undefined ? 0 : LEAVE_MS;
        if (tookMs > shutdownMs + SLACK_MS + leaveMs + stalls * STALL_MS) {
          find(`${node.name} takes ${tookMs.toFixed(0)} ms to drain`, node.name);
        }
        if (node.parts!.budget.usedBytes !== 0) {
          find(`${node.parts!.budget.usedBytes} bytes are left in the budget`, node.name);
        }
      },
    };
  },
};
