/**
 * Metrics whose value another module has: what stands in the queues now, and what is known of idle
 * timeouts on the way. Each is one entry of the table; server.ts says how its value is read.
 *
 * @module
 */

import { type Exposition, one } from "./exposition.ts";

/** Type, name and help by the name under which server.ts gives the value. */
const METRICS = {
  mailboxMessages: ["gauge", "systole_mailbox_messages", "Messages in the hub's mailbox"],
  queuedBytes: ["gauge", "systole_send_queue_bytes", "Bytes in all send queues"],
  channels: ["gauge", "systole_channels", "Channels that have a subscriber"],
  idleTimeouts: ["gauge", "systole_idle_timeouts", "Idle timeouts known on the way to clients"],
  idleTimeoutCuts: [
    "counter",
    "systole_idle_timeout_cuts_total",
    "Connections that known idle timeouts on the way have ended",
  ],
} as const satisfies Record<string, readonly ["gauge" | "counter", string, string]>;

/** Reads each value when asked. */
export type Gauges = { readonly [Name in keyof typeof METRICS]: () => number };

/** Exposes them all. */
export function exposeGauges(exposition: Exposition, gauges: Gauges): void {
  for (const name of Object.keys(METRICS) as (keyof Gauges)[]) {
    const [type, metric, help] = METRICS[name];
    exposition[type](metric, help, () => one(gauges[name]()));
  }
}
