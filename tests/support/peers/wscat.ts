/**
 * wscat, the command-line client of npm, as a process: what a user types goes in by stdin, what the
 * server says comes out line by line.
 *
 * @module
 */

import { until, within } from "../until.ts";

/** The version whose command lines we promise to take. */
const WSCAT = "npm:wscat@6.1.0";

/** A first start also downloads it. */
const PATIENCE_MS = 60_000;

export class Wscat implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #outputs: Promise<void>[];
  #stdout = "";
  #stderr = "";
  #read = 0;
  #ended = false;

  /** Starts it with its own arguments. */
  constructor(...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      // A tool, not a dependency: without our deno.json, so that it stays out of our lock file.
      args: ["run", "--quiet", "--no-config", "--allow-all", WSCAT, ...args],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#outputs = [
      each(this.#child.stdout, (text) => void (this.#stdout += text)),
      each(this.#child.stderr, (text) => void (this.#stderr += text)),
    ];
    void this.#child.status.then(() => this.#ended = true);
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${line}\n`));
    writer.releaseLock();
  }

  /** The next JSON that it has printed, behind its prompt if there is one. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  nextJson(): Promise<any> {
    return until("a line of wscat", () => {
      const lines = this.#stdout.split("\n").slice(0, -1).filter((line) => line.includes("{"));
      const line = lines[this.#read];
      if (line !== undefined) {
        this.#read++;
        return JSON.parse(line.slice(line.indexOf("{")));
      }
      if (this.#ended) throw new Error(`wscat ended: ${this.#stdout}${this.#stderr}`);
    }, { withinMs: PATIENCE_MS });
  }

  /** Ends it as a user does, by the end of input. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#child.stdin.close().catch(() => {}); // it may have gone by itself
      await within("the end of wscat", 5_000, this.#child.status);
    } catch (error) {
      this.#child.kill("SIGKILL");
      throw error;
    } finally {
      await Promise.all(this.#outputs);
    }
  }
}

async function each(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
