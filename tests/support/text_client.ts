/**
 * A client on `npm:ws`, as its users have it, that notes every text as it came: for the systems
 * whose frames are not all JSON.
 *
 * @module
 */

// @ts-types="@types/ws"
import { type ClientOptions, WebSocket } from "ws";
import { until, within } from "./until.ts";

/** See the module. */
export class TextClient implements Disposable {
  /** Every text so far. */
  readonly texts: string[] = [];
  /** How many control pings came. */
  pings = 0;
  /** When the connection was asked for, by `performance.now()`. */
  readonly bornMs: number = performance.now();
  /** The end, once it has come. */
  ended: { readonly code: number; readonly reason: string; readonly atMs: number } | undefined;
  readonly #ws: WebSocket;
  #read = 0;

  private constructor(url: string | URL, options: ClientOptions) {
    this.#ws = new WebSocket(url, options);
    this.#ws.on("message", (data) => this.texts.push(data.toString()));
    this.#ws.on("ping", () => this.pings++);
    this.#ws.on("error", () => {}); // `close` follows
    this.#ws.on("close", (code, reason) => {
      this.ended = { code, reason: reason.toString(), atMs: performance.now() };
    });
  }

  /** Connects and waits until it is open. */
  static async connect(url: string | URL, options: ClientOptions = {}): Promise<TextClient> {
    const client = new TextClient(url, options);
    await until("an open connection", () => client.#alive() && client.open);
    return client;
  }

  /** Whether it is open. */
  get open(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  /** Sends text as it is, anything else as JSON. */
  send(message: unknown): void {
    this.#ws.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Sends a text again and again. @returns stops it */
  repeat(text: string, everyMs: number): Disposable {
    const timer = setInterval(() => this.open && this.send(text), everyMs);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** The first text that has not been read yet. */
  next(): Promise<string> {
    return until("another text", () => {
      if (this.#read < this.texts.length) return this.texts[this.#read++];
      this.#alive();
    });
  }

  /** The next text, as JSON. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  async nextJson(): Promise<any> {
    return JSON.parse(await this.next());
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

  #alive(): true {
    if (this.ended !== undefined) throw new Error(`ended with ${this.ended.code}`);
    return true;
  }
}
