/**
 * Clients that return to channels which have kept messages for them.
 * Owns these sockets and the one run in progress.
 *
 * @module
 */

import { BenchClient, connectEach } from "./bench_client.ts";
import type { ResumeFigures, ResumeOptions, ReturnOptions } from "./load_calls.ts";
import { fill } from "./wire.ts";

/** Messages that are not there so long after the clients have returned are lost. */
const LOST_AFTER_MS = 20_000;

/** Publications in flight while channels are filled: below half of a send queue. */
const IN_FLIGHT = 100;

/** The channels of one hub, and the clients that return to them. */
export class Resumes {
  readonly #options: ResumeOptions;
  /** The subscription of a client that returns, of each channel. */
  readonly #subscriptions: string[] = [];
  #clients: BenchClient[] = [];
  #lacking = 0;
  #onDelivery: (client: number) => void = () => {};
  #failure: Error | undefined;
  #fail: (error: Error) => void = (error) => this.#failure ??= error;

  private constructor(options: ResumeOptions) {
    this.#options = options;
  }

  /** Publishes what is missed; resolves when it was delivered. */
  static async open(options: ResumeOptions): Promise<Resumes> {
    const resumes = new Resumes(options);
    await resumes.#publish();
    return resumes;
  }

  /** Connects clients, which do not subscribe yet. */
  async connect({ clients, ports }: ReturnOptions): Promise<void> {
    this.#clients = [];
    const { wire } = this.#options;
    await connectEach(clients, async (index) => {
      const port = ports[index % ports.length];
      this.#clients[index] = await BenchClient.connect({ port, path: wire.own.path, wire }, {
        delivery: () => this.#onDelivery(index),
        ended: (reason) => this.#fail(new Error(`client ${index}: ${reason}`)),
      });
    });
  }

  /**
   * All clients return at once; then they go.
   * @throws Error when a message is lost or one too many, or a connection ends.
   */
  async run(): Promise<ResumeFigures> {
    if (this.#failure !== undefined) throw this.#failure;
    const { messages } = this.#options;
    const total = this.#clients.length * messages;
    const missing = new Uint32Array(this.#clients.length).fill(messages);
    const received = this.#receive(total, (client) => {
      if (missing[client]-- === 0) this.#fail(new Error(`client ${client}: one message too many`));
    });
    const startMs = performance.now();
    const returned = this.#clients.map(async (client, index) => {
      const answer = await client.subscribe(
        this.#subscriptions[index % this.#subscriptions.length],
      );
      if (!JSON.parse(answer).recovered) throw new Error(`client ${index}: ${answer}`);
    });
    await Promise.all([received, ...returned]);
    const elapsedMs = performance.now() - startMs;
    for (const client of this.#clients) client.destroy();
    return { messages: total, elapsedMs };
  }

  /** Resolves when so many deliveries have come. */
  async #receive(total: number, take: (client: number) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#lacking = total;
    this.#fail = (error) => reject(this.#failure ??= error);
    this.#onDelivery = (client) => {
      take(client);
      if (--this.#lacking === 0) resolve();
    };
    const late = () => this.#fail(new Error(`lost: ${this.#lacking} of ${total} messages`));
    const timer = setTimeout(late, LOST_AFTER_MS);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async #publish(): Promise<void> {
    const { port, wire, prefix, channels, messages, dataBytes } = this.#options;
    const client = await BenchClient.connect({ port, path: wire.own.path, wire }, {
      delivery: () => this.#onDelivery(0),
      ended: (reason) => this.#fail(new Error(`publisher: ${reason}`)),
    });
    const texts: string[] = [];
    const data = "x".repeat(dataBytes);
    for (let index = 0; index < channels; index++) {
      const channel = `${prefix}${index}`;
      const answer = await client.subscribe(fill(wire.own.subscribe, { channel }));
      const { epoch, offset } = JSON.parse(answer);
      const since = { epoch, offset };
      this.#subscriptions.push(JSON.stringify({ type: "subscribe", channel, since }));
      const text = fill(wire.own.publish, { channel, data });
      for (let message = 0; message < messages; message++) texts.push(text);
    }
    const send = (count: number) => {
      const some = texts.splice(-count);
      if (some.length > 0) client.send(some);
    };
    const received = this.#receive(texts.length, () => send(1));
    send(Math.min(IN_FLIGHT, texts.length));
    await received;
    client.destroy();
  }
}
