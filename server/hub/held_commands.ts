/**
 * The commands of publishers that wait at the gate, each publisher's in order: an answer never overtakes
 * the one to an earlier request. While it waits nothing more is read from its socket.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Command } from "../message.ts";
import { type PublishGate, relayTarget } from "./publish_gate.ts";
import type { Subscriber } from "./subscription_registry.ts";

interface HeldCommand {
  readonly command: Command;
  /** When it came, monotonic. */
  readonly sinceMs: number;
}

export interface HeldCommandsOptions {
  readonly gate: PublishGate;
  readonly clock: Clock;
  /** Carries out a command. */
  readonly execute: (subscriber: Subscriber, command: Command) => void;
  /** Tells a publisher that its publication is not delivered. */
  readonly refuse: (subscriber: Subscriber, command: Command) => void;
}

export class HeldCommands {
  readonly #options: HeldCommandsOptions;
  readonly #held = new Map<Subscriber, HeldCommand[]>();

  constructor(options: HeldCommandsOptions) {
    this.#options = options;
  }

  /** Holds a command where it has to wait. On the frame path. @returns whether it does */
  hold(subscriber: Subscriber, command: Command): boolean {
    const held = this.#held.size === 0 ? undefined : this.#held.get(subscriber);
    if (held !== undefined) {
      held.push({ command, sinceMs: this.#options.clock.now() });
      return true;
    }
    const target = targetOf(subscriber, command);
    if (target === undefined || !this.#options.gate.isHolding(target)) return false;
    this.#held.set(subscriber, [{ command, sinceMs: this.#options.clock.now() }]);
    subscriber.pauseReading();
    if (!this.#wait(subscriber, target)) this.#goOn(subscriber, this.#options.refuse);
    return true;
  }

  /** The first one waits at the gate. @returns false when it is refused at once */
  #wait(subscriber: Subscriber, target: string): boolean {
    const [{ sinceMs }] = this.#held.get(subscriber)!;
    return this.#options.gate.hold(target, {
      sinceMs,
      admit: () => this.#goOn(subscriber, this.#options.execute),
      refuse: () => this.#goOn(subscriber, this.#options.refuse),
    });
  }

  /**
   * The first one is decided, and what follows is carried out up to the next publication that has to
   * wait; for a connection that has ended, too: it had been sent before.
   */
  #goOn(subscriber: Subscriber, decide: HeldCommandsOptions["execute"]): void {
    const { gate, execute, refuse } = this.#options;
    const held = this.#held.get(subscriber)!;
    decide(subscriber, held.shift()!.command);
    while (held.length > 0) {
      const [{ command }] = held;
      const target = targetOf(subscriber, command);
      const mustWait = target !== undefined && gate.isHolding(target);
      if (mustWait && this.#wait(subscriber, target)) return;
      held.shift();
      if (mustWait) refuse(subscriber, command);
      else execute(subscriber, command);
    }
    this.#held.delete(subscriber);
    subscriber.resumeReading();
  }
}

/** Where a command waits when readers are behind; undefined: nowhere. */
function targetOf(subscriber: Subscriber, command: Command): string | undefined {
  if (command.kind === "publish") return command.channel;
  return command.kind === "relay" ? relayTarget(subscriber.profile.name) : undefined;
}
