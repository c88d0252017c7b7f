/**
 * The figures that other rooms hold, as metrics: what stands in the queues now, and what is known of
 * idle timeouts on the way.
 *
 * @module
 */

import { type Exposition, one } from "./exposition.ts";

/** Reads each figure when asked. */
export interface Gauges {
  /** Letters in the hub's mailbox. */
  readonly mailboxMessages: () => number;
  /** Bytes in all send queues together. */
  readonly queuedBytes: () => number;
  /** Channels that somebody follows. */
  readonly channels: () => number;
  /** Idle timeouts known on the way to clients. */
  readonly idleTimeouts: () => number;
  /** Connections that they have cut so far. */
  readonly idleTimeoutCuts: () => number;
}

/** Exposes them all. */
export function exposeGauges(exposition: Exposition, readings: Gauges): void {
  const { mailboxMessages, queuedBytes, channels, idleTimeouts, idleTimeoutCuts } = readings;
  const gauges: [string, string, () => number][] = [
    ["systole_mailbox_messages", "Letters in the hub's mailbox", mailboxMessages],
    ["systole_send_queue_bytes", "Bytes in all send queues", queuedBytes],
    ["systole_channels", "Channels that somebody follows", channels],
    ["systole_idle_timeouts", "Idle timeouts known on the way", idleTimeouts],
  ];
  for (const [name, help, read] of gauges) exposition.gauge(name, help, () => one(read()));
  exposition.counter(
    "systole_idle_timeout_cuts_total",
    "Connections cut by known idle timeouts on the way",
    () => one(idleTimeoutCuts()),
  );
}
