/**
 * One tab of a real browser: goes to addresses, runs expressions, is clicked and typed into as by a
 * person, looks as on another screen, takes pictures, and notes every error that it shows in its
 * console, failed loads and breaches of the Content-Security-Policy included.
 *
 * @module
 */

import type { Devtools } from "./devtools.ts";
import { type Key, keyNamed, MODIFIERS } from "./keyboard.ts";
import { until } from "../until.ts";

/** A first load on a busy machine. */
const LOAD_MS = 60_000;

/** An element that has not moved for so long is clicked, ms. */
const STABLE_MS = 50;

/** An error that the page showed. */
export interface Problem {
  /** `exception`, `console`, or where the browser says it is from: `network`, `security`, … */
  readonly source: string;
  readonly text: string;
}

/** On what the page is seen. */
export interface Screen {
  /** CSS pixels. */
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
  readonly reducedMotion?: boolean;
}

/** Of what is seen, CSS pixels from its corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How an expression ends whose page is reloaded meanwhile: its successor is asked next. */
const LOADING = /navigated or closed|context was destroyed|Cannot find context/;

export class Page {
  /** What went wrong so far. */
  readonly problems: Problem[] = [];
  /** The DevTools of this tab. */
  readonly devtools: Devtools;
  readonly #browser: Devtools;
  readonly #targetId: string;

  private constructor(browser: Devtools, devtools: Devtools, targetId: string) {
    this.#browser = browser;
    this.devtools = devtools;
    this.#targetId = targetId;
  }

  /** Takes charge of a tab. */
  static async attach(browser: Devtools, targetId: string): Promise<Page> {
    const page = new Page(browser, await browser.attach(targetId), targetId);
    const { devtools } = page;
    devtools.on("Runtime.exceptionThrown", ({ exceptionDetails: { exception, text } }) => {
      page.problems.push({ source: "exception", text: exception?.description ?? text });
    });
    devtools.on("Runtime.consoleAPICalled", ({ type, args }) => {
      if (type !== "error" && type !== "assert") return;
      const text = args.map((arg: { value?: unknown; description?: string }) =>
        arg.description ?? String(arg.value)
      ).join(" ");
      page.problems.push({ source: "console", text });
    });
    devtools.on("Log.entryAdded", ({ entry: { level, source, text, url } }) => {
      if (level === "error") page.problems.push({ source, text: `${text} ${url ?? ""}`.trim() });
    });
    for (const domain of ["Page", "Runtime", "Log", "Network"]) {
      await devtools.call(`${domain}.enable`);
    }
    return page;
  }

  /** Goes to an address and waits until it has loaded. */
  async goto(url: string | URL): Promise<void> {
    const { errorText } = await this.devtools.call("Page.navigate", { url: String(url) });
    if (errorText !== undefined) throw new Error(`Cannot go to ${url}: ${errorText}`);
    await this.until('document.readyState === "complete"', LOAD_MS);
  }

