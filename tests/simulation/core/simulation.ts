/**
 * One run: builds what a plan names, lets its virtual time pass, and asks the invariants after each
 * event and at rest. The same plan gives the same events, bit for bit.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Config } from "../../../server/config/config.ts";
import { parseConfig } from "../../../server/config/config.ts";
import { platform } from "../../../server/sdk/platform.ts";
import { CLIENT_KINDS, FAULTS, INVARIANTS } from "../registry.ts";
import type { SimClient } from "./client.ts";
import { type ClientPeer, Connection, type Request } from "./connection.ts";
import { Ledger } from "./ledger.ts";
import { type LogLine, SimNode } from "./node.ts";
import type { Plan } from "./plan.ts";
import { UNHEARD } from "./excuses.ts";
import { profileOf, toleranceMs } from "./profiles.ts";
import { SimRandom } from "./random.ts";
import { SimRedis } from "./redis_server.ts";
import { RedisTruth } from "./redis_truth.ts";
import { forbidRealTime } from "./real_time_guard.ts";
import { Scheduler } from "./scheduler.ts";
import type { StoredEntries } from "./store.ts";

/** What happens, for invariants. */
export type Happening =
  | {
    readonly kind: "log";
    readonly node: SimNode;
    readonly line: LogLine;
    readonly connection: Connection | undefined;
  }
  | { readonly kind: "opened"; readonly connection: Connection }
  | {
    readonly kind: "closed";
    readonly node: SimNode;
    readonly connection: Connection;
    readonly isFirst: boolean;
  }
  | { readonly kind: "draining"; readonly node: SimNode }
  | { readonly kind: "drained"; readonly node: SimNode }
  | { readonly kind: "killed"; readonly node: SimNode };

/** What is asked of everything that happens. */
export interface Checks {
  /** Something has happened. */
  on?(happening: Happening): void;
  /** Called once a second of virtual time. */
  sample?(): void;
  /** All faults have ended, and there was time to recover. */
  atRest?(): void;
  /** The last node has drained, and every client has closed. */
  atEnd?(): void;
}

/** A rule that always holds. One file each, listed in registry.ts. */
export interface Invariant {
  readonly name: string;
  watch(simulation: Simulation): Checks;
}

/** What broke a rule. */
export interface Finding {
  readonly invariant: string;
  readonly what: string;
  readonly atMs: number;
  /** Events until then. */
  readonly events: number;
  /** Whom it is about, for the timeline. */
  readonly about: readonly string[];
}

/** What a run went through. */
export interface Tally {
  connections: number;
  connectionMs: number;
  pings: number;
  deliveries: number;
  publications: number;
  messages: number;
  readonly faults: Map<string, number>;
}

export interface RunOptions {
  /** All of the registry by default. */
  readonly invariants?: readonly Invariant[];
  /** Called for each line of the event log. */
  readonly onNote?: (line: string) => void;
}

export interface Result {
  readonly plan: Plan;
  readonly findings: readonly Finding[];
  /** SHA-256 of the event log, hex. */
  readonly hash: string;
  readonly tally: Tally;
  readonly virtualMs: number;
  readonly events: number;
  readonly machineMs: number;
}

/** How long a burst may go on, ms. */
const BURST_MS = 15_000;

/** After so long a balancer takes a node that does not answer for lost, ms. */
const NOTICED_MS = 3_000;

/** Queues that may be too small for what a node has missed of a channel. */
const [CATCH_UP_BYTES, CATCH_UP_MESSAGES] = [100_000, 256];

/** From sample to sample, ms. */
const SAMPLE_MS = 1_000;

/** After the last fault has ended: time to find the dead and to come back. */
const RECOVERY_MS = 150_000;

/** From the end of a client to the check that nothing of it is left. */
const END_MS = 40_000;

/** From the end of half of the clients to the drain, ms: members leave after a grace of 20 s at most. */
const HALF_END_MS = 26_000;

const realNow = performance.now.bind(performance);

/** Runs a plan. Stops at the first finding. */
export async function simulate(plan: Plan, options: RunOptions = {}): Promise<Result> {
  return await new Simulation(plan, options).run();
}

