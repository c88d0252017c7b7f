/**
 * Timers that keep their time in a hidden tab. Browsers limit the timers of a hidden page to one a
 * minute, but not those of a worker, so each timer runs in both and the first to fire counts. Where
 * no worker can start, timers only become less punctual.
 *
 * @module
 */

import { platform } from "./platform.ts";

/** Calls once after `ms`. @returns cancels the call */
export type After = (ms: number, call: () => void) => () => void;

/** A source of timers. */
export interface Timers {
  /** Sets a timer. */
  readonly after: After;
  /** Ends the worker, if there is one, until the next timer is set. Timers that are set stay. */
  readonly stop: () => void;
}

/** The source of the worker: sets a timer for each message and posts its id when it fires. */
const WORKER_SOURCE = "onmessage=({data:e})=>setTimeout(postMessage,e.ms,e.id)";

/**
 * Timers of a worker and of the page at once. A Content-Security-Policy must allow
 * `worker-src blob:`. Where it does not, or the runtime has no workers (Node), only the page's run.
 */
export function workerTimers(): Timers {
  const calls = new Map<number, () => void>();
  let worker: Worker | false | undefined;
  let lastId = 0;
  return {
    after: (ms, call) => {
      worker ??= startWorker(calls);
      const id = ++lastId;
      const cancelInPage = platform.after(ms, () => calls.get(id)?.());
      const cancel = () => {
        calls.delete(id);
        cancelInPage();
      };
      calls.set(id, () => {
        cancel();
        call();
      });
      if (worker) worker.postMessage({ id, ms });
      return cancel;
    },
    stop: () => {
      if (worker) worker.terminate();
      worker = undefined;
    },
  };
}

/** The address of the worker's source, created once and used for every worker. */
let workerUrl: string | undefined;

/** @returns false if the platform or its policy allows no worker */
function startWorker(calls: ReadonlyMap<number, () => void>): Worker | false {
  try {
    workerUrl ??= URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
    const worker = new Worker(workerUrl, { type: "module" });
    worker.onmessage = ({ data }) => calls.get(data)?.();
    worker.onerror = (event) => event.preventDefault(); // blocked: the page's timers are enough
    return worker;
  } catch {
    return false;
  }
}
