/**
 * The life of a client on `npm:ws`, as its users have it: open, ended, gone. What it notes of what
 * it hears is for those that extend it.
 *
 * @module
 */

// @ts-types="@types/ws"
import { type ClientOptions, WebSocket } from "ws";
import { within } from "../until.ts";

/** How a connection ended, and when by `performance.now()`. */
export interface WsEnd {
  readonly code: number;
  readonly reason: string;
  readonly atMs: number;
}

export abstract class WsPeer implements Disposable {
  /** The end, once it has come. */
  ended: WsEnd | undefined;
  /** For those that extend it. */
  protected readonly ws: WebSocket;

  /** Asks for a connection. */
  protected constructor(url: string | URL, options: ClientOptions) {
    this.ws = new WebSocket(url, options);
    this.ws.on("error", () => {}); // `close` follows
    this.ws.on("close", (code, reason) => {
      this.ended = { code, reason: reason.toString(), atMs: performance.now() };
    });
  }

  /** Whether it is open. */
  get open(): boolean {
    return this.ws.readyState === WebSocket.OPEN;
  }

  /** Waits for the end. */
  async end(withinMs = 5_000): Promise<WsEnd> {
    if (this.ended === undefined) {
      const closed = new Promise((resolve) => this.ws.once("close", resolve));
      await within("the end of a connection", withinMs, closed);
    }
    return this.ended!;
  }

  /** Closes it by the closing handshake. */
  async close(): Promise<void> {
    this.ws.close();
    await this.end();
  }

  /** Ends it at once. */
  [Symbol.dispose](): void {
    this.ws.terminate();
  }

  /** @throws {Error} once it has ended */
  protected assertAlive(): undefined {
    if (this.ended !== undefined) throw new Error(`ended with ${this.ended.code}`);
  }
}
