/**
 * The main thread's part and the parts of several threads in one isolate, on both ends of message ports.
 *
 * @module
 */

import { MemoryHistory } from "../../../server/brokers/memory_history.ts";
import type { Broadcast, Publication } from "../../../server/message.ts";
import { HostedBroker } from "../../../server/threads/hosted_broker.ts";
import { HostedMembers } from "../../../server/threads/hosted_members.ts";
import { HostedNodes, NodesHost } from "../../../server/threads/hosted_nodes.ts";
import { type HostedThread, HubHost } from "../../../server/threads/hub_host.ts";
import { PortLink } from "../../../server/threads/port_link.ts";
import type { Bounds } from "../../contracts/history_contract.ts";
import { HISTORY_BOUNDS } from "../fakes/history_bounds.ts";
import { SkippingClock } from "../fakes/skipping_clock.ts";

/** Time passes in such steps: no release of what has expired is left out. */
const STEP_MS = 1_000;

/** A thread, and what its hub has got. */
export interface TestThread {
  readonly broker: HostedBroker;
  readonly members: HostedMembers;
  readonly nodes: HostedNodes;
  readonly link: PortLink;
  readonly got: readonly Broadcast[];
  /** What the main thread has of it. */
  readonly hosted: HostedThread;
  /** The data of the publications that it has got. */
  data(): string[];
}

export class HostedHub implements Disposable {
  readonly clock = new SkippingClock();
  readonly history: MemoryHistory;
  readonly host: HubHost;
  readonly nodes = new NodesHost(this.clock);
  readonly #bounds: Bounds;
  readonly #threads: TestThread[] = [];

  /** It keeps a history of each channel but those below `off/`. */
  constructor(bounds: Partial<Bounds> = {}) {
    this.#bounds = { ...HISTORY_BOUNDS, ...bounds };
    this.history = new MemoryHistory({ ...this.#bounds, ...this.#shared });
    this.host = new HubHost({ history: this.history, now: () => this.clock.now() });
  }

  /** Adds a thread, whose broker has not started. */
  add(): TestThread {
    const { port1, port2 } = new MessageChannel();
    const hosted = { node: `${this.#threads.length + 1}`, link: new PortLink(port1, this.clock) };
    this.host.attach(hosted);
    this.nodes.attach(hosted);
    const link = new PortLink(port2, this.clock);
    const members = new HostedMembers(link);
    const broker = new HostedBroker({ ...this.#bounds, ...this.#shared, link, members });
    const nodes = new HostedNodes(hosted.node, link);
    const got: Broadcast[] = [];
    const publications = () =>
      got.filter((each): each is Publication => each.kind === "publication");
    const data = () => publications().map((each) => each.data);
    const thread = { broker, members, nodes, link, got, hosted, data };
    this.#threads.push(thread);
    this.#got.set(thread, got);
    return thread;
  }

  /** Adds a thread, whose broker starts. */
  async start(): Promise<TestThread> {
    const thread = this.add();
    const got = this.#got.get(thread)!;
    await thread.broker.start((broadcast) => void got.push(broadcast));
    return thread;
  }

  /** Resolves when all that was sent is handled, and what was sent for that. */
  async settle(): Promise<void> {
    for (const { link, hosted } of this.#threads) {
      await link.ask("members", "");
      await hosted.link.ask("question", { topic: "", data: undefined });
    }
  }

  /** Time passes, with all that happens by itself. */
  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
      this.clock.skip(Math.min(STEP_MS, leftMs));
      this.history.onDue(0);
      for (const { broker } of this.#threads) broker.onDue(0);
    }
    await this.settle();
  }

  [Symbol.dispose](): void {
    for (const { link, hosted } of this.#threads) {
      link.close();
      hosted.link.close();
    }
  }

  readonly #got = new Map<TestThread, Broadcast[]>();

  get #shared() {
    const keeps = (channel: string) => !channel.startsWith("off/");
    return { clock: this.clock, newId: () => crypto.randomUUID(), keeps };
  }
}
