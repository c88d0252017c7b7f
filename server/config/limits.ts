/**
 * The limits that keep one client, or all together, from exhausting the server.
 *
 * Owns the relations between the sizes of a message, a send queue and all queues. A default gives
 * way to an explicit value; only explicit values are checked against each other.
 * Must not know how values are read (values.ts), nor who enforces a limit.
 *
 * @module
 */

/** The three sizes that must fit into each other, in bytes. */
export interface QueueSizes {
  /** Largest inbound message; above it close 1009. At most `sendQueueBytes`. */
  readonly maxMessageBytes: number;
  /** One client's send queue; full while the socket does not drain = slow consumer. */
  readonly sendQueueBytes: number;
  /**
   * What waits for longer than a second in all send queues together; above it the worst offender goes
   * first. At least `sendQueueBytes`.
   */
  readonly queueBudgetBytes: number;
}

/** Every limit; where 0 means off, it says so. */
export interface Limits extends QueueSizes {
  /** Messages in one client's send queue. */
  readonly sendQueueMessages: number;
  /** Connections in all; 0 = off. */
  readonly maxConnections: number;
  /** Connections from one client address; 0 = off. */
  readonly maxConnectionsPerAddress: number;
  /** Connections with one key, unless the key has a limit of its own; 0 = off. */
  readonly maxConnectionsPerKey: number;
  /** Upgrades that are admitted per second; 0 = off. */
  readonly maxUpgradesPerSecond: number;
  /** Inbound frames of one connection per second, control frames too; the burst is twice that; 0 = off. */
  readonly maxMessagesPerSecond: number;
  /** Topics that one connection may follow. */
  readonly maxSubscriptions: number;
  /** Messages of one infoway connection in any minute; 0 = off. */
  readonly infowayMessagesPerMinute: number;
  /** Messages of one talo connection in any minute before a player is identified; 0 = off. */
  readonly taloMessagesPerMinute: number;
  /** The same after that; 0 = off. */
  readonly taloMessagesPerMinuteIdentified: number;
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
  // With a queue given as well, the two relations above say it already.
  if (message !== undefined && queue === undefined && budget !== undefined && message > budget) {
    problems.push(`QUEUE_BUDGET_BYTES must be >= MAX_MESSAGE_BYTES, got ${budget} and ${message}`);
  }
  return problems;
}
