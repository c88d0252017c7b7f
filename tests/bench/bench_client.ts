/**
 * One client of a server under test: connected once it is welcomed, it answers the server's pings.
 * Owns the reading of texts by a `Wire`; knows nothing of channels, runs and counts.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { RawSocket } from "./raw_socket.ts";
import type { Wire } from "./wire.ts";

/** What a client reports. */
export interface BenchClientEvents {
  /** A delivery: its text is `chunk[start..end)`, and not to be kept after the call. */
  delivery?(chunk: Buffer, start: number, end: number): void;
  /** A ping of the kind that the wire counts; its answer is on its way. */
  ping?(): void;
  /** Every frame of one read has been reported. */
  readEnd?(): void;
  /** The connection ended, or the server sent an error. */
  ended(reason: string): void;
}

/** Where to connect, and how to speak. */
export interface BenchClientOptions {
  port: number;
  path: string;
  wire: Wire;
}

const ERROR = '{"type":"error"';

/** A client that is connected. */
export class BenchClient {
  readonly #wire: Wire;
  readonly #events: BenchClientEvents;
  readonly #deliveryAt: number;
  readonly #deliveryCode: number;
  #socket: RawSocket | undefined;
  /** Of the answer that is awaited: its prefix, and what it resolves. */
  #awaited: { prefix: string; answered: PromiseWithResolvers<string> } | undefined;

  private constructor(wire: Wire, events: BenchClientEvents) {
    this.#wire = wire;
    this.#events = events;
    this.#deliveryAt = wire.delivery.length - 1;
    this.#deliveryCode = wire.delivery.charCodeAt(this.#deliveryAt);
  }

  /** @throws Error when the server refuses, or ends the connection before the welcome. */
  static async connect(
    { port, path, wire }: BenchClientOptions,
    events: BenchClientEvents,
  ): Promise<BenchClient> {
    const client = new BenchClient(wire, events);
    // Before the upgrade, since the welcome may come in the same read as the response.
    const welcomed = client.#await(wire.welcome);
    client.#socket = await RawSocket.open(port, path, {
      text: (chunk, start, end) => client.#read(chunk, start, end),
      ping: wire.countedPings === "control" ? () => events.ping?.() : undefined,
      readEnd: events.readEnd === undefined ? undefined : () => events.readEnd?.(),
      ended: (reason) => client.#end(reason),
    });
    if (wire.hello !== undefined) client.send([wire.hello]);
    await welcomed;
    return client;
  }

  /** Sends a subscription, and waits until it is confirmed. @returns the confirmation */
  async subscribe(text: string): Promise<string> {
    const subscribed = this.#await(this.#wire.subscribed);
    this.send([text]);
    return await subscribed;
  }

  /** Sends texts as one write, a frame each. */
  send(texts: string[]): void {
    this.#socket?.send(texts);
  }

  /** Ends the connection without a close handshake; nothing is reported any more. */
  destroy(): void {
    this.#socket?.destroy();
  }

  #read(chunk: Buffer, start: number, end: number): void {
    const at = start + this.#deliveryAt;
    if (at < end && chunk[at] === this.#deliveryCode) {
      return this.#events.delivery?.(chunk, start, end);
    }
    const text = chunk.toString("utf8", start, end);
    const { prefix, answer } = this.#wire.ping;
    if (text.startsWith(prefix)) {
      this.send([answer + text.slice(prefix.length)]);
      if (this.#wire.countedPings === "text") this.#events.ping?.();
    } else if (this.#awaited !== undefined && text.startsWith(this.#awaited.prefix)) {
      const { answered } = this.#awaited;
      this.#awaited = undefined;
      answered.resolve(text);
    } else if (text.startsWith(ERROR)) this.#end(text);
  }

  #await(prefix: string): Promise<string> {
    const answered = Promise.withResolvers<string>();
    // It may be rejected before connect() awaits it, when the upgrade is refused.
    answered.promise.catch(() => {});
    this.#awaited = { prefix, answered };
    return answered.promise;
  }

  #end(reason: string): void {
    this.#awaited?.answered.reject(new Error(reason));
    this.#events.ended(reason);
  }
}

/** Connects under way at a time: below every listen backlog. */
const CONNECTS_AT_A_TIME = 100;

/** Calls `connect` for each index below `count`, so many at a time as a backlog holds. */
export async function connectEach(
  count: number,
  connect: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const connectNext = async () => {
    while (next < count) await connect(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, CONNECTS_AT_A_TIME) }, connectNext));
}
