/**
 * Which colour of the style sheet stands for what, the same everywhere on the page. Never alone: a
 * word stands beside it.
 *
 * @module
 */

/** Causes of an end with their colours: the server's and the network's stand out. */
export const CAUSES: Readonly<Record<string, string>> = {
  "client close": "--calm",
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
};

/** Health, the best first. */
export const STATUSES: Readonly<Record<string, string>> = {
  healthy: "--good",
  degraded: "--warn",
  poor: "--poor",
  critical: "--bad",
  timeout: "--timeout",
  dead: "--dead",
  unknown: "--calm",
};

/** Colours of the profiles, in the order of the API. */
export const PROFILE_COLOURS: readonly string[] = [
  "--series-1",
  "--series-2",
  "--series-3",
  "--series-4",
  "--series-5",
];
