/**
 * What the kernel says about a process, and the statistics of repeated runs.
 * Owns the reading of /proc and nothing else; knows neither servers nor sockets.
 *
 * @module
 */

const NS_PER_US = 1_000;
const BYTES_PER_KIB = 1_024;

/** Ticks of utime and stime: USER_HZ is 100 on every Linux that Deno runs on. */
const US_PER_TICK = 10_000;

/**
 * CPU time of a process between two moments. Reads `schedstat` of each thread, which counts
 * nanoseconds, where `/proc/<pid>/stat` counts hundredths of a second: 1 % of a one-second run.
 */
export class CpuMeter {
  readonly #pid: number;
  #startUsByThread: Map<string, number>;

  /** Starts measuring at once. */
  constructor(pid: number) {
    this.#pid = pid;
    this.#startUsByThread = readThreadsUs(pid);
  }

  /** Begins a new interval now. */
  restart(): void {
    this.#startUsByThread = readThreadsUs(this.#pid);
  }

  /**
   * CPU time since the start, in microseconds. A thread that ended meanwhile is not counted: Deno,
   * Node and Go end only helper threads that have been idle, so what is lost is next to nothing.
   */
  usedUs(): number {
    return this.usedUsByThread().reduce((sum, us) => sum + us, 0);
  }

  /** The same, of each thread. */
  usedUsByThread(): number[] {
    return Array.from(
      readThreadsUs(this.#pid),
      ([thread, nowUs]) => nowUs - (this.#startUsByThread.get(thread) ?? 0),
    );
  }
}

function readThreadsUs(pid: number): Map<string, number> {
  const usByThread = new Map<string, number>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const us = readThreadUs(`/proc/${pid}/task/${name}`);
    if (us !== undefined) usByThread.set(name, us);
  }
  return usByThread;
}

/** Undefined for a thread that ended between the listing and this reading. */
function readThreadUs(directory: string): number | undefined {
  const schedstat = readIfThere(`${directory}/schedstat`);
  if (schedstat !== undefined) return Number(schedstat.split(" ")[0]) / NS_PER_US;
  // A kernel built without scheduler statistics still has the coarse count.
  const stat = readIfThere(`${directory}/stat`);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold spaces: count the fields from behind it, where state is 0.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // ESRCH, of a thread that ended while its file was open, has no class of its own in Deno.
    if (error instanceof Error && error.message.includes("os error 3")) return undefined;
    throw error;
  }
}

/**
 * Resident memory of a process. From `smaps_rollup`, which walks the pages; `VmRSS` is kept in
 * per-CPU counters and may be off by some hundred KiB.
 */
export function residentBytes(pid: number): number {
  const rollup = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  const rss = rollup.match(/^Rss:\s+(\d+) kB$/m);
  if (rss === null) throw new Error(`Cannot measure memory: no Rss in smaps_rollup of ${pid}`);
  return Number(rss[1]) * BYTES_PER_KIB;
}

/** Median and range of a figure over repeated runs. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @throws RangeError without values: a median of nothing is a mistake in the bench. */
export function spreadOf(values: number[]): Spread {
  if (values.length === 0) throw new RangeError("Cannot take a median: no values");
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  return { median: (lower + upper) / 2, min: sorted[0], max: sorted[sorted.length - 1] };
}
