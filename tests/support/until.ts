/**
 * Waiting on the real clock, always with a deadline: for a condition, for a promise, for a moment.
 * Also tells how late this process's own event loop runs, so that a test can say what of a
 * measurement was its own fault.
 *
 * @module
 */

const LOOK_EVERY_MS = 10;

/** A wait that took too long. */
export class TooLate extends Error {
  /** @param what was waited for */
  constructor(what: string, withinMs: number) {
    super(`waited ${withinMs} ms in vain: ${what}`);
    this.name = "TooLate";
  }
}

/**
 * Waits until a condition holds.
 *
 * @returns what the condition returned
 * @throws {TooLate} when it does not hold in time
 */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = 5_000 }: { withinMs?: number } = {},
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadlineMs) throw new TooLate(what, withinMs);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/**
 * Waits for a promise.
 *
 * @throws {TooLate} when it has not settled in time
 */
export async function within<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate(what, ms)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for a moment of `performance.now()`: for timelines, where time itself is the event. */
export async function at(momentMs: number): Promise<void> {
  for (;;) {
    const leftMs = momentMs - performance.now();
    if (leftMs <= 0) return;
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(leftMs)));
  }
}

/** Waits for several things side by side, and for all of them even when one fails. */
export async function sideBySide(...waits: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(waits)).filter((it) => it.status === "rejected");
  if (failed.length === 1) throw failed[0].reason;
  if (failed.length > 1) {
    const errors = failed.map(({ reason }) => reason);
    throw new AggregateError(errors, errors.map(String).join("\n"));
  }
}

/** Measures how late timers of this process fire: what it sees of the world is as late as that. */
export class LoopWatch implements Disposable {
  readonly #lateness: { readonly atMs: number; readonly lateMs: number }[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    let expectedMs = performance.now() + LOOK_EVERY_MS;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lateness.push({ atMs: nowMs, lateMs: Math.max(0, nowMs - expectedMs) });
      expectedMs = nowMs + LOOK_EVERY_MS;
    }, LOOK_EVERY_MS);
  }

  /** The worst lateness since a moment of `performance.now()`, ms. */
  worstMs(sinceMs = 0): number {
    return Math.max(
      0,
      ...this.#lateness.filter(({ atMs }) => atMs >= sinceMs).map(({ lateMs }) => lateMs),
    );
  }

  /** Stops measuring. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
