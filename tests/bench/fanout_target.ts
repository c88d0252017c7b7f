/**
 * One server as the load process sees it: a publisher, its subscribers, and the runs over them.
 * Owns these sockets and the one run in progress; knows not whether it drives subject or control.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { DeliveryCounter } from "./delivery_counter.ts";
import { LatencyHistogram } from "./latency_histogram.ts";
import type {
  ClosedLoopOptions,
  LatencyFigures,
  OpenLoopOptions,
  RunFigures,
  TargetOptions,
} from "./load_calls.ts";
import { RawSocket } from "./raw_socket.ts";

/** Connects under way at a time: below every listen backlog. */
export const CONNECTS_AT_A_TIME = 100;

/** A delivery that is later than this after the last publication is lost. */
const LOST_AFTER_MS = 10_000;

const SUBSCRIBED_PREFIX = '{"type":"subscribed"';

/** `{"type":"m`: of all types of the json profile, `message` alone begins with m. */
const TYPE_OFFSET = '{"type":"'.length;
const MESSAGE_INITIAL = "m".charCodeAt(0);

interface Run {
  counter: DeliveryCounter;
  bytes: number;
  reads: number;
  /** Called once per publication received by a subscriber. */
  received(publication: number): void;
  /** Called after each read, so that all it has freed is refilled in one write. */
  refill(): void;
  finished: PromiseWithResolvers<void>;
  hasPublishedAll: boolean;
}

/** A publisher and subscribers on one server. */
export class FanoutTarget {
  readonly #options: TargetOptions;
  readonly #subscribers: RawSocket[] = [];
  #publisher: RawSocket | undefined;
  #run: Run | undefined;
  #failure: Error | undefined;
  #sampleText = "";

  private constructor(options: TargetOptions) {
    this.#options = options;
  }

  /** Connects everybody; resolves when every subscriber is subscribed. */
  static async open(options: TargetOptions): Promise<FanoutTarget> {
    const target = new FanoutTarget(options);
    for (let first = 0; first < options.subscribers; first += CONNECTS_AT_A_TIME) {
      const count = Math.min(CONNECTS_AT_A_TIME, options.subscribers - first);
      await Promise.all(Array.from({ length: count }, (_, n) => target.#subscribe(first + n)));
    }
    target.#publisher = await RawSocket.open(options.port, options.publisherPath, {
      text: () => {},
      ended: (reason) => target.#fail(`publisher: ${reason}`),
    });
    return target;
  }

  /** Publishes once, and returns the text that the first subscriber received. */
  async deliverOne(): Promise<string> {
    await this.closedLoop({ inFlight: 1, durationMs: 0 });
    return this.#sampleText;
  }

  /** @throws Error when a delivery is lost or one too many, or a connection ends. */
  async closedLoop(
    { inFlight, durationMs }: Omit<ClosedLoopOptions, "target">,
  ): Promise<RunFigures> {
    const run = this.#begin(inFlight);
    const startMs = performance.now();
    run.refill = () => {
      const free = inFlight - run.counter.inFlight;
      if (free === 0) return;
      if (performance.now() - startMs < durationMs) return this.#publish(run, free);
      run.hasPublishedAll = true;
    };
    this.#publish(run, inFlight);
    await this.#finish(run, durationMs);
    return this.#figures(run, startMs);
  }

  /**
   * Latency counts from when a publication was *due*, not from when it left: a server that stalls
   * the publisher does not thereby hide the wait (no coordinated omission). What this process is
   * late with its own timers and reads is in the figure too, alike for every server.
   * @throws Error as closedLoop().
   */
  async openLoop(
    { publicationsPerSecond, publications }: Omit<OpenLoopOptions, "target">,
  ): Promise<RunFigures & LatencyFigures> {
    const run = this.#begin(publications);
    const latencies = new LatencyHistogram();
    const periodMs = 1_000 / publicationsPerSecond;
    const startMs = performance.now();
    run.received = (publication) =>
      latencies.record((performance.now() - startMs - publication * periodMs) * 1_000);
    while (!run.hasPublishedAll && this.#failure === undefined) {
      const due = Math.floor((performance.now() - startMs) / periodMs) + 1;
      const count = Math.min(due, publications) - run.counter.published;
      if (count > 0) this.#publish(run, count);
      run.hasPublishedAll = run.counter.published === publications;
      const waitMs = startMs + run.counter.published * periodMs - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
    }
    await this.#finish(run, 0);
    return {
      ...this.#figures(run, startMs),
      p50Us: latencies.percentileUs(0.5),
      p99Us: latencies.percentileUs(0.99),
      maxUs: latencies.maxUs,
    };
  }

