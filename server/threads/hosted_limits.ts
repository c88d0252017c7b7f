/**
 * The limits of keys and the admissions that hold for all threads: the main thread counts.
 *
 * @module
 */

import { type AdmissionRate, UnlimitedAdmission } from "../brokers/admission_rate.ts";
import type { MemoryLimits } from "../brokers/memory_limits.ts";
import type { CountRequest, Share, SharedLimits, ShareRequest } from "../brokers/shared_limits.ts";
import type { HostedThread } from "./hub_host.ts";
import type { PortLink } from "./port_link.ts";

/** A request about a key, or about another name. */
type About<Request> = readonly [name: string, request: Request];

/** The end of a thread. */
export class HostedLimits implements SharedLimits {
  readonly #link: PortLink;

  constructor(link: PortLink) {
    this.#link = link;
  }

  count(key: string, request: CountRequest): Promise<boolean | undefined> {
    return this.#ask("count connections", [key, request]);
  }

  take(name: string, request: ShareRequest): Promise<Share | undefined> {
    return this.#ask("take messages", [name, request]);
  }

  #ask<T>(topic: string, about: About<CountRequest | ShareRequest>): Promise<T | undefined> {
    return this.#link.ask<T>(topic, about).catch(() => undefined);
  }
}

/** The end of a thread. Once the port is closed, which ends the thread, it admits all. */
export class HostedAdmissionRate implements AdmissionRate {
  readonly #link: PortLink;
  readonly #alone: UnlimitedAdmission;

  /** @param random in [0, 1) */
  constructor(link: PortLink, random: () => number) {
    this.#link = link;
    this.#alone = new UnlimitedAdmission(random);
  }

  admit(): Promise<number> {
    return this.#link.ask<number>("admit", undefined).catch(() => this.#alone.admit());
  }

  giveBack(): void {
    this.#link.send(["give back"]);
  }

  slots(count: number): Promise<readonly number[]> {
    return this.#link.ask<number[]>("slots", count).catch(() => this.#alone.slots(count));
  }
}

/** The end of the main thread. */
export class LimitsHost {
  readonly #limits: MemoryLimits;
  readonly #rate: AdmissionRate;

  constructor(limits: MemoryLimits, rate: AdmissionRate) {
    this.#limits = limits;
    this.#rate = rate;
  }

  /** Answers what a thread asks from now on. */
  attach({ link, node }: HostedThread): void {
    const limits = this.#limits.of(node);
    link.serve("count connections", (about: About<CountRequest>) => limits.count(...about));
    link.serve("take messages", (about: About<ShareRequest>) => limits.take(...about));
    link.serve("admit", () => this.#rate.admit());
    link.on("give back", () => this.#rate.giveBack());
    link.serve("slots", (count: number) => this.#rate.slots(count));
  }

  /** A thread is gone. */
  detach({ node }: HostedThread): void {
    this.#limits.gone(node);
  }
}
