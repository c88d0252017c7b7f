/**
 * The nodes of a hub on one Redis: questions and what is told are published to all, answers to the node
 * that has asked.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import type { Logger } from "../logging/logging.ts";
import type { HubKeys } from "../redis/keys.ts";
import { Leases, RENEW_MS } from "./leases.ts";
import type { Answers, LostNode, Nodes } from "./nodes.ts";
import type { RedisEngines } from "./redis_engines.ts";

/** How long an answer may take, ms. */
const ANSWER_MS = 1_000;

/** How long it may take to say that this node leaves, ms: a shutdown waits for it. */
const LEAVE_MS = 200;

/** How long Redis keeps the counters without a node that renews its own, ms. */
const KEPT_MS = 60_000;

/** What nodes say. */
type Said =
  | { readonly kind: "question"; readonly id: number; readonly topic: string; readonly data: never }
  | { readonly kind: "told"; readonly topic: string; readonly data: never }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown };

interface Question {
  readonly answers: Map<string, unknown>;
  /** How many others have got it; undefined: Redis has not said yet. */
  receivers: number | undefined;
  readonly finish: () => void;
}

export interface RedisPeersOptions {
  /** The name of this node. */
  readonly id: string;
  readonly clock: Clock;
  readonly keys: HubKeys;
  readonly engines: Pick<RedisEngines, "of">;
  readonly log: Logger;
  /** A node is lost, or has left. */
  readonly onGone: (node: string) => void;
  /** The others have taken this node for lost, or did not know it: they pass over what it had. */
  readonly repeat: () => void;
}

export class RedisPeers implements Nodes {
  connections: () => number = () => 0;
  onLost: (lost: LostNode) => void = () => {};
  onReturned: () => void = () => {};
  readonly #options: RedisPeersOptions;
  readonly #leases = new Leases();
  readonly #topics = new Map<string, (data: never) => unknown>();
  readonly #questions = new Map<number, Question>();
  #asked = 0;
  #renewals = 0;
  /** The run of the primary that has answered last: another one may have old counters. */
  #run: string | undefined;
  #cancel: Cancel = () => {};

  constructor(options: RedisPeersOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  /** How many nodes are alive, this one included. */
  get count(): number {
    return this.#others().length + 1;
  }

  /** Begins to renew the lease; the first time at once. */
  start(): void {
    this.#cancel = this.#options.clock.after(RENEW_MS, () => this.start());
    void this.#renew();
  }

  /** Another node has said something. */
  heard(node: string): void {
    this.#leases.heard(node, this.#options.clock.now());
  }

  /** This node leaves. */
  async close(): Promise<void> {
    const { engines, clock, keys, id } = this.#options;
    const engine = engines.of(keys.leases);
    this.#cancel();
    for (const { finish } of this.#questions.values()) finish();
    if (engine.run === undefined) return;
    const said = engine.commands.removeNode(keys.leases, keys.counts, id).catch(() => {});
    await new Promise<void>((resolve) => {
      const cancel = clock.after(LEAVE_MS, resolve);
      void said.then(() => {
        cancel();
        resolve();
      });
    });
  }

  answer(topic: string, answer: (data: never) => unknown): void {
    this.#topics.set(topic, answer);
  }

  tell(topic: string, data: unknown): void {
    this.#say(this.#options.keys.nodes, { kind: "told", topic, data: data as never })?.catch(
      () => {},
    );
  }

  async ask(topic: string, data: unknown): Promise<Answers> {
    const id = ++this.#asked;
    const answers = new Map<string, unknown>();
    await new Promise<void>((resolve) => {
      const finish = () => {
        cancel();
        this.#questions.delete(id);
        resolve();
      };
      const cancel = this.#options.clock.after(ANSWER_MS, finish);
      const question: Question = { answers, receivers: undefined, finish };
      this.#questions.set(id, question);
      this.#say(this.#options.keys.nodes, { kind: "question", id, topic, data: data as never })
        ?.then(
          (receivers) => {
            question.receivers = receivers - 1;
            this.#finishIfComplete(question);
          },
          finish,
        ) ?? finish();
    });
    return {
      answers: Array.from(answers, ([node, answer]) => ({ node, answer })),
      missing: this.#others().filter((node) => !answers.has(node)),
    };
  }

  /** Something was said. @param text as it was published */
  receive(text: string): void {
    const { from, ...said }: Said & { readonly from: string } = JSON.parse(text);
    if (from === this.id) return;
    if (said.kind === "answer") {
      const question = this.#questions.get(said.id);
      question?.answers.set(from, said.answer);
      if (question !== undefined) this.#finishIfComplete(question);
      return;
    }
    const answer = this.#topics.get(said.topic);
    if (answer === undefined) return;
    if (said.kind === "told") answer(said.data);
    else void this.#reply(from, { id: said.id, answer: answer(said.data) });
  }

  async #reply(to: string, { id, answer }: { id: number; answer: unknown }): Promise<void> {
    const { log, keys } = this.#options;
    try {
      await this.#say(`${keys.nodes}:${to}`, { kind: "answer", id, answer: await answer });
    } catch (error) {
      log.warning("a question of another node was not answered", { error });
    }
  }

  /** @returns how many nodes have got it, undefined while Redis is away */
  #say(name: string, said: Said): Promise<number> | undefined {
    const engine = this.#options.engines.of(name);
    if (engine.run === undefined) return undefined;
    return engine.publish(name, JSON.stringify({ from: this.id, ...said }));
  }

  #finishIfComplete({ answers, receivers, finish }: Question): void {
    const isComplete = receivers !== undefined && answers.size >= receivers &&
      this.#others().every((node) => answers.has(node));
    if (isComplete) finish();
  }

  #others(): string[] {
    return [...this.#leases.alive].filter((node) => node !== this.id);
  }

  async #renew(): Promise<void> {
    const { engines, clock, keys, id, onGone, repeat } = this.#options;
    const engine = engines.of(keys.leases);
    if (engine.run !== this.#run) this.#leases.interrupted();
    this.#run = engine.run;
    if (engine.run === undefined) return;
    try {
      const names = [keys.leases, keys.counts];
      this.#leases.ask();
      const pairs = await engine.commands.renewLease(...names, id, this.connections(), KEPT_MS);
      const counters = new Map<string, string>();
      for (let i = 0; i < pairs.length; i += 2) counters.set(pairs[i], pairs[i + 1]);
      if (counters.get(id) === "1") {
        repeat();
        if (this.#renewals++ > 0) this.onReturned();
      }
      const { lost, left } = this.#leases.observe(counters, clock.now());
      for (const node of [...lost, ...left]) onGone(node);
      for (const node of lost) {
        const count = await engine.commands.removeNode(...names, node);
        const connections = count === null ? undefined : Number(count);
        this.#options.log.warning("a node is lost", { node, connections });
        // Another one may have been first.
        if (connections !== undefined) this.onLost({ node, connections });
      }
    } catch {
      this.#leases.interrupted();
    }
  }
}
