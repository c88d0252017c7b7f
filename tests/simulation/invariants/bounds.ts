/**
 * Queues, histories and mailboxes stay within their bounds.
 *
 * @module
 */

import type { SimNode } from "../core/node.ts";
import type { Invariant } from "../core/simulation.ts";

/** So many full queues, by bytes, may wait behind a write that is not stuck. */
const FRESH_QUEUES = 16;

/** A batch in flight has so many bytes at least, where there are so many. */
const BATCH_BYTES = 65_536;

/** A message that is a little older may still be there, ms. */
const SWEEP_MS = 1_500;

/** A write that has taken nothing for so long is stuck whatever the line, and some more, ms. */
const STUCK_MS = 5_000;

/** What may be held while channels are read, bytes. */
const MEMBER_ROOM_BYTES = 1 << 20;

/** The longest pause of an engine, ms. */
const ENGINE_MS = 5_100;

export const bounds: Invariant = {
  name: "bounds",
  watch: (simulation) => {
    return {
      sample() {
        for (const node of simulation.slots) check(node);
      },
    };

    function check(node: SimNode): void {
      const { process, parts, history, config: { limits, history: historyBounds } } = node;
      if (parts === undefined || !process.isAlive || process.isStalled) return;
      const { hub } = parts;
      const find = (what: string, about: string) =>
        simulation.find("bounds", `${about}: ${what}`, [about]);
      hub.runInHub((registry) => {
        for (const { id, writePump } of registry.subscribers) {
          const about = node.connectionOf(id)?.label ?? id;
          const { pendingBytes } = writePump;
          const batchBytes = Math.max(BATCH_BYTES, limits.sendQueueBytes);
          const mostBytes = FRESH_QUEUES * limits.sendQueueBytes + batchBytes +
            2 * limits.maxMessageBytes;
          if (pendingBytes > mostBytes) find(`${pendingBytes} bytes wait for it`, about);
          const stuckMs = process.awakeMs -
            (node.connectionOf(id)?.server?.writingSinceAwakeMs ?? Infinity);
          const isOver =
            pendingBytes > limits.sendQueueBytes + batchBytes + 2 * limits.maxMessageBytes;
          if (isOver && stuckMs > STUCK_MS) {
            find(`${pendingBytes} bytes wait behind a write that is stuck`, about);
          }
        }
      });
      if (simulation.redis !== undefined) {
        // Logs of channels that are subscribed to stay, whatever they take.
        const { bytes } = parts.history;
        const most = historyBounds.historyBytes + MEMBER_ROOM_BYTES + 600 * (hub.channelCount + 2);
        if (bytes > most || bytes < 0) {
          find(`what it keeps of channels has ${bytes} bytes`, node.name);
        }
      }
      if (history === undefined) return;
      // Positions of channels that are subscribed to stay, whatever they take.
      const mostBytes = historyBounds.historyBytes + 600 * (hub.channelCount + 2);
      if (history.bytes > mostBytes) find(`the history has ${history.bytes} bytes`, node.name);
      if (history.bytes < 0) find(`the history has ${history.bytes} bytes`, node.name);
      checkChannels();

      function checkChannels(): void {
        hub.runInHub((registry) => {
          for (const channel of registry.channels) {
            const log = history!.of(channel);
            if (log === undefined) continue;
            if (log.length > historyBounds.historyMessages) {
              find(`${channel} keeps ${log.length} messages`, node.name);
            }
            const oldest = log.at(log.first);
            if (oldest === undefined || process.wasStepped) continue;
            // A message may have waited for the engine, between its time and its place.
            const underwayMs = node.engine === undefined ? 0 : ENGINE_MS;
            const ageMs = process.wall() - oldest.timestamp;
            const stalledMs = process.stalls.filter(({ toMs }) => toMs > simulation.nowMs - ageMs)
              .reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
            if (ageMs > historyBounds.historyTtlMs + SWEEP_MS + stalledMs + underwayMs) {
              find(`${channel} keeps a message for ${ageMs} ms`, node.name);
            }
          }
        });
      }
    }
  },
};
