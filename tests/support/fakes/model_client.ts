/**
 * A client as liveness sees it: a stack that answers control pings, and a script that answers app
 * pings and says something of its own now and then. Either can stop without the other.
 *
 * @module
 */

import type { Clock } from "../../../server/base/clock.ts";
import type { Peer, Relay } from "./relay.ts";

/** What its script says by itself. */
export interface Habit {
  readonly text: string;
  readonly everyMs: number;
}

export class ModelClient implements Peer {
  /** Whether its script runs. */
  scriptRuns = true;
  /** What its stack does with a control ping. */
  answer: (payload: Uint8Array) => void;
  readonly #relay: Relay;
  readonly #clock: Clock;

  constructor(relay: Relay, clock: Clock, habit?: Habit) {
    this.#relay = relay;
    this.#clock = clock;
    this.answer = (payload) => relay.upPong(payload);
    relay.peer = this;
    if (habit !== undefined) this.#speak(habit);
  }

  ping(payload: Uint8Array): void {
    this.answer(payload);
  }

  text(text: string): void {
    if (!this.scriptRuns || !text.startsWith('{"type":"ping"')) return;
    const { id, timestamp } = JSON.parse(text);
    this.#relay.up(() => this.#relay.say({ type: "pong", id, timestamp }));
  }

  #speak(habit: Habit): void {
    this.#clock.after(habit.everyMs, () => {
      if (this.scriptRuns) this.#relay.up(() => this.#relay.say(habit.text));
      this.#speak(habit);
    });
  }
}
