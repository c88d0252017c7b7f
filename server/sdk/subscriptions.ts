/**
 * The subscribed channels: who listens to each, the position in it and its members. Decides which
 * messages the user receives: what came before is dropped, and a hole is reported. Knows no socket.
 *
 * @module
 */

import { ChannelMembers } from "./channel_members.ts";
import { ChannelPosition } from "./channel_position.ts";
import { eventOf } from "./emit.ts";
import type { Listener, PublicationEvent } from "./events.ts";
import type { SubscribeOptions } from "./options.ts";
import { platform } from "./platform.ts";
import { type DecodedFrame, HEARTBEAT_ID_PREFIX, type SdkProfile } from "./profile.ts";
import type { Subscription } from "./subscription.ts";

/** What subscriptions need. */
export interface SubscriptionsOptions {
  /** The frames that subscribe. */
  readonly profile: SdkProfile;
  /** Sends frames, if there is a connection. */
  readonly send: (frames: readonly string[]) => void;
  /** Sends a frame whose answer has this id. */
  readonly request: <Result>(frameOf: (id: string) => string) => Promise<Result>;
  /** Dispatches an event of the socket. */
  readonly emit: (event: Event) => void;
}

/** The most members that the hub lists; it only counts more. */
const MAX_LISTED = 1_000;

/** One channel on the wire. */
interface Channel {
  readonly position: ChannelPosition;
  readonly subscriptions: Set<Subscription>;
  /** Of the subscribe frame, where this client is a member. */
  membership?: { readonly presence?: boolean; readonly info: unknown; readonly member: string };
  /** Its members, where changes are wanted. */
  members?: ChannelMembers;
}

