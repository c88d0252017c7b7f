/**
 * Subscriptions whose channel the broker has not joined yet. Each waits for the broker's answer, and
 * its client's requests with it. Until then the fan-out leaves it out: it begins with the
 * channel's position at that moment.
 *
 * Called by the hub alone.
 *
 * @module
 */

import type { Membership, Replay } from "../message.ts";
import type { LeftOut } from "./left_out.ts";
import type { Subscriber } from "./subscription_registry.ts";

/** A request that is answered when its subscription begins. */
export interface JoinRequest {
  readonly ack: string;
  /** Names it in a denial. */
  readonly ref: string | undefined;
  /** What it says of its member; undefined: the subscription is that of none. */
  readonly membership: Membership | undefined;
}

/** A subscription that waits, or one that has begun and is asked for again. */
export interface Join {
  readonly subscriber: Subscriber;
  readonly channel: string;
  /** Whether it has begun: then it is not left out. */
  readonly hasBegun: boolean;
  /** What it begins with. */
  readonly replay: Replay | undefined;
  /** The first one, and those that repeat it. */
  readonly requests: JoinRequest[];
}

export class Joins {
  readonly #leftOut: LeftOut;
  readonly #bySubscriber = new Map<Subscriber, Map<string, Join>>();

  constructor(leftOut: LeftOut) {
    this.#leftOut = leftOut;
  }

  /** The subscription of a connection to a channel, if it waits. */
  of(subscriber: Subscriber, channel: string): Join | undefined {
    return this.#bySubscriber.get(subscriber)?.get(channel);
  }

  begin(join: Join): void {
    const { subscriber, channel } = join;
    const joins = this.#bySubscriber.get(subscriber);
    if (joins === undefined) this.#bySubscriber.set(subscriber, new Map([[channel, join]]));
    else joins.set(channel, join);
    if (!join.hasBegun) this.#leftOut.add(subscriber, channel);
  }

  /** It waits no more. @returns false when it has ended already */
  end(join: Join): boolean {
    const { subscriber, channel, hasBegun } = join;
    if (this.of(subscriber, channel) !== join) return false;
    const joins = this.#bySubscriber.get(subscriber)!;
    joins.delete(channel);
    if (joins.size === 0) this.#bySubscriber.delete(subscriber);
    if (!hasBegun) this.#leftOut.remove(subscriber, channel);
    return true;
  }

  /** Ends all of a connection. */
  remove(subscriber: Subscriber): void {
    for (const join of this.#bySubscriber.get(subscriber)?.values() ?? []) this.end(join);
  }
}
