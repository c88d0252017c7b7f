/**
 * The figures that other rooms hold, as metrics: what stands in the queues now, and what is known of
 * idle timeouts on the way.
 *
 * @module
 */

import { type Exposition, one } from "./exposition.ts";

/** Reads each figure when asked. */
export interface Readings {
  /** Letters in the hub's mailbox. */
  readonly mailboxLetters: () => number;
  /** Bytes in all send queues together. */
  readonly queuedBytes: () => number;
  /** Channels that somebody follows. */
  readonly channels: () => number;
  /** Idle timeouts known on the way to clients. */
  readonly pathLimits: () => number;
  /** Connections that they have cut so far. */
  readonly pathLimitCuts: () => number;
}

/** Exposes them all. */
export function exposeReadings(exposition: Exposition, readings: Readings): void {
  const { mailboxLetters, queuedBytes, channels, pathLimits, pathLimitCuts } = readings;
  const gauges: [string, string, () => number][] = [
    ["systole_mailbox_letters", "Letters in the hub's mailbox", mailboxLetters],
    ["systole_send_queue_bytes", "Bytes in all send queues", queuedBytes],
    ["systole_channels", "Channels that somebody follows", channels],
    ["systole_path_limits", "Idle timeouts known on the way", pathLimits],
  ];
  for (const [name, help, read] of gauges) exposition.gauge(name, help, () => one(read()));
  exposition.counter(
    "systole_path_limit_cuts_total",
    "Connections cut by known idle timeouts on the way",
    () => one(pathLimitCuts()),
  );
}
