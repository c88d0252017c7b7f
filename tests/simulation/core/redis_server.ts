/**
 * A simulated Redis: one process that carries out commands in the order of their coming, and publishes.
 * It can pause, end and start again, refuse commands, and lose, repeat and delay what it publishes.
 *
 * @module
 */

import { type DataContext, RedisData, type Reply, ReplyError } from "./redis_data.ts";
import type { SimRandom } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** One way through the network takes so long at most, in the same room and elsewhere, ms. */
const MAX_DELAYS_MS = [4, 4, 40, 150];

/** After so long the server ends a connection whose client is not heard, ms. */
const KEEPALIVE_MS = 60_000;

/** How late a text that is published late is at most, ms. */
const MAX_LATE_MS = 2_000;

/** The end of a connection that a client holds. */
export interface RedisPeer {
  /** The attempt has succeeded, or nobody listens. */
  dialed(session: RedisSession, isAccepted: boolean): void;
  replied(session: RedisSession, reply: Reply | Error): void;
  published(session: RedisSession, name: string, text: string): void;
  /** The connection has ended. */
  lost(session: RedisSession): void;
}

/** A command, as it is written. */
export interface WrittenCommand {
  readonly name: string;
  readonly args: readonly (string | number)[];
  /** Whether it names a script by its digest. */
  readonly isDigest?: boolean;
}

/** A TCP connection, and what the server knows of it. */
export class RedisSession {
  /** Whose it is, and for what. */
  readonly owner: string;
  readonly process: string;
  readonly peer: RedisPeer;
  /** Names that it is subscribed to. */
  readonly names = new Set<string>();
  /** Whether it has ended for the server. */
  isOver = false;
  /** What is on its way to the server, or to the client, does not arrive, and nobody is told. */
  isDeaf = false;
  isMute = false;
  /** When the last thing on each way arrives. */
  #upMs = 0;
  #downMs = 0;
  readonly #network: SimRedis;

  constructor(network: SimRedis, process: string, kind: string, peer: RedisPeer) {
    this.#network = network;
    this.process = process;
    this.owner = `${process} ${kind}`;
    this.peer = peer;
  }

  /** Carries something to the server, after what was sent before. */
  up(arrive: () => void): void {
    this.#upMs = this.#network.arriveAfter(this.#upMs, () => {
      if (!this.isOver && !this.isDeaf) arrive();
    });
  }

  /** Carries something to the client, after what was sent before. */
  down(arrive: () => void): void {
    this.#downMs = this.#network.arriveAfter(this.#downMs, () => {
      if (!this.isMute) arrive();
    });
  }

  /** The client is told that it has ended. */
  reset(): void {
    this.#network.arriveAfter(this.#downMs, () => this.peer.lost(this));
  }

  /** Nothing arrives at the client before a time. */
  hold(untilMs: number): void {
    this.#downMs = Math.max(this.#downMs, untilMs);
  }
}

/** What goes wrong with what is published, until a time. */
export interface PubSubFault {
  readonly untilMs: number;
  /** Of one process, and under one name; undefined: of all. */
  readonly process?: string;
  readonly name?: string;
  /** Of each text and each of its receivers, in [0, 1). */
  readonly lost: number;
  readonly repeated: number;
  readonly late: number;
}

export class SimRedis {
  readonly sessions = new Set<RedisSession>();
  /** What it holds. */
  data: RedisData;
  isListening = true;
  /** It does nothing before. */
  pausedUntilMs = -Infinity;
  /** It refuses what needs memory before. */
  fullUntilMs = -Infinity;
  readonly pubSubFaults: PubSubFault[] = [];
  /** A client ends a connection. */
  onHangUp: ((owner: string, process: string) => void) | undefined;
  /** Called when a channel has a message more. */
  onPlaced: DataContext["placed"];
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #maxDelayMs: number;
  readonly #scripts = new Set<string>();
  readonly #context: DataContext;
  #run: string;
  #waiting: (() => void)[] = [];
  /** Until when the network does not carry anything to a process or from it. */
  readonly #cutUntilMs = new Map<string, number>();

