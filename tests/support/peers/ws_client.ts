/**
 * A client on `npm:ws`, as its users have it, that notes what happens to it and when.
 *
 * @module
 */

// @ts-types="@types/ws"
import type { ClientOptions } from "ws";
import { until } from "../until.ts";
import { WsPeer } from "./ws_peer.ts";

/** A message, with the time of its arrival by `performance.now()`. */
export interface DecodedFrame {
  readonly atMs: number;
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  readonly message: any;
}

export class WsClient extends WsPeer {
  /** Just before the connection was asked for, and just after it was open. */
  readonly bornMs: { readonly from: number; to: number };
  /** JSON messages. */
  readonly heard: DecodedFrame[] = [];
  /** When control pings came. */
  readonly pingsMs: number[] = [];

  private constructor(url: string | URL, options: ClientOptions) {
    const bornMs = performance.now();
    super(url, options);
    this.bornMs = { from: bornMs, to: Infinity };
    this.ws.on("ping", () => this.pingsMs.push(performance.now()));
    this.ws.on("message", (data) => {
      this.heard.push({ atMs: performance.now(), message: JSON.parse(data.toString()) });
    });
  }

  /** Connects and waits for the welcome. */
  static async connect(url: string | URL, options: ClientOptions = {}): Promise<WsClient> {
    const client = new WsClient(url, options);
    client.ws.once("open", () => client.bornMs.to = performance.now());
    await until("a welcome", () => client.assertAlive() ?? client.of("welcome").length > 0);
    return client;
  }

  /** What came of a type. */
  of(type: string): DecodedFrame[] {
    return this.heard.filter(({ message }) => message.type === type);
  }

  /** The first message of a type, or waits for it. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  async message(type: string): Promise<any> {
    const first = () => this.of(type)[0] ?? this.assertAlive();
    return (await until(`a ${type} message`, first)).message;
  }

  /** Calls at each message of a type. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  on(type: string, call: (message: any) => void): void {
    this.ws.on("message", (data) => {
      const message = JSON.parse(data.toString());
      if (message.type === type) call(message);
    });
  }

  /** Sends text, bytes, or anything else as JSON. */
  send(message: unknown): void {
    const plain = typeof message === "string" || message instanceof Uint8Array;
    this.ws.send(plain ? message : JSON.stringify(message));
  }

  /** Sends a control ping. */
  ping(): void {
    this.ws.ping();
  }

  /** Sends a control pong that nobody asked for. */
  pong(): void {
    this.ws.pong();
  }

  /**
   * Sends a ping of the json profile and waits for its answer.
   *
   * @returns the moments before sending and after the answer
   */
  async roundTrip(): Promise<{ from: number; to: number }> {
    const id = crypto.randomUUID();
    const from = performance.now();
    this.send({ type: "ping", id });
    const answer = await until(
      "the answer to a ping",
      () => this.assertAlive() ?? this.of("pong").find(({ message }) => message.id === id),
    );
    return { from, to: answer.atMs };
  }
}