export class Simulation {
  readonly plan: Plan;
  readonly random: SimRandom;
  readonly scheduler = new Scheduler();
  readonly config: Config;
  readonly ledger: Ledger;
  readonly connections: Connection[] = [];
  readonly clients: SimClient[] = [];
  /** All that there have been. */
  readonly nodes: SimNode[] = [];
  /** Those that serve at the same time. */
  readonly slots: SimNode[] = [];
  /** What connects them, where they are several. */
  readonly redis: SimRedis | undefined;
  readonly redisTruth = new RedisTruth(this.scheduler);
  readonly findings: Finding[] = [];
  readonly tally: Tally = {
    connections: 0,
    connectionMs: 0,
    pings: 0,
    deliveries: 0,
    publications: 0,
    messages: 0,
    faults: new Map(),
  };
  /** When so much was published at once that answers take long. */
  burstAtMs = -Infinity;
  /** Faults have ended; clients are to recover. */
  isResting = false;
  readonly #options: RunOptions;
  readonly #hash = createHash("sha256");
  readonly #stored: StoredEntries = new Map();
  #checks: Checks[] = [];
  #notes = "";

  constructor(plan: Plan, options: RunOptions) {
    this.plan = plan;
    this.#options = options;
    this.random = new SimRandom(plan.seed);
    this.config = parseConfig(plan.env);
    if ((plan.nodes ?? 1) > 1) this.redis = new SimRedis(this.scheduler, this.random.fork("redis"));
    this.ledger = new Ledger(this);
  }

  /** How much less often everybody publishes. */
  get quietness(): number {
    return this.plan.quietness ?? 1;
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  /** The node that takes new connections; one of several. */
  get node(): SimNode {
    return this.slots[0];
  }

  /** The connections that nodes have. */
  get open(): Connection[] {
    return this.nodes.flatMap(({ connections }) => [...connections]);
  }

  async run(): Promise<Result> {
    const startMs = realNow();
    const allow = forbidRealTime((name) => this.find("no real time", `${name} was called`));
    const rejected = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      this.find("no error", `a promise was rejected: ${event.reason?.stack ?? event.reason}`);
    };
    addEventListener("unhandledrejection", rejected);
    const { warn } = console;
    console.warn = (text: string) => this.note("console", text);
    const platformBefore = { ...platform };
    platform.heartbeats = 0;
    try {
      await this.#live();
    } finally {
      Object.assign(platform, platformBefore);
      console.warn = warn;
      removeEventListener("unhandledrejection", rejected);
      allow();
    }
    this.#hash.update(this.#notes);
    for (const { truth } of this.connections) {
      if (!Number.isNaN(truth.openedMs)) {
        this.tally.connectionMs += (truth.endedMs ?? this.nowMs) - truth.openedMs;
      }
    }
    return {
      plan: this.plan,
      findings: this.findings,
      hash: this.#hash.digest("hex"),
      tally: this.tally,
      virtualMs: this.nowMs,
      events: this.scheduler.events,
      machineMs: realNow() - startMs,
    };
  }

