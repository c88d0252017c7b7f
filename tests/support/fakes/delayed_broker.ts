/**
 * A broker whose engine is somewhere else: it carries requests out in their order, and answers in any,
 * when a test says so.
 *
 * @module
 */

import {
  type Broker,
  type ChannelHistory,
  type Deliver,
  type Placed,
  Unavailable,
} from "../../../server/brokers/broker.ts";
import type { Publication, Relay } from "../../../server/message.ts";

export class DelayedBroker implements Broker {
  /** Whether requests that are carried out from now on fail. */
  isAway = false;
  /** Called after each request. */
  onRequest: () => void = () => {};
  readonly #engine: Broker;
  readonly #random: () => number;
  /** On their way to the engine. */
  readonly #requests: (() => void)[] = [];
  /** On their way back. */
  readonly #answers: (() => void)[] = [];

  /** @param engine answers at once @param random chooses what comes next, in [0, 1) */
  constructor(engine: Broker, random: () => number = Math.random) {
    this.#engine = engine;
    this.#random = random;
  }

  /** Requests and answers on their way. */
  get waiting(): number {
    return this.#requests.length + this.#answers.length;
  }

  /** Carries out the next request, or lets any answer arrive. */
  step(): void {
    const isRequest = this.#requests.length > 0;
    const at = Math.floor(this.#random() * (this.#answers.length + (isRequest ? 1 : 0)));
    if (at < this.#answers.length) this.#answers.splice(at, 1)[0]();
    else this.#requests.shift()?.();
  }

  /** Lets all that waits arrive. */
  settle(): void {
    while (this.waiting > 0) this.step();
  }

  start(deliver: Deliver): Promise<void> {
    return this.#engine.start(deliver);
  }

  publish(publication: Publication, key?: string): Promise<Placed> {
    return this.#later(() => this.#engine.publish(publication, key));
  }

  relay(relay: Relay): void {
    this.#engine.relay(relay);
  }

  subscribe(channel: string): Promise<ChannelHistory | undefined> {
    return this.#later(() => this.#engine.subscribe(channel));
  }

  unsubscribe(channel: string): void {
    this.#requests.push(() => this.#engine.unsubscribe(channel));
    this.onRequest();
  }

  history(channel: string): Promise<ChannelHistory | undefined> {
    return this.#later(() => this.#engine.history(channel));
  }

  clear(channel: string): Promise<boolean> {
    return this.#later(() => this.#engine.clear(channel));
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #later<T>(carryOut: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#requests.push(() => {
        if (this.isAway) {
          this.#answers.push(() => reject(new Unavailable("the engine is away")));
          return;
        }
        const answer = carryOut();
        this.#answers.push(() => resolve(answer));
      });
      this.onRequest();
    });
  }
}
