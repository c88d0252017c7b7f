/**
 * The colours of causes, statuses and profiles, the same everywhere on the page. A colour never stands
 * without a word beside it.
 *
 * @module
 */

/** Close causes and their colours: those of the server and of the network are the most visible. */
export const CAUSES: Readonly<Record<string, string>> = {
  "client close": "--neutral",
  "drain": "--series-5",
  "admin": "--series-6",
  "network": "--bad",
  "frozen": "--timeout",
  "proxy idle cut": "--poor",
  "server stall": "--server",
  "slow consumer": "--warn",
  "rate": "--series-2",
  "auth": "--series-3",
  "client fault": "--series-4",
  "node lost": "--dead",
};

/** Health statuses and their colours, the best first. */
export const STATUSES: Readonly<Record<string, string>> = {
  healthy: "--good",
  degraded: "--warn",
  poor: "--poor",
  critical: "--bad",
  timeout: "--timeout",
  dead: "--dead",
  unknown: "--neutral",
};

/** Colours of the profiles, in the order of the stats. */
export const PROFILE_COLOURS: readonly string[] = [
  "--series-1",
  "--series-2",
  "--series-3",
  "--series-4",
  "--series-5",
];
