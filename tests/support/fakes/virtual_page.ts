/**
 * A page whose time passes when a test says so: timers and both clocks of the platform are virtual
 * while the test runs, and page events can be fired. Asserts at the end that no timer is left.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import {
  HeartbeatSocket,
  type HeartbeatSocketOptions,
} from "../../../server/sdk/heartbeat_socket.ts";
import type { Address } from "../../../server/sdk/options.ts";
import { FakeServer } from "./fake_web_socket.ts";

/** What happened to a socket: the event's name and what is worth knowing of it. */
export type Happening = readonly [type: string, details?: unknown];

const EVENTS = [
  ...["open", "message", "error", "close", "heartbeat"] as const,
  ...["heartbeattimeout", "reconnecting", "giveup", "health", "drop"] as const,
];

export class VirtualPage {
  /** Who answers. */
  readonly server = new FakeServer();
  /** What happened, in order, to all sockets that were made by `connect()`. */
  readonly happened: Happening[] = [];
  /** What a page has and Deno has not. */
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  readonly connection = new EventTarget();
  readonly #timers = FakeTimers.install({
    now: 1_700_000_000_123,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"],
  });
  readonly #made: HeartbeatSocket[] = [];

  constructor() {
    Object.defineProperty(globalThis, "document", { value: this.document, configurable: true });
    Object.defineProperty(navigator, "connection", { value: this.connection, configurable: true });
  }

  /** Opens a socket to the server and writes down what happens to it. */
  connect(
    options: HeartbeatSocketOptions = {},
    address: Address = "ws://hub.test/ws",
  ): HeartbeatSocket {
    const socket = new HeartbeatSocket(address, { WebSocket: this.server.WebSocket, ...options });
    this.#made.push(socket);
    for (const type of EVENTS) {
      socket.addEventListener(type, (event) => this.happened.push([type, detailsOf(event)]));
    }
    return socket;
  }

  /** What happened of one kind: the details. */
  // deno-lint-ignore no-explicit-any -- tests look into them freely
  of(type: string): any[] {
    return this.happened.filter(([happened]) => happened === type).map(([, details]) => details);
  }

  /** Lets time pass, every timer on time. */
  async pass(ms: number): Promise<void> {
    await this.#timers.tickAsync(ms);
  }

  /** Blocks the page: time goes on, timers that are due run late and only once. */
  async block(ms: number): Promise<void> {
    this.#timers.jump(ms);
    await this.pass(0);
  }

  /** The machine sleeps: the wall clock goes on, the monotonic one and the timers stand still. */
  sleep(ms: number): void {
    this.#timers.setSystemTime(Date.now() + ms);
  }

  /** The network comes or goes, or the page is shown again from the browser's cache. */
  fire(type: "online" | "offline" | "pageshow"): void {
    globalThis.dispatchEvent(new Event(type));
  }

  /** Gives everything back. @returns timers that are left */
  async end(): Promise<number> {
    for (const socket of this.#made) socket.close();
    await this.pass(5_000);
    const left = this.#timers.countTimers();
    this.#timers.uninstall();
    Reflect.deleteProperty(globalThis, "document");
    Reflect.deleteProperty(navigator, "connection");
    return left;
  }
}

/** Runs a test in a page of its own. */
export async function withPage(test: (page: VirtualPage) => Promise<void> | void): Promise<void> {
  const page = new VirtualPage();
  let left = NaN;
  try {
    await test(page);
  } finally {
    left = await page.end();
  }
  assertEquals(left, 0, "timers are left");
}

function detailsOf(event: Event): unknown {
  const { code, reason, data, rtt, attempt, delayMs, attempts, status, previous } =
    // deno-lint-ignore no-explicit-any -- of any of the events
    event as any;
  switch (event.type) {
    case "message":
      return data;
    case "close":
      return { code, reason };
    case "heartbeat":
      return rtt;
    case "reconnecting":
      return { attempt, delayMs, reason };
    case "giveup":
      return { attempts, reason };
    case "health":
      return `${previous} -> ${status}`;
    case "drop":
      return { data, reason };
  }
}