  /** Runs an expression in the page. @returns its value, or what its promise resolves to */
  // deno-lint-ignore no-explicit-any -- whatever the page has
  async evaluate(expression: string): Promise<any> {
    const { result, exceptionDetails } = await this.devtools.call("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
      userGesture: true,
    });
    if (exceptionDetails === undefined) return result.value;
    const { exception, text } = exceptionDetails;
    throw new Error(`${exception?.description ?? text}\n  in the page's ${expression}`);
  }

  /** Waits until an expression is truthy. @returns its value */
  // deno-lint-ignore no-explicit-any -- whatever the page has
  until(expression: string, withinMs = 5_000): Promise<any> {
    const look = async () => {
      try {
        return (await this.evaluate(expression)) || undefined;
      } catch (error) {
        if (!LOADING.test(`${error}`)) throw error;
      }
    };
    return until(`${expression} in the page`, look, { withinMs });
  }

  /** Clicks on the middle of an element, once it is there and nothing lies over it. */
  async click(selector: string): Promise<void> {
    // A page that still loads moves its elements: the click waits until this one stays.
    const { x, y } = await this.until(`(async () => {
      const element = document.querySelector(${JSON.stringify(selector)});
      element?.scrollIntoView({ block: "nearest", behavior: "instant" });
      const { left, top, width, height } = element?.getBoundingClientRect() ?? { width: 0 };
      if (width === 0 || document.readyState !== "complete") return;
      await new Promise((done) => setTimeout(done, ${STABLE_MS}));
      const now = element.getBoundingClientRect();
      if (now.left !== left || now.top !== top) return;
      const [x, y] = [left + width / 2, top + height / 2];
      const hit = document.elementFromPoint(x, y);
      return (hit === element || element.contains(hit)) && { x, y };
    })()`);
    await this.drag({ x, y }, { x, y });
  }

  /** Presses the mouse at one point and lets it go at another, which may be the same. */
  async drag(from: Point, to: Point): Promise<void> {
    const steps = [["mouseMoved", from], ["mousePressed", from], ["mouseMoved", to]] as const;
    for (const [type, at] of [...steps, ["mouseReleased", to]] as const) {
      const button = { button: "left", clickCount: type === "mouseMoved" ? 0 : 1 };
      const buttons = type === "mouseMoved" && at === to ? 1 : undefined;
      await this.devtools.call("Input.dispatchMouseEvent", { ...at, ...button, buttons, type });
    }
  }

  /** Turns the wheel over a point of the page; positive = down, CSS pixels. */
  async scroll(deltaY: number, { x = 100, y = 100 } = {}): Promise<void> {
    const wheel = { type: "mouseWheel", x, y, deltaX: 0, deltaY };
    await this.devtools.call("Input.dispatchMouseEvent", wheel);
  }

  /** Types text into whatever has the focus. */
  async type(text: string): Promise<void> {
    await this.devtools.call("Input.insertText", { text });
  }

  /** Presses a key by its name, as in `Enter`, `ArrowDown`, `a`, `Shift+Tab`. */
  async press(name: string): Promise<void> {
    const parts = name.split(/(?<=.)\+/);
    const key: Key = keyNamed(parts.pop()!);
    const modifiers = parts.reduce((bits, part) => bits | MODIFIERS[part], 0);
    const text = modifiers & ~MODIFIERS.Shift ? undefined : key.text;
    const down = { ...key, text, modifiers, type: text === undefined ? "rawKeyDown" : "keyDown" };
    await this.devtools.call("Input.dispatchKeyEvent", down);
    await this.devtools.call("Input.dispatchKeyEvent", { ...down, text: undefined, type: "keyUp" });
  }

  /** Shows it as on another screen; what is not told is as on the browser's own. */
  async emulate({ width, height, scheme, reducedMotion }: Screen): Promise<void> {
    const metrics = { width: width ?? 0, height: height ?? 0, deviceScaleFactor: 0, mobile: false };
    await this.devtools.call("Emulation.setDeviceMetricsOverride", metrics);
    await this.devtools.call("Emulation.setEmulatedMedia", {
      features: [
        { name: "prefers-color-scheme", value: scheme ?? "" },
        { name: "prefers-reduced-motion", value: reducedMotion ? "reduce" : "" },
      ],
    });
  }

  /** A picture of what is seen, as PNG. */
  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.devtools.call("Page.captureScreenshot", { format: "png" });
    return Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  }

  /**
   * Takes its network away or gives it back. The page sees `offline` or `online`; new connections
   * fail; of a WebSocket that is open nothing passes any more, either way, until the network is back.
   * `said to be offline` does nothing but tell the page: so a machine without a network that serves
   * itself.
   */
  async network(state: "offline" | "said to be offline" | "online"): Promise<void> {
    const method = state === "said to be offline"
      ? "Network.overrideNetworkState"
      : "Network.emulateNetworkConditions";
    const offline = state !== "online";
    const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.devtools.call(method, { offline, ...unlimited });
  }

  /** Brings it to the front, which hides the others. */
  async show(): Promise<void> {
    await this.#browser.call("Target.activateTarget", { targetId: this.#targetId });
  }

  /** Stops its timers and tasks, as a phone does to a page in the background. */
  async freeze(): Promise<void> {
    await this.devtools.call("Page.setWebLifecycleState", { state: "frozen" });
  }

  /** Lets it go on and shows it, as one who comes back to it. */
  async thaw(): Promise<void> {
    await this.devtools.call("Page.setWebLifecycleState", { state: "active" });
    await this.show();
  }

  /** Closes the tab. */
  async close(): Promise<void> {
    await this.#browser.call("Target.closeTarget", { targetId: this.#targetId });
  }
}
