import type { HistoryBounds } from "../../../server/brokers/memory_history.ts";

/** The defaults of HISTORY_ options. */
export const HISTORY_BOUNDS: HistoryBounds = {
  historyMessages: 256,
  historyTtlMs: 300_000,
  historyBytes: 1 << 26,
  historyPositionTtlMs: 86_400_000,
  dedupeMs: 300_000,
};
