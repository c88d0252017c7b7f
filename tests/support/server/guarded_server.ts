/**
 * A server with keys that keeps its own house: all that it answers and logs is written down, and
 * looked through at the end for every secret that was used against it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { apiKeys, type TestKey, testKey } from "./credentials.ts";
import { closeOf, OPCODE, textOf } from "../peers/frames.ts";
import { type HttpAnswer, type HttpRequest, UPGRADE_HEADERS } from "../peers/plain_http.ts";
import { postJson, type PostOptions } from "../peers/post_json.ts";
import { RawPeer } from "../peers/raw_peer.ts";
import { ServerProcess, startCommand } from "./server_process.ts";

/** What an upgrade request says. */
export type RoutedUpgrade = Pick<HttpRequest, "path" | "headers">;

/** How it is started. */
export interface GuardedServerOptions {
  /** Beside the operator's. */
  readonly keys?: readonly TestKey[];
  readonly jwtSecret?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Where an operator looks. */
const OPERATOR_PATHS = [
  "/metrics",
  "/api/v1/connections?limit=1000",
  "/api/v1/closed?limit=1000",
  "/api/v1/stats",
  "/api/v1/suspensions",
];

/** What is shorter is no secret that could be told from other words. */
const MIN_SECRET_LENGTH = 32;

export class GuardedServer implements AsyncDisposable {
  /** The server itself. What is asked of it directly is not written down. */
  readonly process: ServerProcess;
  /** The operator's key. */
  readonly operator: TestKey;
  readonly #secrets = new Set<string>();
  readonly #heard: string[] = [];
  readonly #stderrFile: string;

  private constructor(process: ServerProcess, operator: TestKey, stderrFile: string) {
    this.process = process;
    this.operator = operator;
    this.#stderrFile = stderrFile;
  }

  /** Starts it. */
  static async start(options: GuardedServerOptions): Promise<GuardedServer> {
    const { keys = [], jwtSecret, env = {} } = options;
    const operator = testKey("operator", { publish: [], subscribe: [], admin: true });
    const all = [operator, ...keys];
    const stderrFile = await Deno.makeTempFile({ prefix: "systole-stderr-" });
    const process = await ServerProcess.start({
      env: {
        API_KEYS: apiKeys(...all),
        ...(jwtSecret !== undefined && { JWT_SECRET: jwtSecret }),
        LOG_LEVEL: "debug",
        ...env,
      },
      command: ["sh", "-c", 'exec "$@" 2> "$0"', stderrFile, ...startCommand()],
    });
    const guarded = new GuardedServer(process, operator, stderrFile);
    for (const { secret, pair, entry } of all) {
      for (const text of [secret, pair, entry.secretSha256]) guarded.#secrets.add(text);
    }
    if (jwtSecret !== undefined) guarded.#secrets.add(jwtSecret);
    return guarded;
  }

  /** Must not turn up in anything that the server says, nor the signature alone. @returns it */
  secret(text: string): string {
    for (const part of [text, text.slice(text.lastIndexOf(".") + 1)]) {
      if (part.length >= MIN_SECRET_LENGTH) this.#secrets.add(part);
    }
    return text;
  }

  /** Asks over HTTP. */
  async ask(request: HttpRequest): Promise<HttpAnswer> {
    return this.#hear(await this.process.ask(request));
  }

  /** Asks over HTTP as the operator. */
  asOperator(path: string, method = "GET"): Promise<HttpAnswer> {
    return this.ask({ method, path, headers: bearer(this.operator.credential) });
  }

  /** Posts over HTTP. */
  async post(path: string, options: PostOptions): Promise<HttpAnswer> {
    return this.#hear(await postJson(this.process, path, options));
  }

  /** Fetches a ticket; its answer alone may hold a secret. */
  async ticket(credential: string): Promise<string> {
    const headers = bearer(credential);
    const { status, body } = await postJson(this.process, "/v1/socket-tickets", { headers });
    assertEquals(status, 200, body);
    return this.secret(JSON.parse(body).ticket);
  }

  /** Asks for an upgrade that is refused over HTTP. */
  refusal({ path, headers }: RoutedUpgrade): Promise<HttpAnswer> {
    return this.ask({ path, headers: { ...UPGRADE_HEADERS, ...headers } });
  }

  /** Connects. @throws {Error} when the answer is not 101 */
  async enter(arrival: RoutedUpgrade): Promise<Guest> {
    const peer = await RawPeer.connect(this.process.dial, arrival);
    return new Guest(peer, (text) => this.#heard.push(text));
  }

  /** Kills it and looks through all that it said. */
  async [Symbol.asyncDispose](): Promise<void> {
    let stderr = "";
    try {
      for (const path of OPERATOR_PATHS) {
        assertEquals((await this.asOperator(path)).status, 200, path);
      }
    } finally {
      stderr = await Deno.readTextFile(this.#stderrFile);
      await Deno.remove(this.#stderrFile);
      await this.process[Symbol.asyncDispose]();
    }
    assertEquals(stderr, "", "the server wrote to stderr");
    const said = [...this.#heard, ...this.process.log.map((line) => JSON.stringify(line))];
    for (const text of said) {
      for (const secret of this.#secrets) {
        const at = text.indexOf(secret);
        assert(at < 0, `the server told ${text.slice(Math.max(0, at - 80), at + 200)}`);
      }
    }
  }

  #hear(answer: HttpAnswer): HttpAnswer {
    this.#heard.push(JSON.stringify([...answer.headers]), answer.body);
    return answer;
  }
}

/** Somebody who got in, or was let in to be told why not. */
export class Guest implements Disposable {
  readonly #peer: RawPeer;
  readonly #hear: (text: string) => void;

  /** @param hear told every text */
  constructor(peer: RawPeer, hear: (text: string) => void) {
    this.#peer = peer;
    this.#hear = hear;
  }

  /** Sends text as it is, anything else as JSON. */
  say(message: unknown): Promise<void> {
    return this.#peer.send(message);
  }

  /** The next text. @throws {Error} when something else comes, or nothing any more */
  async next(): Promise<string> {
    const frame = await this.#nextFrame();
    if (frame?.opcode === OPCODE.text) return textOf(frame);
    const what = frame === undefined ? this.#peer.tcp : JSON.stringify(closeOf(frame));
    throw new Error(`no text came but ${what}`);
  }

  /** The next text, as JSON. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  async nextJson(): Promise<any> {
    return JSON.parse(await this.next());
  }

  /** The next frame is a close. @returns its code and text */
  async close(): Promise<readonly [number, string]> {
    const frame = await this.#nextFrame();
    assert(frame?.opcode === OPCODE.close, `no close came but ${frame && textOf(frame)}`);
    const { code, text } = closeOf(frame);
    return [code, text];
  }

  [Symbol.dispose](): void {
    this.#peer.close();
  }

  /** Control pings and pongs aside. */
  async #nextFrame() {
    for (;;) {
      const frame = await this.#peer.read();
      if (frame !== undefined) this.#hear(textOf(frame));
      if (frame?.opcode !== OPCODE.ping && frame?.opcode !== OPCODE.pong) return frame;
    }
  }
}

/** The header that carries a credential. */
export function bearer(credential: string): Record<string, string> {
  return { Authorization: `Bearer ${credential}` };
}