  constructor(scheduler: Scheduler, random: SimRandom) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#maxDelayMs = random.pick(MAX_DELAYS_MS);
    this.#run = random.uuid().replaceAll("-", "");
    this.#context = {
      nowMs: () => scheduler.nowMs,
      publish: (name, text) => this.#publish(name, text),
      placed: (key, place) => this.onPlaced?.(key, place),
    };
    this.data = this.empty();
  }

  /** Calls when something that is sent now arrives, after `lastMs`. @returns when */
  arriveAfter(lastMs: number, arrive: () => void): number {
    const delayMs = this.#random.spread(0.1, this.#maxDelayMs);
    const atMs = Math.max(lastMs, this.#scheduler.nowMs + delayMs);
    this.#scheduler.at(atMs, arrive);
    return atMs;
  }

  /** A client dials. @param kind for faults that choose a connection */
  dial(process: string, kind: "commands" | "texts", peer: RedisPeer): RedisSession {
    const session = new RedisSession(this, process, kind, peer);
    if (this.#scheduler.nowMs < (this.#cutUntilMs.get(process) ?? 0)) return session;
    session.up(() => {
      if (this.isListening) this.sessions.add(session);
      const { isListening } = this;
      session.down(() => peer.dialed(session, isListening));
    });
    return session;
  }

  /** A client sends a command. */
  send(session: RedisSession, command: WrittenCommand): void {
    session.up(() => this.#soon(() => this.#receive(session, command)));
  }

  /** A client ends its connection. */
  hangUp(session: RedisSession): void {
    this.onHangUp?.(session.owner, session.process);
    session.up(() => {
      session.isOver = true;
      this.sessions.delete(session);
    });
  }

  /** The server, or something on the way, ends a connection. What is on its way to the client arrives. */
  end(session: RedisSession): void {
    this.sessions.delete(session);
    session.isOver = true;
    session.reset();
  }

  /** Nothing goes through a connection any more; the server notices after a while. */
  silence(session: RedisSession): void {
    session.isDeaf = session.isMute = true;
    this.#scheduler.after(KEEPALIVE_MS, () => this.sessions.delete(session));
  }

  /** The network carries nothing to a process, and nothing from it, until a time. */
  cut(process: string, untilMs: number): void {
    this.#cutUntilMs.set(process, untilMs);
    for (const session of this.sessions) if (session.process === process) this.silence(session);
  }

  /** A process has ended. @param machine whether its machine is gone, which tells no peer */
  processEnded(process: string, machine: boolean): void {
    for (const session of this.sessions) {
      if (session.process !== process) continue;
      if (machine) this.silence(session);
      else this.hangUp(session);
    }
  }

  /** It does nothing for so long. */
  pause(ms: number): void {
    this.pausedUntilMs = Math.max(this.pausedUntilMs, this.#scheduler.nowMs + ms);
    this.#scheduler.at(this.pausedUntilMs, () => this.#goOn());
  }

  /** Its process ends, and another one starts after a while. @param data what that one has */
  restart(ms: number, data: RedisData): void {
    this.isListening = false;
    this.pausedUntilMs = -Infinity;
    this.#waiting = [];
    for (const session of this.sessions) this.end(session);
    this.#scheduler.after(ms, () => {
      this.#run = this.#random.uuid().replaceAll("-", "");
      this.#scripts.clear();
      this.data = data;
      this.isListening = true;
    });
  }

  /** No data. */
  empty(): RedisData {
    return new RedisData(this.#context);
  }

  /** It forgets the scripts that it knows by their digests. */
  flushScripts(): void {
    this.#scripts.clear();
  }

  #soon(call: () => void): void {
    if (this.#scheduler.nowMs < this.pausedUntilMs) this.#waiting.push(call);
    else call();
  }

  #goOn(): void {
    if (this.#scheduler.nowMs < this.pausedUntilMs) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call();
  }

  #receive(session: RedisSession, command: WrittenCommand): void {
    if (!this.sessions.has(session)) return;
    const reply = this.#execute(session, command);
    session.down(() => session.peer.replied(session, reply));
  }

  #execute(session: RedisSession, { name, args, isDigest }: WrittenCommand): Reply | Error {
    if (name === "info") return `run_id:${this.#run}\r\nmaxmemory_policy:noeviction\r\n`;
    if (name === "subscribe" || name === "unsubscribe") {
      for (const each of args) session.names[name === "subscribe" ? "add" : "delete"](`${each}`);
      return session.names.size;
    }
    if (isDigest !== undefined) {
      if (isDigest && !this.#scripts.has(name)) {
        return new ReplyError("NOSCRIPT No matching script.");
      }
      this.#scripts.add(name);
    }
    const isRefused = this.#scheduler.nowMs < this.fullUntilMs && isDigest !== undefined;
    if (isRefused) return new ReplyError("OOM command not allowed when used memory > 'maxmemory'.");
    try {
      return this.data.call(name, args);
    } catch (error) {
      if (error instanceof ReplyError) return error;
      throw error;
    }
  }

  #publish(name: string, text: string): number {
    let receivers = 0;
    for (const session of this.sessions) {
      if (!session.names.has(name)) continue;
      receivers++;
      this.#deliver(session, name, text);
    }
    return receivers;
  }

  /** Texts without a place are not repaired by anybody, and no Redis loses them on a connection. */
  #deliver(session: RedisSession, name: string, text: string): void {
    const bring = () => session.peer.published(session, name, text);
    const fault = this.pubSubFaults.find((each) =>
      this.#scheduler.nowMs < each.untilMs &&
      (each.process ?? session.process) === session.process && (each.name ?? name) === name
    );
    const mayFail = fault !== undefined && /^[^-! ]\S* \d+ \d+ /.test(text);
    if (!mayFail) return session.down(bring);
    const { lost, repeated, late } = fault;
    if (this.#random.chance(lost)) return;
    if (this.#random.chance(repeated)) session.down(bring);
    if (!this.#random.chance(late)) return session.down(bring);
    this.#scheduler.after(this.#random.spread(1, MAX_LATE_MS), () => {
      if (!session.isOver) session.down(bring);
    });
  }
}
