/**
 * Where threads are told to fail.
 *
 * @module
 */

/** The name of the channel. */
export const FAULTS = "faults of threads";
