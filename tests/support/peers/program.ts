/**
 * Any program in a process of its own: a proxy, a snippet of a manual. What it prints is kept. It is
 * ended at the end of the test.
 *
 * @module
 */

import { until, within } from "../until.ts";

/** How long a program may take to end by itself after a SIGTERM. */
const END_MS = 10_000;

/** Where and with what it runs. */
export interface ProgramOptions {
  readonly cwd: string;
  /** Beside the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Program implements AsyncDisposable {
  /** All that it has printed so far. */
  stdout = "";
  stderr = "";
  /** Resolves when it has ended and its output is complete. */
  readonly status: Promise<Deno.CommandStatus>;
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  #ended: Deno.CommandStatus | undefined;

  /** Starts it. @param command program and arguments */
  constructor([program, ...args]: readonly string[], { cwd, env }: ProgramOptions) {
    this.#name = program;
    this.#child = new Deno.Command(program, {
      args,
      cwd,
      env: { ...env, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const outputs = [
      eachText(this.#child.stdout, (text) => void (this.stdout += text)),
      eachText(this.#child.stderr, (text) => void (this.stderr += text)),
    ];
    this.status = this.#child.status.then(async (status) => {
      await Promise.all(outputs);
      return this.#ended = status;
    });
  }

  /** Waits for a condition as long as the program runs. */
  until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    withinMs = 30_000,
  ): Promise<boolean> {
    return until(what, async () => {
      if (await condition()) return true;
      if (this.#ended !== undefined) {
        throw new Error(
          `${this.#name} ended with ${this.#ended.code}: ${this.stdout}${this.stderr}`,
        );
      }
    }, { withinMs });
  }

  /** Waits until it has printed a text. */
  prints(text: string): Promise<boolean> {
    return this.until(`${this.#name} prints ${text}`, () => this.stdout.includes(text));
  }

  /** Asks it to end. @returns how it has ended */
  async end(): Promise<Deno.CommandStatus> {
    if (this.#ended === undefined) this.#child.kill("SIGTERM");
    return await within(`the end of ${this.#name}`, END_MS, this.status);
  }

  /** Ends it, by force if it does not end by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.end();
    } catch (error) {
      this.#child.kill("SIGKILL");
      await this.status;
      throw error;
    }
  }
}

/** Runs a program that ends by itself. @returns its stdout @throws {Error} when it fails */
export async function outputOf(
  command: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  await using program = new Program(command, options);
  const { success } = await within(`the end of ${command.join(" ")}`, 120_000, program.status);
  if (!success) throw new Error(`${command.join(" ")}: ${program.stdout}${program.stderr}`);
  return program.stdout;
}

async function eachText(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
