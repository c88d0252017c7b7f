/**
 * What threads ask and tell each other, by way of the main thread.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Answers, LostNode, Nodes } from "../brokers/nodes.ts";
import type { HostedThread } from "./hub_host.ts";
import type { Item, PortLink } from "./port_link.ts";

/** How long an answer may take, ms. */
const ANSWER_MS = 1_000;

/** What is said about a topic. */
interface Said {
  readonly topic: string;
  readonly data: unknown;
}

const NO_ANSWERS: Answers = { answers: [], missing: [] };

/** The end of a thread. */
export class HostedNodes implements Nodes {
  readonly id: string;
  /** Never called: the main thread probes the thread itself. */
  connections = (): number => 0;
  onLost: (lost: LostNode) => void = () => {};
  /** Never called: no thread is taken for lost that is not. */
  onReturned = (): void => {};
  readonly #link: PortLink;
  readonly #topics = new Map<string, (data: never) => unknown>();

  constructor(id: string, link: PortLink) {
    this.id = id;
    this.#link = link;
    link.on("lost", ([, lost]: Item) => this.onLost(lost as LostNode));
    link.serve("question", ({ topic, data }: Said) => this.#topics.get(topic)?.(data as never));
    link.on("told", ([, topic, data]: Item) => this.#topics.get(topic as string)?.(data as never));
  }

  ask(topic: string, data: unknown): Promise<Answers> {
    return this.#link.ask<Answers>("ask", { topic, data }).catch(() => NO_ANSWERS);
  }

  tell(topic: string, data: unknown): void {
    this.#link.send(["tell", topic, data]);
  }

  answer(topic: string, answer: (data: never) => unknown): void {
    this.#topics.set(topic, answer);
  }
}

/** The end of the main thread. */
export class NodesHost {
  readonly #clock: Pick<Clock, "after">;
  readonly #threads = new Set<HostedThread>();
  /** Lost threads that no other thread has been told of. */
  #untold: LostNode[] = [];

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  /** Takes what a thread asks and tells from now on, which serves clients. */
  attach(thread: HostedThread): void {
    this.#threads.add(thread);
    for (const lost of this.#untold) thread.link.send(["lost", lost]);
    this.#untold = [];
    thread.link.serve("ask", (said: Said) => this.#ask(thread, said));
    thread.link.on("tell", ([, topic, data]: Item) => {
      for (const { link } of this.#others(thread)) link.send(["told", topic, data]);
    });
  }

  /** A thread is gone, and had so many connections. */
  detach(thread: HostedThread, connections: number): void {
    if (!this.#threads.delete(thread)) return;
    const lost = { node: thread.node, connections };
    const [other] = this.#threads;
    if (other === undefined) this.#untold.push(lost);
    else other.link.send(["lost", lost]);
  }

  async #ask(own: HostedThread, said: Said): Promise<Answers> {
    const given = await askAll(this.#others(own), { topic: "question", data: said }, this.#clock);
    const answers = given.map(({ thread: { node }, answer }) => ({ node, answer }));
    const missing = this.#others(own).map(({ node }) => node)
      .filter((node) => !answers.some((each) => each.node === node));
    return { answers, missing };
  }

  #others(own: HostedThread): HostedThread[] {
    return [...this.#threads].filter((thread) => thread !== own);
  }
}

/** Asks several threads. @returns the answers that came in time */
export async function askAll<T, Thread extends HostedThread = HostedThread>(
  threads: readonly Thread[],
  { topic, data }: Said,
  clock: Pick<Clock, "after">,
): Promise<{ readonly thread: Thread; readonly answer: T }[]> {
  const answers: { thread: Thread; answer: T }[] = [];
  let cancel = () => {};
  const late = new Promise<void>((resolve) => cancel = clock.after(ANSWER_MS, resolve));
  const asked = threads.map((thread) =>
    thread.link.ask<T>(topic, data).then(
      (answer) => void answers.push({ thread, answer }),
      () => {},
    )
  );
  await Promise.race([Promise.all(asked), late]);
  cancel();
  return [...answers];
}
