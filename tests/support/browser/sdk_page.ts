/**
 * A page of a real browser with the SDK in it, seen from the test: opens sockets there, tells what
 * happened to them and to the page (see tests/browser/witness.js).
 *
 * @module
 */

import type { Browser } from "./browser.ts";
import type { Page } from "./page.ts";
import { type PageServer, servePages } from "./page_server.ts";
import { until } from "../until.ts";

const HTML =
  `<!doctype html><title>witness</title><script type="module" src="/witness.js"></script>`;
const WITNESS = new URL("../../browser/witness.js", import.meta.url);

/** Something that happened in the page. */
export interface PageObservations {
  readonly type: string;
  /** By the page's `performance.now()`. */
  readonly atMs: number;
  /** The name of the socket that it happened to, if any. */
  readonly socket?: string;
  // deno-lint-ignore no-explicit-any -- each event has its own
  readonly [property: string]: any;
}

export class SdkPage implements AsyncDisposable {
  /** The tab. */
  readonly tab: Page;
  /** Where it got the SDK from. */
  readonly sdk: URL;
  readonly #server: PageServer;

  private constructor(tab: Page, sdk: URL, server: PageServer) {
    this.tab = tab;
    this.sdk = sdk;
    this.#server = server;
  }

  /**
   * Opens a page of an origin of its own.
   *
   * @param sdk where it gets the SDK from
   * @param headers of the page, such as its Content-Security-Policy
   */
  static async open(
    browser: Browser,
    sdk: URL,
    headers: Record<string, string> = {},
  ): Promise<SdkPage> {
    const script = await Deno.readTextFile(WITNESS);
    const server = servePages({
      "/": { text: HTML, headers: { "content-type": "text/html", ...headers } },
      "/witness.js": { text: script, headers: { "content-type": "text/javascript" } },
    });
    const url = new URL(`?sdk=${encodeURIComponent(sdk.href)}`, server.url);
    const page = new SdkPage(await browser.open(url), sdk, server);
    await page.tab.until("globalThis.witness");
    return page;
  }

  /** Opens a socket there and waits until it is open. */
  async connect(socket: string, url: URL, options: Record<string, unknown> = {}): Promise<void> {
    const args = [socket, url, options].map((arg) => JSON.stringify(arg)).join();
    await this.tab.evaluate(`witness.connect(${args})`);
    await this.happens("open", { socket });
  }

  /** Calls a method of a socket. Does not wait for its promise: there may be no network. */
  async call(socket: string, method: string, ...args: unknown[]): Promise<void> {
    const list = args.map((arg) => JSON.stringify(arg)).join();
    await this.tab.evaluate(`void witness.sockets[${JSON.stringify(socket)}].${method}(${list})`);
  }

  /** What a socket says of itself. */
  // deno-lint-ignore no-explicit-any -- whatever it is
  property(socket: string, name: string): Promise<any> {
    return this.tab.evaluate(`witness.sockets[${JSON.stringify(socket)}].${name}`);
  }

  /** What happened of a type, to a socket if it is told which. */
  async seen(type: string, { socket }: { socket?: string } = {}): Promise<PageObservations[]> {
    const all: PageObservations[] = await this.tab.evaluate("witness.seen");
    return all.filter((it) => it.type === type && (socket === undefined || it.socket === socket));
  }

  /** Waits until something has happened so many times. */
  happens(
    type: string,
    { socket, times = 1, withinMs = 10_000 }: Wait = {},
  ): Promise<PageObservations[]> {
    return until(`${times} ${type} of ${socket ?? "the page"}`, async () => {
      const found = await this.seen(type, { socket });
      return found.length >= times && found;
    }, { withinMs });
  }

  /** The data of all publications that a socket of the json profile got, in order. */
  async heard(socket: string): Promise<unknown[]> {
    const messages = (await this.seen("message", { socket })).map(({ data }) => JSON.parse(data));
    return messages.filter(({ type }) => type === "message").map(({ data }) => data);
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.tab.close();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** What is waited for, and for how long. */
export interface Wait {
  readonly socket?: string;
  readonly times?: number;
  readonly withinMs?: number;
}