  async #subscribe(subscriber: number): Promise<void> {
    const { subscribeText, port, subscriberPath } = this.#options;
    const subscribed = Promise.withResolvers<void>();
    // Nobody awaits it where nothing is to be subscribed, and then it may be rejected unheard.
    subscribed.promise.catch(() => {});
    const socket = await RawSocket.open(port, subscriberPath, {
      text: (chunk, start, end) => {
        if (chunk[start + TYPE_OFFSET] === MESSAGE_INITIAL) {
          return this.#receive(subscriber, chunk, start, end);
        }
        const text = chunk.toString("utf8", start, end);
        if (text.startsWith(SUBSCRIBED_PREFIX)) subscribed.resolve();
        if (text.startsWith('{"type":"error"')) subscribed.reject(new Error(text));
      },
      readEnd: () => this.#afterRead(),
      ended: (reason) => {
        subscribed.reject(new Error(reason));
        this.#fail(`subscriber ${subscriber}: ${reason}`);
      },
    });
    this.#subscribers.push(socket);
    if (subscribeText === undefined) return;
    socket.send([subscribeText]);
    await subscribed.promise;
  }

  #receive(subscriber: number, chunk: Buffer, start: number, end: number): void {
    const run = this.#run;
    if (run === undefined) return this.#fail(`subscriber ${subscriber}: a delivery of no run`);
    if (this.#sampleText === "") this.#sampleText = chunk.toString("utf8", start, end);
    run.bytes += end - start;
    try {
      run.received(run.counter.receive(subscriber));
    } catch (error) {
      this.#fail(String(error));
    }
  }

  #begin(maxInFlight: number): Run {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#run !== undefined) throw new TypeError("Cannot run: another run is in progress");
    this.#run = {
      counter: new DeliveryCounter(this.#options.subscribers, maxInFlight),
      bytes: 0,
      reads: 0,
      received: () => {},
      refill: () => {},
      finished: Promise.withResolvers<void>(),
      hasPublishedAll: false,
    };
    // An open-loop run awaits it only after its last publication; it may be rejected before.
    this.#run.finished.promise.catch(() => {});
    return this.#run;
  }

  #publish(run: Run, count: number): void {
    for (let n = 0; n < count; n++) run.counter.publish();
    this.#publisher?.send(Array.from({ length: count }, () => this.#options.publishText));
  }

  #afterRead(): void {
    const run = this.#run;
    if (run === undefined) return;
    run.reads++;
    run.refill();
    if (run.hasPublishedAll && run.counter.inFlight === 0) run.finished.resolve();
  }

  async #finish(run: Run, publishingMs: number): Promise<void> {
    const timer = setTimeout(
      () => this.#fail(`lost: ${lossText(run.counter)}`),
      publishingMs + LOST_AFTER_MS,
    );
    try {
      this.#afterRead();
      await run.finished.promise;
    } finally {
      clearTimeout(timer);
      this.#run = undefined;
    }
  }

  #figures(run: Run, startMs: number): RunFigures {
    const publications = run.counter.published;
    const deliveries = publications * this.#options.subscribers;
    return {
      publications,
      deliveries,
      elapsedMs: performance.now() - startMs,
      deliveryBytes: run.bytes / deliveries,
      deliveriesPerRead: deliveries / run.reads,
    };
  }

  /** The first failure ends the run in progress, and is what every later run reports. */
  #fail(what: string): void {
    this.#failure ??= new Error(`${this.#options.target}: ${what}`);
    this.#run?.finished.reject(this.#failure);
  }
}

function lossText(counter: DeliveryCounter): string {
  const { deliveries, subscribers } = counter.missing();
  return `${deliveries} deliveries to ${subscribers} subscribers, of ${counter.published} publications`;
}
