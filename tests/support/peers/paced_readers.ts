/**
 * The handle of subscribers that read only so many bytes a second, in a process of their own.
 *
 * @module
 */

import { LineProcess } from "./line_process.ts";

/** Whom to start. */
export interface PacedReadersOptions {
  readonly port: number;
  readonly channel: string;
  readonly count: number;
  /** Of each; Infinity: as fast as it can. */
  readonly bytesPerSecond: number;
}

const ANSWER_MS = 30_000;

export class PacedReaders implements AsyncDisposable {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** Resolves when all have subscribed. */
  static async start(options: PacedReadersOptions): Promise<PacedReaders> {
    const { port, channel, count, bytesPerSecond } = options;
    const args = [port, channel, count, bytesPerSecond].map(String);
    const readers = new PacedReaders(new LineProcess("paced_readers_main.ts", ...args));
    await readers.#next();
    return readers;
  }

  /** Bytes that each has read since it has subscribed. */
  async bytesRead(): Promise<number[]> {
    await this.#process.say("?");
    return await this.#next();
  }

  async #next(): Promise<number[]> {
    return JSON.parse(await this.#process.line("what the readers have read", ANSWER_MS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
