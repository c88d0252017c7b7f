/**
 * A real Chromium without a window, with a profile of its own that is thrown away: Debian's, or
 * the one that `CHROMIUM` names. Pages are tabs of one window, so showing one hides the others as
 * it does to people; that, and freezing, need raw DevTools targets.
 *
 * @module
 */

import { Devtools } from "./devtools.ts";
import { Page } from "./page.ts";
import { within } from "../until.ts";

const PROGRAM = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";

/** A start takes half a second here; a first one also fills disk caches. */
const START_MS = 30_000;
const END_MS = 5_000;

const FLAGS: readonly string[] = [
  "--headless=new",
  "--no-sandbox", // its sandbox refuses to run as root, which CI is
  "--disable-gpu",
  "--disable-dev-shm-usage", // containers have 64 MiB there
  "--disable-quic",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

/** How to run it. */
export interface BrowserOptions {
  /** Switches beside those that every test needs. */
  readonly flags?: readonly string[];
}

export class Browser implements AsyncDisposable {
  /** Every page opened so far. */
  readonly pages: Page[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly #profile: string;
  readonly #reading: Promise<void>;
  readonly #address = Promise.withResolvers<string>();
  #stderr = "";
  #devtools: Devtools | undefined;

  private constructor(profile: string, { flags = [] }: BrowserOptions) {
    this.#profile = profile;
    this.#child = new Deno.Command(PROGRAM, {
      args: [...FLAGS, ...flags, `--user-data-dir=${profile}`, "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#status = this.#child.status;
    this.#address.promise.catch(() => {}); // start() tells of it
    this.#reading = this.#read();
  }

  /**
   * Starts it and waits until it takes commands.
   *
   * @throws {Error} when there is no Chromium, or none that runs
   */
  static async start(options: BrowserOptions = {}): Promise<Browser> {
    await Deno.stat(PROGRAM).catch((cause) => {
      const text =
        `Cannot start ${PROGRAM}: install chromium by apt-get, or name yours in CHROMIUM`;
      throw new Error(text, { cause });
    });
    const browser = new Browser(await Deno.makeTempDir({ prefix: "browser-" }), options);
    try {
      const address = await within("a DevTools address", START_MS, browser.#address.promise);
      browser.#devtools = await Devtools.connect(address);
      return browser;
    } catch (cause) {
      await browser[Symbol.asyncDispose]();
      throw new Error(`Cannot start ${PROGRAM}: ${browser.#stderr}`, { cause });
    }
  }

  /** The DevTools of the browser as a whole. */
  get devtools(): Devtools {
    return this.#devtools!;
  }

  /** Opens a tab in front of the others and, if told so, goes to an address. */
  async open(url?: string | URL): Promise<Page> {
    const { targetId } = await this.devtools.call("Target.createTarget", { url: "about:blank" });
    const page = await Page.attach(this.devtools, targetId);
    this.pages.push(page);
    if (url !== undefined) await page.goto(url);
    return page;
  }

  /** Ends it with everything it started, and removes its profile. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#devtools?.call("Browser.close").catch(() => {}); // it may end before it answers
      await this.#devtools?.close();
      if (this.#devtools === undefined) this.#child.kill("SIGKILL");
      await within("the end of the browser", END_MS, this.#status);
    } catch (error) {
      this.#child.kill("SIGKILL");
      await this.#status;
      throw error;
    } finally {
      await this.#reading;
      await Deno.remove(this.#profile, { recursive: true });
    }
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += text;
      const address = /DevTools listening on (ws:\S+)\s/.exec(this.#stderr)?.[1];
      if (address !== undefined) this.#address.resolve(address);
    }
    this.#address.reject(new Error("it ended instead"));
  }
}
