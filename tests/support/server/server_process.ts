/**
 * The server as a user runs it: a process of its own under the permissions of deno.json's start
 * task, on a free port, with its log read line by line. It is killed at the end of the test, and
 * fails it if it has told of an error of its own.
 *
 * @module
 */

import { delay } from "@std/async";
import { OPTIONS, PLATFORM } from "../../../server/config/options.ts";
import { Exposition } from "./exposition.ts";
import { descriptors } from "../integration_test_case.ts";
import { ask, type Dial, type HttpAnswer, type HttpRequest } from "../peers/plain_http.ts";
import { until, within } from "../until.ts";

/** The project's folder. */
export const PROJECT = new URL("../../../", import.meta.url);

/** A start takes 0.3 s here; a first one on a clean machine also compiles. */
const START_MS = 30_000;

/**
 * Shows tests that read a log line without waiting for it: with `TEST_LOG_DELAY_MS=100` every line
 * reaches the test so much later, and the suite must pass as without.
 */
const LOG_DELAY_MS = Number(Deno.env.get("TEST_LOG_DELAY_MS") ?? 0);

/** How to run it. */
export interface ServerProcessOptions {
  /** Options by environment; those of the surrounding shell are left out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Program and arguments; `startCommand()` unless told otherwise. */
  readonly command?: readonly string[];
  /** The folder it runs in; the project's unless told otherwise. */
  readonly cwd?: string;
  /** Makes connections, where they do not go to the TCP port that the log names. */
  readonly dial?: Dial;
}

/** One line of its log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  // deno-lint-ignore no-explicit-any -- tests look into properties freely
  readonly [property: string]: any;
}

export class ServerProcess implements AsyncDisposable {
  /** Every line so far. */
  readonly log: LogLine[] = [];
  /** Resolves when the process has ended and its log is complete. */
  readonly status: Promise<Deno.CommandStatus>;
  /** Makes a connection. */
  readonly dial: Dial;
  readonly #child: Deno.ChildProcess;
  readonly #outputs: Promise<void>[];
  readonly #delayed: Promise<void>[] = [];
  #ended = false;
  #stderr = "";

  private constructor(options: ServerProcessOptions) {
    const { env = {}, command = startCommand(), cwd = PROJECT, dial } = options;
    const [program, ...args] = command;
    this.#child = new Deno.Command(program, {
      args,
      cwd,
      clearEnv: true,
      env: { ...surroundings(), PORT: "0", LOG_FORMAT: "json", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#outputs = [
      eachLine(this.#child.stdout, (line) => this.#takeLine(line)),
      eachLine(this.#child.stderr, (line) => void (this.#stderr += `${line}\n`)),
    ];
    this.dial = dial ?? (() => Deno.connect({ hostname: this.url.hostname, port: this.port }));
    this.status = this.#child.status.then(async (status) => {
      this.#ended = true;
      await Promise.all(this.#outputs);
      await Promise.all(this.#delayed);
      return status;
    });
  }

  /** Starts it and waits until it listens. */
  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    try {
      await server.line("listening", START_MS);
      return server;
    } catch (error) {
      await server.#kill();
      throw new Error(`the server did not start: ${server.#stderr}`, { cause: error });
    }
  }

  /** Of the process that was started; the server itself unless `command` is something around it. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Where it listens, as `ws://…` or `wss://…`. */
  get url(): URL {
    return new URL(this.log.find(({ message }) => message === "listening")?.address);
  }

  /** The TCP port it listens on. */
  get port(): number {
    return Number(this.url.port);
  }

  /** All lines with a message. */
  lines(message: string): LogLine[] {
    return this.log.filter((line) => line.message === message);
  }

  /** The first line with a message, or waits for it. */
  line(message: string, withinMs = 5_000): Promise<LogLine> {
    return until(`log line "${message}"`, () => {
      const found = this.lines(message)[0];
      if (found === undefined && this.#ended) throw new Error(`ended instead: ${this.#stderr}`);
      return found;
    }, { withinMs });
  }

  /** Types into its terminal, or whatever its stdin is. */
  async type(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Asks over HTTP. */
  ask(request: HttpRequest): Promise<HttpAnswer> {
    return ask(this.dial, request);
  }

  /** What `/metrics` says now. */
  async metrics(): Promise<Exposition> {
    return new Exposition((await this.ask({ path: "/metrics" })).body);
  }

  /** Descriptors it has open. */
  get openDescriptors(): number {
    return descriptors(this.pid).length;
  }

  /** See `starvedMs()`. */
  get starvedMs(): number {
    return starvedMs(this.pid);
  }

  /** Resident memory, bytes. */
  get residentBytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  }

  /** Kills what still runs; fails when it told of an error of its own. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    const errors = this.log.filter(({ level }) => level === "error" || level === "fatal");
    if (errors.length > 0 || /\berror\b|panicked/i.test(this.#stderr)) {
      throw new Error(`the server told of an error: ${JSON.stringify(errors)} ${this.#stderr}`);
    }
  }

  async #kill(): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await within("the end of a killed process", 5_000, this.status);
    await this.#child.stdin.close().catch(() => {}); // its reader has gone
    await Promise.all(this.#outputs);
    await Promise.all(this.#delayed);
  }

  /** Keeps the order: timers of the same length fire in the order in which they were set. */
  #takeLine(line: string): void {
    const start = line.indexOf('{"time":'); // a terminal's echo (^C) may stand before it
    if (start < 0) return;
    const entry = JSON.parse(line.slice(start));
    if (LOG_DELAY_MS === 0) this.log.push(entry);
    else this.#delayed.push(delay(LOG_DELAY_MS).then(() => void this.log.push(entry)));
  }
}

/** The words of a task of deno.json, without quotes. */
export function taskWords(name: string): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", PROJECT)));
  return tasks[name].command.split(" ").map((word: string) => word.replaceAll("'", ""));
}

/** `deno run`, the start task's permissions, more flags if a test needs them, the program. */
export function startCommand(...moreFlags: string[]): string[] {
  const words = taskWords("start").filter((word) => word !== "$WATCH");
  const program = words.pop()!;
  if (words.shift() !== "deno" || words.shift() !== "run" || program !== "server/main.ts") {
    throw new Error(`Cannot read the start task: expected deno run …, got ${words}`);
  }
  return [Deno.execPath(), "run", ...words, ...moreFlags, program];
}

/**
 * How long a process's main thread, the one that runs JavaScript, has been ready to run so far while
 * others had the core, ms: what is late by that is not late by its own fault (Linux, sched-stats).
 */
export function starvedMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/schedstat`);
  return Number(stat.split(" ")[1]) / 1e6;
}

/** Runs a server that is not expected to start. */
export async function runToEnd(
  env: Readonly<Record<string, string>>,
  command: readonly string[] = startCommand(),
  input = "",
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program, ...args] = command;
  const child = new Deno.Command(program, {
    args,
    cwd: PROJECT,
    clearEnv: true,
    env: { ...surroundings(), PORT: "0", LOG_FORMAT: "json", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const written = new Blob([input]).stream().pipeTo(child.stdin);
  try {
    const { code, stdout, stderr } = await within("its end", START_MS, child.output());
    await written;
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** The environment without the options that the surrounding shell may set. */
function surroundings(): Record<string, string> {
  const env = Deno.env.toObject();
  for (const name of Object.keys({ ...OPTIONS, ...PLATFORM })) delete env[name];
  return { ...env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop()!;
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
