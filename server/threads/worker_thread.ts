/**
 * A thread, as the main thread runs it: a worker, and the port to it.
 *
 * The end of a worker is known by the port's `close` event alone. Deno (2.9.6) emits it only once
 * `node:worker_threads` is loaded.
 *
 * @module
 */

import "node:worker_threads";
import type { Cancel, Clock } from "../base/clock.ts";
import { PortLink } from "./port_link.ts";
import type { SupervisedThread } from "./supervisor.ts";

/** The event of an error may come after the end of the port, ms: 1 measured. */
const ERROR_WAIT_MS = 100;

export interface WorkerThreadOptions {
  /** The module that calls `runThread()`. */
  readonly entry: string;
  readonly clock: Clock;
  /** Its number. */
  readonly thread: string;
  readonly node: string;
}

export class WorkerThread implements SupervisedThread {
  readonly thread: string;
  readonly node: string;
  readonly link: PortLink;
  readonly loaded: Promise<void>;
  readonly ended: Promise<string>;
  readonly #worker: Worker;

  constructor({ entry, clock, thread, node }: WorkerThreadOptions) {
    this.thread = thread;
    this.node = node;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    const worker = this.#worker = new Worker(entry, { type: "module", name: node });
    const { port1, port2 } = new MessageChannel();
    let hasFailed = false;
    let cancel: Cancel = () => {};
    const onClosed = () => {
      if (hasFailed) return;
      cancel = clock.after(ERROR_WAIT_MS, () => resolve("it has ended by itself"));
    };
    this.link = new PortLink(port1, clock, onClosed);
    // What is sent before it can hear would be lost; the port keeps all.
    this.loaded = new Promise((loaded) =>
      worker.addEventListener("message", () => {
        worker.postMessage(port2, [port2]);
        loaded();
      }, { once: true })
    );
    worker.addEventListener("error", (event) => {
      event.preventDefault(); // else it ends the process
      worker.terminate();
      hasFailed = true;
      cancel();
      resolve(event.message);
    });
  }

  terminate(): void {
    this.#worker.terminate();
  }
}
