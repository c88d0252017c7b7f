/**
 * Reasons for which a connection may end, by what is wrong with it.
 *
 * @module
 */

/** Why a connection may end whose peer cannot be heard. */
export const UNHEARD = ["stale", "missed_heartbeats", "network_error", "client_close"] as const;

/** The same for one whose peer does not take what is sent. */
export const UNREAD = ["write_timeout", "slow_consumer", "overload", "frozen"] as const;