/** The channels and their subscriptions. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #channels = new Map<string, Channel>();
  /** Whether the next connection may have refused a subscription: it has no other answer then. */
  #mayLack = false;
  /** This client's name as a member. Not secret, unlike the session of its publications. */
  #member: string | undefined;

  /** Starts without a channel. */
  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Adds a subscription, and subscribes to its channel if it is the first.
   *
   * @throws {TypeError} if there is a listener or an option and the profile has no requests
   * @throws {RangeError} if `last` is no positive integer
   */
  add(
    name: string,
    listener?: Listener<PublicationEvent>,
    options: SubscribeOptions = {},
  ): Subscription {
    const { profile, send } = this.#options;
    const { since, last, presence, info } = options;
    const isReplay = since || last !== undefined;
    const isMember = presence || info !== undefined;
    if (listener || isReplay || isMember) this.#requestOf(name);
    if (last !== undefined && !(Number.isSafeInteger(last) && last > 0)) {
      throw new RangeError(`Cannot subscribe to ${name}: last must be an integer > 0, got ${last}`);
    }
    const known = this.#channels.get(name);
    const channel: Channel = known ?? {
      position: new ChannelPosition(options),
      subscriptions: new Set(),
    };
    const subscription = this.#subscriptionOf(name, channel);
    channel.subscriptions.add(subscription);
    if (listener) subscription.addEventListener("message", listener);
    if (presence) channel.members ??= new ChannelMembers();
    if (isMember) {
      channel.membership = {
        presence: channel.members && true,
        info: info ?? channel.membership?.info,
        member: this.#member ??= platform.randomText(),
      };
    }
    if (!known) {
      this.#channels.set(name, channel);
      send(this.#frames([name]));
      return subscription;
    }
    if (isMember) send([profile.request!("subscribe", name, channel.membership)]); // changes it
    if (isReplay) {
      // What is subscribed is not replayed. The caller can add its listeners before.
      queueMicrotask(() => subscription.dispatchEvent(eventOf("gap", { channel: name })));
    }
    return subscription;
  }

  /** Ends all subscriptions of a channel. @param frames end it on the wire */
  remove(name: string, frames: readonly string[]): void {
    this.#channels.get(name)?.subscriptions.clear();
    if (this.#channels.delete(name)) this.#options.send(frames);
  }

  /** The frames that restore the subscriptions on a new connection. @param isNext beside another one */
  restore(isNext: boolean): readonly string[] {
    this.#mayLack = false;
    return this.#frames([...this.#channels.keys()], isNext);
  }

  /** The frames that ask again for the subscriptions that have no answer. */
  restoreLeft(): readonly string[] {
    const left = [...this.#channels].filter(([, { position }]) => position.isPending);
    return this.#frames(left.map(([name]) => name));
  }

  /** Whether all was received that the answers on the next connection promise. */
  get isCaughtUp(): boolean {
    return [...this.#channels.values()].every(({ position }) => position.isCaughtUp(this.#mayLack));
  }

  /** The next connection takes over. @returns frames that ask again for what it has refused */
  takeOver(): readonly string[] {
    for (const [name, channel] of this.#channels) {
      if (channel.position.takeOver()) this.#emit(channel, "gap", { channel: name });
      this.#list(name, channel);
    }
    return this.#mayLack ? this.restoreLeft() : [];
  }

  /**
   * Takes a frame. The socket's `message` event is not for what came before, and for answers.
   *
   * @param isNext whether it is of the next connection: then only messages count that are here first
   */
  received(event: MessageEvent, frame: DecodedFrame | undefined, isNext: boolean): void {
    if (frame?.kind === "answer" && !frame.error) return;
    if (isNext && (!frame || frame.kind === "busy")) this.#mayLack = true; // an error
    const { emit } = this.#options;
    const { data, origin } = event;
    const deliver = () => emit(new MessageEvent("message", { data, origin }));
    if (frame?.kind !== "channel") return deliver();
    const channel = this.#channels.get(frame.channel);
    if (isNext && !channel?.position.isNext(frame)) return;
    if (!channel) return deliver();
    const { position, members } = channel;
    const { channel: name, type, offset, timestamp, reason, count } = frame;
    if (type === "message") {
      const order = position.receive(offset);
      if (order === "repeated") return;
      if (order === "hole") this.#emit(channel, "gap", { channel: name });
      deliver();
      dispatch(channel, () => {
        const publication = new MessageEvent("message", { data: frame.data, origin });
        return Object.assign(publication, { channel: name, offset, timestamp });
      });
    } else {
      deliver();
      if (type in position) { // those of members have no place there
        if (position[type as "gap"](frame)) this.#emit(channel, "gap", { channel: name });
        if (type === "unsubscribed" && reason) {
          const ended = [...channel.subscriptions];
          this.remove(name, []); // before a listener subscribes anew
          for (const subscription of ended) {
            subscription.dispatchEvent(eventOf(type, { channel: name, reason: `${reason}` }));
          }
        }
      } else {
        members?.received(frame, (event, { type: _, ...fields }) => {
          dispatch(channel, () => eventOf(event, { ...fields, channel: name }));
        });
      }
      const isListed = type === "subscribed" || (type === "members" && count! <= MAX_LISTED);
      if (isListed) this.#list(name, channel);
    }
    if (this.#channels.get(name) !== channel) return; // a listener has unsubscribed
    const replayed = position.recovered();
    if (replayed !== undefined) {
      this.#emit(channel, "recovered", { channel: name, count: replayed });
    }
  }

  #subscriptionOf(name: string, channel: Channel): Subscription {
    const ask = (type: "history" | "presence") => (fields?: object) => {
      const frameOf = this.#requestOf(name);
      return this.#options.request((id) => frameOf(type, name, { ...fields, id }));
    };
    const end = () => this.#leave(name, channel, subscription);
    const subscription = Object.assign(new EventTarget(), {
      channel: name,
      history: ask("history"),
      presence: ask("presence"),
      unsubscribe: end,
      [Symbol.dispose]: end,
    }) as unknown as Subscription;
    Object.defineProperty(subscription, "position", { get: () => channel.position.current });
    return subscription;
  }

  /** Asks for the members. This id is not awaited: the answer is a frame about the channel. */
  #list(name: string, { members }: Channel): void {
    const { profile, send } = this.#options;
    if (members) send([profile.request!("presence", name, { id: HEARTBEAT_ID_PREFIX })]);
  }

  #frames(names: readonly string[], isNext = false): readonly string[] {
    const { request, subscribe } = this.#options.profile;
    if (!request) return subscribe?.(names) ?? [];
    return names.map((name) => {
      const { position, membership } = this.#channels.get(name)!;
      return request("subscribe", name, { ...position.request(isNext), ...membership });
    });
  }

  /** @throws {TypeError} if the profile has none */
  #requestOf(name: string): NonNullable<SdkProfile["request"]> {
    const { request } = this.#options.profile;
    if (request) return request;
    throw new TypeError(`Cannot use ${name}: listeners and options are for json alone`);
  }

  #leave(name: string, channel: Channel, subscription: Subscription): void {
    const { subscriptions } = channel;
    if (!subscriptions.delete(subscription) || subscriptions.size > 0) return;
    this.remove(name, this.#options.profile.unsubscribe?.([name]) ?? []);
  }

  /** To the socket's listeners, then to the subscriptions'. */
  #emit(
    channel: Channel,
    type: "gap" | "recovered",
    details: { channel: string; count?: number },
  ): void {
    const event = () => eventOf(type, details as { channel: string; count: number });
    this.#options.emit(event());
    dispatch(channel, event);
  }
}

/** An event can be dispatched only once: each subscription gets its own. */
function dispatch({ subscriptions }: Channel, event: () => Event): void {
  for (const subscription of [...subscriptions]) {
    if (subscriptions.has(subscription)) subscription.dispatchEvent(event());
  }
}
