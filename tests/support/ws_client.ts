/**
 * A client on `npm:ws`, as its users have it, that notes what happens to it and when.
 *
 * @module
 */

// @ts-types="@types/ws"
import { type ClientOptions, WebSocket } from "ws";
import { until, within } from "./until.ts";

/** Something that happened, with its moment of `performance.now()`. */
export interface Heard {
  readonly atMs: number;
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  readonly message: any;
}

/** See the module. */
export class WsClient implements Disposable {
  /** Just before the connection was asked for, and just after it was open. */
  readonly bornMs: { readonly from: number; to: number };
  /** JSON messages. */
  readonly heard: Heard[] = [];
  /** When control pings came. */
  readonly pingsMs: number[] = [];
  /** Code and moment of the end. */
  ended: { readonly code: number; readonly reason: string; readonly atMs: number } | undefined;
  readonly #ws: WebSocket;

  private constructor(url: string | URL, options: ClientOptions) {
    this.bornMs = { from: performance.now(), to: Infinity };
    this.#ws = new WebSocket(url, options);
    this.#ws.on("ping", () => this.pingsMs.push(performance.now()));
    this.#ws.on("message", (data) => {
      this.heard.push({ atMs: performance.now(), message: JSON.parse(data.toString()) });
    });
    this.#ws.on("error", () => {}); // `close` follows
    this.#ws.on("close", (code, reason) => {
      this.ended = { code, reason: reason.toString(), atMs: performance.now() };
    });
  }

  /** Connects and waits for the welcome. */
  static async connect(url: string | URL, options: ClientOptions = {}): Promise<WsClient> {
    const client = new WsClient(url, options);
    client.#ws.once("open", () => client.bornMs.to = performance.now());
    await until("a welcome", () => client.#died() ?? client.of("welcome").length > 0);
    return client;
  }

  /** Whether it is open. */
  get open(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  /** What came of a type. */
  of(type: string): Heard[] {
    return this.heard.filter(({ message }) => message.type === type);
  }

  /** Calls at each message of a type. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  on(type: string, call: (message: any) => void): void {
    this.#ws.on("message", (data) => {
      const message = JSON.parse(data.toString());
      if (message.type === type) call(message);
    });
  }

  /** Sends text, bytes, or anything else as JSON. */
  send(message: unknown): void {
    const plain = typeof message === "string" || message instanceof Uint8Array;
    this.#ws.send(plain ? message : JSON.stringify(message));
  }

  /** Sends a control ping. */
  ping(): void {
    this.#ws.ping();
  }

  /** Sends a control pong that nobody asked for. */
  pong(): void {
    this.#ws.pong();
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
      () => this.#died() ?? this.of("pong").find(({ message }) => message.id === id),
    );
    return { from, to: answer.atMs };
  }

  /** Waits for the end. */
  async end(withinMs = 5_000): Promise<{ code: number; reason: string; atMs: number }> {
    if (this.ended === undefined) {
      const closed = new Promise((resolve) => this.#ws.once("close", resolve));
      await within("the end of a connection", withinMs, closed);
    }
    return this.ended!;
  }

  /** Ends it without ado. */
  [Symbol.dispose](): void {
    this.#ws.terminate();
  }

  #died(): undefined {
    if (this.ended !== undefined) throw new Error(`ended with ${this.ended.code}`);
  }
}
