/**
 * Timers that keep time in a hidden tab: the page's own, which browsers slow down to one a minute,
 * and beside them a worker's, which they do not. Whichever fires first counts, so where there can
 * be no worker nothing is lost but punctuality.
 *
 * @module
 */

/** Calls once, after a while; returns what cancels it. */
export type After = (ms: number, call: () => void) => () => void;

/** A source of timers, and what ends it. */
export interface Timers {
  /** Sets a timer. */
  readonly after: After;
  /** Ends the worker, if there is one. Timers that are set stay. */
  readonly stop: () => void;
}

/** The whole worker: sets timers and reports when they fire. */
const TICKER = "onmessage=e=>setTimeout(()=>postMessage(e.data.id),e.data.ms)";

/** The page's own timers. */
export const PAGE_TIMERS: Timers = {
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  stop: () => {},
};

/**
 * A worker's timers beside the page's. A Content-Security-Policy must allow `worker-src blob:`.
 * Where it does not, or the runtime has no workers (Node), these are the page's alone.
 */
export function workerTimers(): Timers {
  const calls = new Map<number, () => void>();
  let worker: Worker | false | undefined;
  let lastId = 0;
  return {
    after: (ms, call) => {
      worker ??= startWorker(calls);
      const id = ++lastId;
      const cancelInPage = PAGE_TIMERS.after(ms, () => calls.get(id)?.());
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
    stop: () => void (worker && worker.terminate()),
  };
}

/** Where the worker's source is, for every worker that will be started. */
let tickerUrl: string | undefined;

/** @returns false where there can be none */
function startWorker(calls: ReadonlyMap<number, () => void>): Worker | false {
  try {
    tickerUrl ??= URL.createObjectURL(new Blob([TICKER], { type: "text/javascript" }));
    const worker = new Worker(tickerUrl, { type: "module" });
    worker.onmessage = ({ data }) => calls.get(data)?.();
    worker.onerror = (event) => event.preventDefault(); // refused: the page's timers go on alone
    return worker;
  } catch {
    return false;
  }
}
