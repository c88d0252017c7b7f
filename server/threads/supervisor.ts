/**
 * Keeps the threads running: probes each once a second, ends one that does not answer, and starts another
 * in the place of one that has ended, later and later if it ends at once again and again.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { StartError } from "../base/errors.ts";
import type { Logger } from "../logging/logging.ts";
import type { HostedThread } from "./hub_host.ts";

/** From one probe to the next, ms. */
const PROBE_EVERY_MS = 1_000;

/**
 * Probes in a row that were not answered before a thread is ended. Counted in ticks of a timer, so that a
 * pause of the whole process does not count.
 */
const MAX_UNANSWERED = 5;

/** Bytes that a thread has not handled, with which it is ended: it answers, and does nothing else. */
const MAX_UNHANDLED_BYTES = 1 << 27;

/** How long a start may take, ms. */
const START_MS = 30_000;

/** How long the end of a thread may take, ms. Deno (2.9.6) does not interrupt a loop. */
const END_MS = 3_000;

/** A thread that has run for so long starts again at once, ms. */
const SETTLED_MS = 10_000;

/** The first and the longest time before a thread starts that has failed again, ms. */
const BACKOFF_MS = { first: 1_000, last: 30_000 } as const;

/** A thread that runs. */
export interface SupervisedThread extends HostedThread {
  /** Resolves when it can start. */
  readonly loaded: Promise<void>;
  /** Resolves with the reason when it has ended. */
  readonly ended: Promise<string>;
  /** Ends it, if it does anything but loop. */
  terminate(): void;
}

export interface SupervisorOptions<Thread extends SupervisedThread> {
  /** How many there are. */
  readonly threads: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Makes one. */
  readonly spawn: (about: { readonly thread: string; readonly node: string }) => Thread;
  /** Resolves when it serves clients. @throws {StartError} when it cannot */
  readonly start: (thread: Thread) => Promise<void>;
  /** Looks after one. Resolves when it has answered. @throws {Unavailable} when it has ended */
  readonly probe: (thread: Thread) => Promise<void>;
  /** It is gone. @returns what the log says of it */
  readonly onGone: (thread: Thread) => Readonly<Record<string, unknown>>;
  /** A thread does not end: its part of the port is lost. */
  readonly onStuck: () => void;
}

/** The place of a thread. */
interface Place<Thread> {
  readonly thread: string;
  /** Threads that it has had. */
  runs: number;
  running: Thread | undefined;
  /** The thread serves clients. */
  isServing: boolean;
  startedMs: number;
  /** Starts in a row that came to nothing, or did not last. */
  failures: number;
  unanswered: number;
}

export class Supervisor<Thread extends SupervisedThread> {
  /** Threads that have failed, since the start. */
  lost = 0;
  readonly #options: SupervisorOptions<Thread>;
  readonly #places: Place<Thread>[];
  #cancel: Cancel = () => {};
  #isStopped = false;

