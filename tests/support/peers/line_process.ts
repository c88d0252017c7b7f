/**
 * A script of the tests in a process of its own, which says lines and hears texts: what the test does
 * beside it does not slow it down.
 *
 * @module
 */

import { PROJECT } from "../server/server_process.ts";
import { within } from "../until.ts";

export class LineProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts it. @param script beside this module @param args of the script */
  constructor(script: string, ...args: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", `tests/support/peers/${script}`, ...args],
      cwd: PROJECT,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
  }

  /** The next line. @param what for the error @throws {TooLate} after so long */
  async line(what: string, withinMs: number): Promise<string> {
    const { done, value } = await within(what, withinMs, this.#lines.next());
    if (done) throw new Error(`the process has ended before ${what}`);
    return value;
  }

  /** Writes to its input. */
  async say(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Its sockets end with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#child.stdin.close().catch(() => {});
    while (!(await this.#lines.next()).done); // the end of its output
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
