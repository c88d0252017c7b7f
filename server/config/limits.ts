/**
 * The limits that keep one client, or all together, from exhausting the server.
 *
 * Owns the relations between the sizes of a message, a send queue and all queues. A default gives
 * way to an explicit value; only explicit values are checked against each other.
 * Must not know how values are read (base/option_values.ts), nor which module enforces a limit.
 *
 * @module
 */

import type { OptionValues } from "../base/option.ts";
import type { LIMIT_OPTIONS } from "./options.ts";

/** The three sizes that must fit into each other, in bytes. */
export interface QueueSizes {
  /** Largest inbound message; above it close 1009. At most `sendQueueBytes`. */
  readonly maxMessageBytes: number;
  /** One client's send queue; full while the socket does not drain = slow consumer. */
  readonly sendQueueBytes: number;
  /**
   * What waits for longer than a second in all send queues together; above it the connection with the
   * most of it is closed first. At least `sendQueueBytes`.
   */
  readonly queueBudgetBytes: number;
}

/** Every limit; for most of them 0 means off. */
export type Limits = QueueSizes & Required<OptionValues<typeof LIMIT_OPTIONS>>;

/**
 * Upgrades a second that a process answers at the least price, as a part of ADMISSION_PER_SECOND: below it a
 * client that is not admitted gets the handshake, and reads in the close frame when to come back.
 */
const UPGRADES_PER_ADMISSION = 4;

/** Fills in what depends on another limit. */
export function chooseLimits(given: OptionValues<typeof LIMIT_OPTIONS>): Required<typeof given> {
  const { admissionPerSecond } = given;
  return { maxUpgradesPerSecond: UPGRADES_PER_ADMISSION * admissionPerSecond, ...given };
}

/**
 * Fills in what was not given. A default queue holds two of the largest messages, since a message
 * is published inside an envelope; a default message or queue shrinks into the size given above it.
 *
 * @param given explicit sizes, free of `queueProblems()`
 */
export function chooseQueueSizes(given: Partial<QueueSizes>, defaults: QueueSizes): QueueSizes {
  const sendQueueBytes = given.sendQueueBytes ?? Math.min(
    Math.max(defaults.sendQueueBytes, 2 * (given.maxMessageBytes ?? 0)),
    given.queueBudgetBytes ?? Infinity,
  );
  return {
    maxMessageBytes: given.maxMessageBytes ??
      Math.min(defaults.maxMessageBytes, Math.floor(sendQueueBytes / 2)),
    sendQueueBytes,
    queueBudgetBytes: given.queueBudgetBytes ?? Math.max(defaults.queueBudgetBytes, sendQueueBytes),
  };
}

/** What contradicts among explicit sizes, one line each. */
export function queueProblems(given: Partial<QueueSizes>): string[] {
  const { maxMessageBytes: message, sendQueueBytes: queue, queueBudgetBytes: budget } = given;
  const problems: string[] = [];
  if (message !== undefined && queue !== undefined && message > queue) {
    problems.push(`SEND_QUEUE_BYTES must be >= MAX_MESSAGE_BYTES, got ${queue} and ${message}`);
  }
  if (queue !== undefined && budget !== undefined && queue > budget) {
    problems.push(`QUEUE_BUDGET_BYTES must be >= SEND_QUEUE_BYTES, got ${budget} and ${queue}`);
  }
  // With a queue given as well, the two relations above cover it.
  if (message !== undefined && queue === undefined && budget !== undefined && message > budget) {
    problems.push(`QUEUE_BUDGET_BYTES must be >= MAX_MESSAGE_BYTES, got ${budget} and ${message}`);
  }
  return problems;
}