  constructor(options: SupervisorOptions<Thread>) {
    this.#options = options;
    this.#places = Array.from({ length: options.threads }, (_, i) => ({
      thread: String(i + 1),
      runs: 0,
      running: undefined,
      isServing: false,
      startedMs: 0,
      failures: 0,
      unanswered: 0,
    }));
  }

  /** Threads that serve clients. */
  get serving(): Thread[] {
    return this.#places.flatMap(({ running, isServing }) => isServing ? [running!] : []);
  }

  /**
   * Starts the first thread, then the others. All are loaded before, so that the first one is not alone
   * on the port for long: connections stay where they are.
   *
   * @throws {StartError} when one of them cannot start; then none runs
   */
  async start(): Promise<void> {
    try {
      const [first, ...others] = this.#places;
      for (const place of this.#places) this.#spawn(place);
      await Promise.all(this.#places.map((place) => this.#load(place)));
      await this.#serve(first);
      await Promise.all(others.map((place) => this.#serve(place)));
    } catch (error) {
      this.stop();
      throw error instanceof StartError
        ? error
        : new StartError(`Cannot start: a thread has failed: ${error}`, { cause: error });
    }
    this.#schedule();
  }

  /** No thread is probed or started any more. */
  pause(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** Ends all threads. */
  stop(): void {
    this.pause();
    for (const place of this.#places) {
      place.isServing = false;
      place.running?.terminate();
    }
  }

  #spawn(place: Place<Thread>): void {
    const { thread } = place;
    const run = ++place.runs;
    const node = run === 1 ? `thread ${thread}` : `thread ${thread}.${run}`;
    place.running = this.#options.spawn({ thread, node });
  }

  #load(place: Place<Thread>): Promise<void> {
    return this.#inTime(place, place.running!.loaded);
  }

  async #serve(place: Place<Thread>): Promise<void> {
    const { clock, start } = this.#options;
    const thread = place.running!;
    await this.#inTime(place, start(thread));
    place.isServing = true;
    place.unanswered = 0;
    place.startedMs = clock.now();
    void thread.ended.then((why) => this.#ended(place, why));
  }

  /** Waits for a thread that starts; without success it is ended. */
  async #inTime(place: Place<Thread>, step: Promise<void>): Promise<void> {
    const { clock, onGone } = this.#options;
    const thread = place.running!;
    let cancel: Cancel = () => {};
    const failed = new Promise<never>((_, reject) => {
      cancel = clock.after(START_MS, () => reject(new Error("it does not start")));
      void thread.ended.then((why) => reject(new Error(why)));
    });
    try {
      await Promise.race([step, failed]);
    } catch (error) {
      onGone(thread);
      thread.terminate();
      place.running = undefined;
      throw error;
    } finally {
      cancel();
    }
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.after(PROBE_EVERY_MS, () => {
      this.#schedule();
      for (const place of this.#places) this.#probe(place);
    });
  }

  #probe(place: Place<Thread>): void {
    const { running, isServing } = place;
    if (!isServing) return;
    const thread = running!;
    const isOverfull = thread.link.unacknowledgedBytes > MAX_UNHANDLED_BYTES;
    if (place.unanswered >= MAX_UNANSWERED || isOverfull) return this.#end(place, thread);
    place.unanswered++;
    const answered = () => {
      if (place.running === thread) place.unanswered = 0;
    };
    this.#options.probe(thread).then(answered, () => {});
  }

  /** Ends a thread that does not answer. Until it has ended, its sockets are open. */
  #end(place: Place<Thread>, thread: Thread): void {
    const { clock, log, onStuck } = this.#options;
    place.isServing = false;
    log.error("a thread does not answer: it is ended", { thread: place.thread });
    thread.terminate();
    const cancel = clock.after(END_MS, () => {
      log.error("a thread does not end: the process has to", { thread: place.thread });
      onStuck();
    });
    void thread.ended.then(cancel);
  }

  #ended(place: Place<Thread>, why: string): void {
    if (this.#isStopped) return;
    const { clock, log, onGone } = this.#options;
    const thread = place.running!;
    place.running = undefined;
    place.isServing = false;
    this.lost++;
    if (clock.now() - place.startedMs >= SETTLED_MS) place.failures = 0;
    const about = onGone(thread);
    log.error("a thread has ended: another takes its place", {
      thread: place.thread,
      why,
      ...about,
    });
    this.#startLater(place);
  }

  #startLater(place: Place<Thread>): void {
    const { first, last } = BACKOFF_MS;
    const { clock, log } = this.#options;
    const delayMs = place.failures === 0 ? 0 : Math.min(last, first * 2 ** (place.failures - 1));
    place.failures++;
    clock.after(delayMs, () => {
      if (this.#isStopped) return;
      this.#spawn(place);
      this.#load(place).then(() => this.#serve(place)).then(
        () => log.info("a thread has started again", { thread: place.thread }),
        (error) => {
          if (this.#isStopped) return;
          log.error("a thread could not start again", { thread: place.thread, error });
          this.#startLater(place);
        },
      );
    });
  }
}
