/**
 * The subscribed channels: who listens to each, and the position in it. Decides which messages the
 * user receives: what came before is dropped, and a hole is reported. Knows no socket.
 *
 * @module
 */

import { ChannelPosition } from "./channel_position.ts";
import { ChannelSubscription } from "./channel_subscription.ts";
import { eventOf } from "./emit.ts";
import type { Listener, PublicationEvent } from "./events.ts";
import type { SubscribeOptions } from "./options.ts";
import type { DecodedFrame, SdkProfile } from "./profile.ts";
import type { Subscription } from "./subscription.ts";

/** What subscriptions need. */
export interface SubscriptionsOptions {
  /** The frames that subscribe. */
  readonly profile: SdkProfile;
  /** Sends frames, if there is a connection. */
  readonly send: (frames: readonly string[]) => void;
  /** Dispatches an event of the socket. */
  readonly emit: (event: Event) => void;
}

/** One channel on the wire. */
interface Channel {
  readonly position: ChannelPosition;
  readonly subscriptions: Set<ChannelSubscription>;
}

/** The channels and their subscriptions. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #channels = new Map<string, Channel>();
  /** Whether a subscription has had a listener: it gets long messages, too. */
  #hasListeners = false;

  /** Starts without a channel. */
  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Adds a subscription, and subscribes to its channel if it is the first.
   *
   * @throws {TypeError} if there is a listener or an option and the profile's messages have no position
   * @throws {RangeError} if `last` is no positive integer
   */
  add(
    name: string,
    listener?: Listener<PublicationEvent>,
    options: SubscribeOptions = {},
  ): Subscription {
    const { profile, send } = this.#options;
    const { since, last } = options;
    const isReplay = since !== undefined || last !== undefined;
    if ((listener || isReplay) && profile.resume === undefined) {
      throw new TypeError(`Cannot subscribe to ${name}: listeners and options are for json alone`);
    }
    if (last !== undefined && !(Number.isSafeInteger(last) && last > 0)) {
      throw new RangeError(`Cannot subscribe to ${name}: last must be an integer > 0, got ${last}`);
    }
    const known = this.#channels.get(name);
    const channel = known ?? { position: new ChannelPosition(options), subscriptions: new Set() };
    const subscription = new ChannelSubscription(name, {
      position: () => channel.position.current,
      unsubscribe: () => this.#leave(name, channel, subscription),
      listened: () => this.#hasListeners = true,
    });
    channel.subscriptions.add(subscription);
    const typed = subscription as unknown as Subscription;
    if (listener) typed.addEventListener("message", listener);
    if (known === undefined) {
      this.#channels.set(name, channel);
      send(this.#frames([name]));
    } else if (isReplay) {
      // What is subscribed is not replayed. The caller can add its listeners before.
      queueMicrotask(() => subscription.dispatchEvent(eventOf("gap", { channel: name })));
    }
    return typed;
  }

  /** Ends all subscriptions of a channel. @param frames end it on the wire */
  remove(name: string, frames: readonly string[]): void {
    this.#channels.get(name)?.subscriptions.clear();
    if (this.#channels.delete(name)) this.#options.send(frames);
  }

  /** The frames that restore the subscriptions on a new connection. */
  restore(): readonly string[] {
    return this.#frames([...this.#channels.keys()]);
  }

  /** Takes a frame. @param deliver fires the socket's `message` event; not called if it came before */
  received(event: MessageEvent, decoded: DecodedFrame | undefined, deliver: () => void): void {
    const frame = decoded ?? this.#decodeLong(event.data);
    const channel = frame?.kind === "channel" ? this.#channels.get(frame.channel) : undefined;
    if (frame?.kind !== "channel" || channel === undefined) return deliver();
    const { position } = channel;
    if (frame.type === "message") {
      const { offset, data, timestamp } = frame;
      const order = position.receive(offset);
      if (order === "repeated") return;
      if (order === "hole") this.#emit(channel, () => eventOf("gap", { channel: frame.channel }));
      deliver();
      dispatch(channel, () => {
        const publication = new MessageEvent("message", { data, origin: event.origin });
        return Object.assign(publication, { channel: frame.channel, offset, timestamp });
      });
    } else {
      deliver();
      if (position[frame.type](frame)) {
        this.#emit(channel, () => eventOf("gap", { channel: frame.channel }));
      }
    }
    if (this.#channels.get(frame.channel) !== channel) return; // a listener has unsubscribed
    const count = position.recovered();
    if (count === undefined) return;
    this.#emit(channel, () => eventOf("recovered", { channel: frame.channel, count }));
  }

  /** Long text is parsed only if it may have an offset, or a listener wants its data. */
  #decodeLong(data: unknown): DecodedFrame | undefined {
    if (this.#channels.size === 0 || typeof data !== "string") return;
    if (!this.#hasListeners && !data.includes('"offset"')) return;
    return this.#options.profile.decodeLong?.(data);
  }

  #frames(names: readonly string[]): readonly string[] {
    const { resume, subscribe } = this.#options.profile;
    if (resume === undefined) return subscribe?.(names) ?? [];
    return names.map((name) => resume(name, this.#channels.get(name)!.position.request()));
  }

  #leave(name: string, channel: Channel, subscription: ChannelSubscription): void {
    const { subscriptions } = channel;
    if (!subscriptions.delete(subscription) || subscriptions.size > 0) return;
    this.remove(name, this.#options.profile.unsubscribe?.([name]) ?? []);
  }

  /** To the socket's listeners, then to the subscriptions'. */
  #emit(channel: Channel, event: () => Event): void {
    this.#options.emit(event());
    dispatch(channel, event);
  }
}

/** An event can be dispatched only once: each subscription gets its own. */
function dispatch({ subscriptions }: Channel, event: () => Event): void {
  for (const subscription of [...subscriptions]) {
    const isListening = subscription.hasListeners && subscriptions.has(subscription);
    if (isListening) subscription.dispatchEvent(event());
  }
}
