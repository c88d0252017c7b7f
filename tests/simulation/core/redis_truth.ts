/**
 * What is true of the ways from the nodes to Redis: when they were cut or held up, and when data was lost.
 * Invariants compare the nodes with that.
 *
 * @module
 */

import type { RedisOptions } from "../../../server/redis/connection.ts";
import type { SimProcess } from "./process.ts";
import type { SimRedisConnection } from "./redis_connection.ts";
import type { Scheduler } from "./scheduler.ts";

/** A node waits for so long that a lost connection returns; then it serves alone, ms. */
const RETURN_MS = 950;

/** A connection that is not there. */
interface Absence {
  readonly process: SimProcess;
  readonly isForCommands: boolean;
  readonly sinceMs: number;
}

export class RedisTruth {
  /** How often data was lost. */
  losses = 0;
  /** When it was the last time. */
  lostMs = -Infinity;
  readonly #scheduler: Scheduler;
  readonly #absences = new Map<SimRedisConnection, Absence>();
  /** Until when the ways of a process are cut that others are not. */
  readonly #cutUntilMs = new Map<string, number>();
  #disturbedUntilMs = -Infinity;
  #absentMs = -Infinity;
  #aloneUntilMs = -Infinity;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** A process has made a connection. */
  made(connection: SimRedisConnection, process: SimProcess, options: RedisOptions): void {
    const isForCommands = options.enableAutoPipelining === true;
    const gone = () => {
      if (this.#absences.has(connection)) return;
      const sinceMs = this.#scheduler.nowMs;
      this.#absences.set(connection, { process, isForCommands, sinceMs });
    };
    gone();
    connection.on("close", gone);
    connection.on("end", () => this.#ended(connection));
    // Commands have to name the run.
    connection.on(isForCommands ? "told" : "ready", () => this.#ended(connection));
  }

  /** Something is wrong with Redis for so long. */
  disturbed(ms: number): void {
    this.#disturbedUntilMs = Math.max(this.#disturbedUntilMs, this.#scheduler.nowMs + ms);
  }

  /** The same for some processes alone. */
  cut(processes: Iterable<string>, ms: number): void {
    this.disturbed(ms);
    const untilMs = this.#scheduler.nowMs + ms;
    for (const name of processes) {
      this.#cutUntilMs.set(name, Math.max(untilMs, this.#cutUntilMs.get(name) ?? -Infinity));
    }
  }

  /** Data was lost. */
  lost(): void {
    this.losses++;
    this.lostMs = this.#scheduler.nowMs;
  }

  /** Whether a process may not have reached Redis, though others have, since a time. */
  wasCutSince(name: string, ms: number): boolean {
    return (this.#cutUntilMs.get(name) ?? -Infinity) >= ms;
  }

  /** Whether Redis has answered every node since a time. */
  isQuietSince(ms: number): boolean {
    this.#look();
    return this.#disturbedUntilMs < ms && this.#absentMs < ms;
  }

  /** Whether nothing was wrong with Redis since a time, whatever the nodes have done. */
  isFaultlessSince(ms: number): boolean {
    return this.#disturbedUntilMs < ms;
  }

  /** Whether a node may have served alone since a time. */
  wasAloneSince(ms: number): boolean {
    this.#look();
    return this.#aloneUntilMs >= ms;
  }

  #ended(connection: SimRedisConnection): void {
    const absence = this.#absences.get(connection);
    if (absence === undefined) return;
    this.#judge(absence);
    this.#absences.delete(connection);
  }

  #look(): void {
    for (const [connection, absence] of this.#absences) {
      this.#judge(absence);
      if (!absence.process.isAlive) this.#absences.delete(connection);
    }
  }

  #judge({ isForCommands, sinceMs }: Absence): void {
    const { nowMs } = this.#scheduler;
    this.#absentMs = nowMs;
    if (isForCommands && nowMs - sinceMs >= RETURN_MS) this.#aloneUntilMs = nowMs;
  }
}
