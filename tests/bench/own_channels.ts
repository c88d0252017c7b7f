/**
 * Clients that each subscribe to a channel of their own, publish there and wait for the delivery.
 * Owns these sockets and the one run in progress.
 *
 * @module
 */

import { BenchClient, connectEach } from "./bench_client.ts";
import type { OwnFigures, OwnOptions } from "./load_calls.ts";
import { fill } from "./wire.ts";

/** A delivery that is later than this after the end of a run is lost. */
const LOST_AFTER_MS = 10_000;

interface OwnRun {
  untilMs: number;
  messages: number;
  waiting: number;
  finished: PromiseWithResolvers<void>;
}

/** The clients of one server. */
export class OwnChannels {
  readonly #clients: BenchClient[] = [];
  readonly #publishTexts: string[][] = [];
  readonly #isWaiting: boolean[] = [];
  #run: OwnRun | undefined;
  #failure: Error | undefined;

  /** Connects all; resolves when each is subscribed. */
  static async open(
    { port, ports = [port], wire, clients, dataBytes }: OwnOptions,
  ): Promise<OwnChannels> {
    const channels = new OwnChannels();
    const { path, subscribe, publish } = wire.own;
    await connectEach(clients, async (index) => {
      const channel = `c${index}`;
      channels.#publishTexts[index] = [fill(publish, { channel, data: "x".repeat(dataBytes) })];
      const client = await BenchClient.connect({ port: ports[index % ports.length], path, wire }, {
        delivery: () => channels.#deliver(index),
        ended: (reason) => channels.#fail(`client ${index}: ${reason}`),
      });
      channels.#clients[index] = client;
      await client.subscribe(fill(subscribe, { channel }));
    });
    return channels;
  }

  /**
   * Each client publishes when its last publication has come back, for so long.
   * @throws Error when a delivery is lost or one too many, or a connection ends.
   */
  async run({ durationMs }: { durationMs: number }): Promise<OwnFigures> {
    if (this.#failure !== undefined) throw this.#failure;
    const startMs = performance.now();
    const run = this.#run = {
      untilMs: startMs + durationMs,
      messages: 0,
      waiting: this.#clients.length,
      finished: Promise.withResolvers<void>(),
    };
    const timer = setTimeout(
      () => this.#fail(`lost: the deliveries of ${run.waiting} clients`),
      durationMs + LOST_AFTER_MS,
    );
    for (const index of this.#clients.keys()) this.#publish(index);
    try {
      await run.finished.promise;
    } finally {
      clearTimeout(timer);
      this.#run = undefined;
    }
    return { messages: run.messages, elapsedMs: performance.now() - startMs };
  }

  #publish(index: number): void {
    this.#isWaiting[index] = true;
    this.#clients[index].send(this.#publishTexts[index]);
  }

  #deliver(index: number): void {
    const run = this.#run;
    if (run === undefined || !this.#isWaiting[index]) {
      return this.#fail(`client ${index}: a delivery of no publication`);
    }
    this.#isWaiting[index] = false;
    run.messages++;
    if (performance.now() < run.untilMs) return this.#publish(index);
    if (--run.waiting === 0) run.finished.resolve();
  }

  /** The first failure ends the run in progress, and is what every later run reports. */
  #fail(what: string): void {
    this.#failure ??= new Error(what);
    this.#run?.finished.reject(this.#failure);
  }
}
