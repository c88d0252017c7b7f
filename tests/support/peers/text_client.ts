/**
 * A client on `npm:ws`, as its users have it, that notes every text as it came: for the systems
 * whose frames are not all JSON.
 *
 * @module
 */

// @ts-types="@types/ws"
import type { ClientOptions } from "ws";
import { until } from "../until.ts";
import { WsPeer } from "./ws_peer.ts";

export class TextClient extends WsPeer {
  /** Every text so far. */
  readonly texts: string[] = [];
  /** How many control pings came. */
  pings = 0;
  /** When the connection was asked for, by `performance.now()`. */
  readonly bornMs: number = performance.now();
  #read = 0;

  private constructor(url: string | URL, options: ClientOptions) {
    super(url, options);
    this.ws.on("message", (data) => this.texts.push(data.toString()));
    this.ws.on("ping", () => this.pings++);
  }

  /** Connects and waits until it is open. */
  static async connect(url: string | URL, options: ClientOptions = {}): Promise<TextClient> {
    const client = new TextClient(url, options);
    await until("an open connection", () => {
      client.assertAlive();
      return client.open;
    });
    return client;
  }

  /** Sends text as it is, anything else as JSON. */
  send(message: unknown): void {
    this.ws.send(typeof message === "string" ? message : JSON.stringify(message));
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
      this.assertAlive();
    });
  }

  /** The next text, as JSON. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  async nextJson(): Promise<any> {
    return JSON.parse(await this.next());
  }
}
