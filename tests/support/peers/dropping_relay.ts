/**
 * The dropping relay's handle: starts its process, tells it to drop, and ends it.
 *
 * @module
 */

import { PROJECT } from "../server/server_process.ts";
import type { Dial } from "./plain_http.ts";
import { within } from "../until.ts";

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
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: Deno.ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.dial = () => Deno.connect({ hostname: "127.0.0.1", port });
  }

  /** Starts it in front of a port of this machine. */
  static async start(target: number): Promise<DroppingRelay> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "tests/support/peers/dropping_relay_main.ts", String(target)],
      cwd: PROJECT,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = linesOf(child.stdout);
    const port = Number(await within("the relay's port", START_MS, next(lines)));
    return new DroppingRelay(child, lines, port);
  }

  /** Every connection drops at a random moment within so long. @returns when all have */
  async drop(overMs: number): Promise<Drop[]> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(String(overMs)));
    writer.releaseLock();
    return JSON.parse(await within("all drops", overMs + 5_000, next(this.#lines)));
  }

  /** Its sockets end with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#child.stdin.close().catch(() => {});
    await this.#lines.next(); // the end of its output
  }
}

async function next(lines: AsyncIterator<string>): Promise<string> {
  const { done, value } = await lines.next();
  if (done) throw new Error("the relay has ended");
  return value;
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
