/**
 * The dropping relay's handle: starts its process, tells it to drop, and ends it.
 *
 * @module
 */

import { LineProcess } from "./line_process.ts";
import type { Dial } from "./plain_http.ts";

/** What became of one connection. */
export interface Drop {
  /** The client's id, as the server's log names it. */
  readonly id: string;
  /** When bytes of it last went to the server, wall-clock ms: just before and just after. */
  readonly lastByteMs: { readonly from: number; readonly to: number };
}

const START_MS = 30_000;

export class DroppingRelay implements AsyncDisposable {
  /** Connects to the server through it. */
  readonly dial: Dial;
  readonly #process: LineProcess;

  private constructor(process: LineProcess, port: number) {
    this.#process = process;
    this.dial = () => Deno.connect({ hostname: "127.0.0.1", port });
  }

  /** Starts it in front of a port of this machine. */
  static async start(target: number): Promise<DroppingRelay> {
    const process = new LineProcess("dropping_relay_main.ts", String(target));
    return new DroppingRelay(process, Number(await process.line("the relay's port", START_MS)));
  }

  /** Every connection drops at a random moment within so long. @returns when all have */
  async drop(overMs: number): Promise<Drop[]> {
    await this.#process.say(String(overMs));
    return JSON.parse(await this.#process.line("all drops", overMs + 5_000));
  }

  /** Its sockets end with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
