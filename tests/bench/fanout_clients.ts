/**
 * A publisher, its subscribers, and the runs over them.
 * Owns these sockets and the one run in progress; knows not which server it drives.
 *
 * @module
 */

import { BenchClient, connectEach } from "./bench_client.ts";
import { DeliveryCounter } from "./delivery_counter.ts";
import { LatencyHistogram } from "./latency_histogram.ts";
import type {
  ClosedLoopOptions,
  FanoutOptions,
  LatencyFigures,
  OpenLoopOptions,
  RunFigures,
} from "./load_calls.ts";
import { fill } from "./wire.ts";

const CHANNEL = "c"; // unless another one is asked for

/** A delivery that is later than this after the last publication is lost. */
const LOST_AFTER_MS = 10_000;

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
export class FanoutClients {
  readonly #options: FanoutOptions;
  readonly #channel: string;
  readonly #publishText: string;
  #subscribers = 0;
  #publisher: BenchClient | undefined;
  #run: Run | undefined;
  #failure: Error | undefined;

  private constructor(options: FanoutOptions) {
    this.#options = options;
    const data = "x".repeat(options.dataBytes);
    this.#channel = options.channel ?? CHANNEL;
    this.#publishText = fill(options.wire.fanout.publish, { channel: this.#channel, data });
  }

  /** Connects all; resolves when every subscriber is subscribed. */
  static async open(options: FanoutOptions): Promise<FanoutClients> {
    const { port, wire, subscribers } = options;
    const clients = new FanoutClients(options);
    await clients.growTo(subscribers);
    clients.#publisher = await BenchClient.connect(
      { port, path: wire.fanout.publisherPath, wire },
      { ended: (reason) => clients.#fail(`publisher: ${reason}`) },
    );
    return clients;
  }

  /** Connects more subscribers. Not during a run. */
  async growTo(subscribers: number): Promise<void> {
    const first = this.#subscribers;
    await connectEach(subscribers - first, (index) => this.#subscribe(first + index));
    this.#subscribers = subscribers;
  }

  /** @throws Error when a delivery is lost or one too many, or a connection ends. */
  async closedLoop(
    { inFlight, durationMs }: ClosedLoopOptions,
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
    { publicationsPerSecond, publications }: OpenLoopOptions,
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
    const { wire, subscriberPorts: ports = [this.#options.port] } = this.#options;
    const port = ports[subscriber % ports.length];
    const { subscriberPath, subscribe } = wire.fanout;
    const client = await BenchClient.connect({ port, path: subscriberPath, wire }, {
      delivery: (_chunk, start, end) => this.#receive(subscriber, end - start),
      readEnd: () => this.#afterRead(),
      ended: (reason) => this.#fail(`subscriber ${subscriber}: ${reason}`),
    });
    if (subscribe !== undefined) {
      await client.subscribe(fill(subscribe, { channel: this.#channel }));
    }
  }

  #receive(subscriber: number, bytes: number): void {
    const run = this.#run;
    if (run === undefined) return this.#fail(`subscriber ${subscriber}: a delivery of no run`);
    run.bytes += bytes;
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
      counter: new DeliveryCounter(this.#subscribers, maxInFlight),
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
    this.#publisher?.send(Array.from({ length: count }, () => this.#publishText));
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
    const deliveries = publications * this.#subscribers;
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
    this.#failure ??= new Error(what);
    this.#run?.finished.reject(this.#failure);
  }
}

function lossText(counter: DeliveryCounter): string {
  const { deliveries, subscribers } = counter.missing();
  return `${deliveries} deliveries to ${subscribers} subscribers, of ${counter.published} publications`;
}
