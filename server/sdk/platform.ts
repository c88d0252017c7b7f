/**
 * What the library takes of the platform beside its WebSocket: clocks, timers, randomness, and the
 * events of the page. One for all sockets; a simulation replaces its members.
 *
 * @module
 */

/** The platform. */
export const platform = {
  /** Monotonic time, ms. */
  now: (): number => performance.now(),
  /** Wall-clock time, ms since 1970. */
  wall: (): number => Date.now(),
  /** In [0, 1). */
  random: (): number => Math.random(),
  /** 128 random bits in 31 to 63 characters. Unlike `randomUUID()` also in a page without https. */
  randomText: (): string => crypto.getRandomValues(new Uint8Array(16)).join(),
  /** Calls once after `ms`. @returns cancels the call */
  after: (ms: number, call: () => void): () => void => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  /** These timers need no end. */
  stop: (): void => {},
  /** Who fires the events of the network and the page. */
  page: globalThis as unknown,
  /** Heartbeats sent: their ids. Of all connections, so that an answer matches only one of them. */
  heartbeats: 0,
};
