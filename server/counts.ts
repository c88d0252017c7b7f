/**
 * What is counted of each system: plain numbers, for the frame path to add to.
 *
 * @module
 */

import { type CloseReason, REASON_NAMES } from "./close_codes.ts";

/** What is counted for each profile. */
export interface ProfileCounts {
  /** Connections accepted. */
  opened: number;
  /** Connections ended, by reason. */
  readonly closed: Record<CloseReason, number>;
  /** Messages from clients. */
  messagesIn: number;
  /** Messages queued for clients. */
  messagesOut: number;
  /** Messages a client did not get any more. */
  messagesDropped: number;
  /** Messages that made no sense. */
  malformed: number;
  /** Commands that the key has no right for. */
  denied: number;
  /** Control pings sent. */
  controlPings: number;
  /** App pings queued. */
  appPings: number;
  /** App pings that found the queue full. */
  appPingsSkipped: number;
  /** Control pongs received. */
  controlPongs: number;
  /** App pongs received. */
  appPongs: number;
  /** Pings without an answer in time. */
  heartbeatsMissed: number;
  /** Pongs that answer no ping of ours. */
  oddPongs: number;
  /** Times a connection's health became poor or critical. */
  healthAlerts: number;
}

/** Connections that are open. */
export function openNow({ opened, closed }: ProfileCounts): number {
  return REASON_NAMES.reduce((open, reason) => open - closed[reason], opened);
}

/** All at nothing. */
export function newCounts(): ProfileCounts {
  return {
    opened: 0,
    closed: Object.fromEntries(REASON_NAMES.map((name) => [name, 0])) as Record<
      CloseReason,
      number
    >,
    messagesIn: 0,
    messagesOut: 0,
    messagesDropped: 0,
    malformed: 0,
    denied: 0,
    controlPings: 0,
    appPings: 0,
    appPingsSkipped: 0,
    controlPongs: 0,
    appPongs: 0,
    heartbeatsMissed: 0,
    oddPongs: 0,
    healthAlerts: 0,
  };
}