  /** Writes a line of the event log. */
  note(who: string, what: string): void {
    const line = `${this.nowMs.toFixed(3)} ${who}: ${what}\n`;
    this.#notes += line;
    this.#options.onNote?.(line.slice(0, -1));
    if (this.#notes.length < 65_536) return;
    this.#hash.update(this.#notes);
    this.#notes = "";
  }

  /** A rule is broken. */
  find(invariant: string, what: string, about: readonly (Connection | string)[] = []): void {
    const labels = about.map((each) => typeof each === "string" ? each : each.label);
    this.note("FINDING", `${invariant}: ${what} [${labels}]`);
    const { nowMs: atMs, events } = this.scheduler;
    this.findings.push({ invariant, what, atMs, events, about: labels });
  }

  emit(happening: Happening): void {
    for (const checks of this.#checks) checks.on?.(happening);
  }

  /** A client connects. */
  connect(client: ClientPeer, request: Request): Connection {
    const number = this.connections.length + 1;
    const node = this.#balance(number);
    const profile = profileOf(request.url);
    const connection = new Connection(this, { number, client, node, request, profile });
    this.connections.push(connection);
    connection.dial();
    return connection;
  }

  /** A node has made a client of a connection. */
  opened(connection: Connection): void {
    this.tally.connections++;
    this.note(connection.label, `opened as ${connection.truth.id}`);
    if (connection.node.drainMs !== undefined) connection.excuse("the node drains", "drain");
    if (!connection.client.isLazy && toleranceMs(connection, this.plan.env) < 0) {
      connection.impair("its way is too long for these deadlines", ...UNHEARD);
    }
    // What was held back is published a little later.
    if (this.nowMs - this.burstAtMs < BURST_MS) connection.excuse("a burst", "slow_consumer");
    const { sendQueueBytes, sendQueueMessages } = this.config.limits;
    const isSmall = sendQueueBytes < CATCH_UP_BYTES || sendQueueMessages < CATCH_UP_MESSAGES;
    if (this.redis !== undefined && isSmall) {
      connection.excuse("a node may catch up, and deliver much at once", "slow_consumer");
    }
    this.emit({ kind: "opened", connection });
  }

  /** Starts another process in place of one, with the same store. */
  startNode(slot = 0): SimNode {
    const node = new SimNode(this, { name: `node ${this.nodes.length + 1}`, slot });
    this.nodes.push(node);
    this.slots[slot] = node;
    node.process.run(() => {
      node.start(this.#stored).catch((error) => this.find("no error", `no start: ${error?.stack}`));
    });
    return node;
  }

  /** Chooses a node that is ready, as far as a balancer knows. */
  #balance(number: number): SimNode {
    const { slots, nowMs } = this;
    if (slots.length === 1) return slots[0];
    const ready = slots.filter((node) => node.isServing || nowMs - node.lostMs < NOTICED_MS);
    return this.random.fork(`balancer ${number}`).pick(ready.length > 0 ? ready : slots);
  }

  async #live(): Promise<void> {
    const { plan, scheduler } = this;
    this.#checks = (this.#options.invariants ?? INVARIANTS).map((invariant) =>
      invariant.watch(this)
    );
    for (let slot = 0; slot < (plan.nodes ?? 1); slot++) this.startNode(slot);
    this.#planClients();
    this.#planFaults();
    const sample = () => {
      for (const checks of this.#checks) checks.sample?.();
      scheduler.after(SAMPLE_MS, sample);
    };
    scheduler.after(SAMPLE_MS, sample);
    const stop = () => this.findings.length > 0;
    await scheduler.run(plan.horizonMs, stop);
    if (stop()) return;
    this.note("simulation", "rests");
    this.isResting = true;
    for (const client of this.clients) {
      client.rest();
      const { connection } = client;
      if (client.isWellBehaved && connection) connection.down.readBytesPerMs = Infinity;
    }
    await scheduler.run(plan.horizonMs + RECOVERY_MS, stop);
    if (stop()) return;
    for (const checks of this.#checks) checks.atRest?.();
    await scheduler.run(this.nowMs + 10_000, stop);
    if (stop()) return;
    this.ledger.judgeMarkers();
    if (stop()) return;
    const half = this.clients.length >> 1;
    for (const client of this.clients.slice(0, half)) client.close();
    await scheduler.run(this.nowMs + HALF_END_MS, stop);
    if (stop()) return;
    for (const node of this.slots) node.drain();
    await scheduler.run(this.nowMs + 2_000, stop);
    for (const client of this.clients.slice(half)) client.close();
    await scheduler.run(this.nowMs + END_MS, stop);
    if (stop()) return;
    for (const checks of this.#checks) checks.atEnd?.();
  }

  #planClients(): void {
    this.plan.clients.forEach(({ kind, index, startMs }) => {
      this.scheduler.at(startMs, () => {
        const name = `${kind} ${index}`;
        const random = this.random.fork(`client ${index}`);
        const client = CLIENT_KINDS[kind].create({ simulation: this, name, index, random });
        this.clients.push(client);
        client.start();
      });
    });
  }

  #planFaults(): void {
    for (const { kind, index, atMs } of this.plan.faults) {
      this.scheduler.at(atMs, () => {
        const random = this.random.fork(`fault ${index}`);
        const what = FAULTS[kind].begin(this, random);
        if (what === undefined) return;
        this.tally.faults.set(kind, (this.tally.faults.get(kind) ?? 0) + 1);
        this.note("fault", `${kind}: ${what}`);
      });
    }
  }
}
