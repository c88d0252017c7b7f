/**
 * Who is on a channel. A member is a user and a name: it joins with its first subscription, of whichever
 * connection, and leaves when it has had none for PRESENCE_GRACE_MS, however the last one ended. Members
 * without a subscription take at most MAX_LEAVING_BYTES: beyond that the first to leave leaves early.
 *
 * Where the hub has several nodes, each tells the others which members it has, those in their grace
 * included, and knows theirs on the channels that it has subscribers for. A member is there as long as any
 * node has it; what a node had that is lost, or that the engine does not name any more, has its grace here.
 *
 * A connection without a membership costs nothing here. Called by the hub alone, but for the wheel,
 * which makes it call `check()`: a return that waits in the mailbox comes before that.
 *
 * @module
 */

import { subjectOf } from "../auth/tokens.ts";
import type { Clock } from "../base/clock.ts";
import type {
  MembersListener,
  NodeMember,
  SharedMember,
  SharedMembers,
} from "../brokers/shared_members.ts";
import { TICK_MS, type TimerTask, type Wheel, type WheelEntry } from "../liveness/wheel.ts";
import type { Member, Membership, PresenceList, PresenceNotice } from "../message.ts";
import type { Profile } from "../profiles/profile.ts";
import { textFrame } from "../transport/text_frame.ts";
import type { Subscriber } from "./subscription_registry.ts";

/** Members that a list has at most; of a channel with more, changes are told by their number. */
const MAX_LISTED = 1_000;

/** From one number of members to the next, ms. */
const COUNT_PERIOD_MS = 1_000;

/** What a member takes beside its texts; measured 500. */
const MEMBER_BYTES = 512;

/** What all members without a subscription take at most. */
const MAX_LEAVING_BYTES = 67_108_864;

/** Frames queued by one check, before other messages to the hub get their turn. */
const MAX_WORK = 4_096;

/** A subscription of a member. */
interface MemberSubscription {
  readonly member: ChannelMember;
  readonly clientId: string;
  readonly info: string;
}

/** A member of one channel. */
interface ChannelMember {
  readonly channel: MemberChannel;
  readonly key: string;
  readonly user: string | null;
  readonly name: string;
  /** Since when, wall-clock ms. */
  sinceMs: number;
  /** In the order of subscribing. */
  subscriptions: MemberSubscription[];
  /** Whether other nodes know that this one has it. */
  isShared: boolean;
  /** What other nodes that have it know of it; made with the first one. */
  elsewhere: Map<string, SharedMember> | undefined;
  /** Of the last of them; of the one that ended last, while there is none. */
  clientId: string;
  info: string;
  /** When it leaves, time on the wheel, while it has no subscription. */
  leavesAtMs: number;
}

/** A channel that has members. */
interface MemberChannel {
  readonly name: string;
  /** By their keys, in the order of joining. */
  readonly members: Map<string, ChannelMember>;
  /** Who is told of changes; made with the first one. */
  notified: Set<Subscriber> | undefined;
  /** The last number that was told, and when, time on the wheel. */
  toldCount: number;
  toldMs: number;
}

export interface PresenceOptions {
  readonly clock: Pick<Clock, "wall">;
  readonly wheel: Wheel;
  /** How long a member stays without a subscription, ms. */
  readonly presenceGraceMs: number;
  /** Makes the hub call `check()` after what it does now. */
  readonly requestCheck: () => void;
  /** Where the hub has several nodes. */
  readonly sharedMembers?: Pick<SharedMembers, "put" | "remove">;
}

export class Presence implements TimerTask, MembersListener {
  /** After a stall, connections that return may not have been read yet. */
  readonly expires = true;
  readonly #options: PresenceOptions;
  readonly #channels = new Map<string, MemberChannel>();
  readonly #subscriptions = new Map<Subscriber, Map<string, MemberSubscription>>();
  /** Members without a subscription, the first to leave first. */
  readonly #leaving = new Set<ChannelMember>();
  /** Channels with a number that is still to be told. */
  readonly #untold = new Set<MemberChannel>();
  #leavingBytes = 0;
  #size = 0;
  #leftEarly = 0;
  #isCheckRequested = false;
  /** Whether this node does not reach the others. */
  #isApart = false;
  #entry: WheelEntry | undefined;
  /** When the wheel calls, time on the wheel. */
  #dueMs = Infinity;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Members of all channels, those included that may still return. */
  get size(): number {
    return this.#size;
  }

  /** Members since the start that have left before their time. */
  get leftEarly(): number {
    return this.#leftEarly;
  }

  /**
   * Makes a subscription that of a member, or of another one.
   *
   * @param membership undefined: it is that of none from now on
   * @returns how much work it was
   */
  set(subscriber: Subscriber, channel: string, membership: Membership | undefined): number {
    if (membership === undefined) {
      this.end(subscriber, channel);
      return 0;
    }
    const subscriptions = this.#subscriptionsOf(subscriber);
    const before = subscriptions.get(channel);
    const user = subjectOf(subscriber.keyId) ?? null;
    const name = membership.member ?? subscriber.id;
    const { size } = this;
    const member = this.#memberOf(channel, user, name);
    const isNew = this.size > size;
    const subscription = { member, clientId: subscriber.id, info: membership.info };
    subscriptions.set(channel, subscription);
    this.#attach(subscription);
    if (before !== undefined) this.#detach(before);
    if (membership.isNotified) (member.channel.notified ??= new Set()).add(subscriber);
    else member.channel.notified?.delete(subscriber);
    return isNew ? this.#announce("joined", member) : 0;
  }

  /** A subscription has ended. */
  end(subscriber: Subscriber, channel: string): void {
    const subscriptions = this.#subscriptions.get(subscriber);
    const subscription = subscriptions?.get(channel);
    if (subscriptions === undefined || subscription === undefined) return;
    subscriptions.delete(channel);
    if (subscriptions.size === 0) this.#subscriptions.delete(subscriber);
    subscription.member.channel.notified?.delete(subscriber);
    this.#detach(subscription);
  }

  /** A connection has ended. */
  remove(subscriber: Subscriber): void {
    const subscriptions = this.#subscriptions.get(subscriber);
    for (const channel of subscriptions?.keys() ?? []) this.end(subscriber, channel);
  }

  /**
   * The first members of a channel, and how many it has.
   *
   * @param elsewhere members of other nodes, for a channel that this one has no subscribers for
   */
  list(channel: string, elsewhere: readonly NodeMember[] = []): PresenceList {
    const all = this.#channels.get(channel)?.members;
    const members: SharedMember[] = [];
    for (const member of all?.values() ?? []) {
      if (members.length === MAX_LISTED) break;
      members.push(sharedOf(member));
    }
    const others = new Map<string, SharedMember>();
    for (const { member } of elsewhere) {
      const key = keyOf(member.user, member.member);
      if (!all?.has(key)) others.set(key, member);
    }
    for (const member of others.values()) {
      if (members.length === MAX_LISTED) break;
      members.push(member);
    }
    return { count: (all?.size ?? 0) + others.size, members };
  }

  known(channel: string, all: readonly NodeMember[]): void {
    const named = new Map<string, Set<string>>();
    for (const has of all) {
      const { member: { user, member }, node } = has;
      const key = keyOf(user, member);
      const nodes = named.get(key);
      if (nodes === undefined) named.set(key, new Set([node]));
      else nodes.add(node);
      this.joined(channel, has);
    }
    for (const member of this.#channels.get(channel)?.members.values() ?? []) {
      for (const node of member.elsewhere?.keys() ?? []) {
        // An engine that has lost data may not know it again yet.
        if (!named.get(member.key)?.has(node)) this.#missElsewhere(member, node);
      }
    }
  }

  joined(channel: string, { node, member: { user, member: name, ...known } }: NodeMember): void {
    const { size } = this;
    const member = this.#memberOf(channel, user, name);
    const shared = { user, member: name, ...known };
    if (member.elsewhere === undefined) member.elsewhere = new Map([[node, shared]]);
    else member.elsewhere.set(node, shared);
    if (known.sinceMs < member.sinceMs) member.sinceMs = known.sinceMs;
    if (!member.isShared) {
      if (this.#leaving.delete(member)) this.#leavingBytes -= sizeOf(member);
      member.clientId = known.clientId;
      member.info = known.info;
    }
    if (this.size > size) this.#announce("joined", member);
  }

  left(channel: string, { node, member: { user, member: name } }: NodeMember): void {
    const member = this.#channels.get(channel)?.members.get(keyOf(user, name));
    if (member !== undefined) this.#endElsewhere(member, node);
  }

  gone(node: string): void {
    for (const { members } of this.#channels.values()) {
      for (const member of members.values()) this.#missElsewhere(member, node);
    }
  }

  /** Subscriptions are refused meanwhile: nobody leaves. */
  interrupted(): void {
    this.#isApart = true;
  }

  returned(): void {
    if (!this.#isApart) return;
    this.#isApart = false;
    const leavesAtMs = this.#options.wheel.now() + this.#options.presenceGraceMs;
    for (const member of this.#leaving) member.leavesAtMs = leavesAtMs;
    this.#wakeForNext();
  }

  /** The hub has no subscriber of a channel any more: it is told nothing of members elsewhere. */
  forget(channelName: string): void {
    const channel = this.#channels.get(channelName);
    for (const member of channel?.members.values() ?? []) {
      member.elsewhere = undefined;
      if (!member.isShared) this.#leave(member);
    }
  }

  /** A node has a member no more. */
  #endElsewhere(member: ChannelMember, node: string): void {
    if (!member.elsewhere?.delete(node)) return;
    if (member.elsewhere.size === 0 && !member.isShared) this.#leave(member);
  }

  /** A node may have a member no more. */
  #missElsewhere(member: ChannelMember, node: string): void {
    if (!member.elsewhere?.delete(node) || member.elsewhere.size > 0) return;
    if (member.subscriptions.length > 0) return;
    // It may have left this one for that one: then its grace has begun before.
    if (this.#leaving.delete(member)) this.#leavingBytes -= sizeOf(member);
    this.#startGrace(member);
  }

  /** The other nodes know that this one has a member, and what it knows of it. */
  #share(member: ChannelMember): void {
    const { sharedMembers } = this.#options;
    if (sharedMembers === undefined) return;
    member.isShared = true;
    sharedMembers.put(member.channel.name, sharedOf(member));
  }

  /** Lets those leave whose time has come, and tells numbers. @returns how much work it was */
  check(): number {
    this.#isCheckRequested = false;
    const nowMs = this.#options.wheel.now();
    let work = 0;
    for (const channel of this.#untold) {
      if (channel.toldMs + COUNT_PERIOD_MS > nowMs) continue;
      this.#untold.delete(channel);
      work += this.#tellCount(channel, nowMs);
    }
    for (const member of this.#leaving) {
      const isEarly = this.#isApart || member.leavesAtMs > nowMs;
      if (isEarly && this.#leavingBytes <= MAX_LEAVING_BYTES) break;
      if (work >= MAX_WORK) {
        this.#requestCheck();
        return work;
      }
      if (isEarly) this.#leftEarly++;
      work += this.#leave(member);
    }
    this.#wakeForNext();
    return work;
  }

  onDue(nowMs: number, mayExpire: boolean): number {
    if (!mayExpire) return this.#dueMs = nowMs + TICK_MS;
    this.#entry = undefined;
    this.#dueMs = Infinity;
    this.#requestCheck();
    return Infinity;
  }

  #subscriptionsOf(subscriber: Subscriber): Map<string, MemberSubscription> {
    let subscriptions = this.#subscriptions.get(subscriber);
    if (subscriptions === undefined) {
      this.#subscriptions.set(subscriber, subscriptions = new Map());
    }
    return subscriptions;
  }

  /** A member of a channel, made where there is none. */
  #memberOf(channelName: string, user: string | null, name: string): ChannelMember {
    let channel = this.#channels.get(channelName);
    if (channel === undefined) {
      channel = {
        name: channelName,
        members: new Map(),
        notified: undefined,
        toldCount: 0,
        toldMs: -Infinity,
      };
      this.#channels.set(channelName, channel);
    }
    const key = keyOf(user, name);
    let member = channel.members.get(key);
    if (member !== undefined) return member;
    member = {
      channel,
      key,
      user,
      name,
      sinceMs: this.#options.clock.wall(),
      subscriptions: [],
      isShared: false,
      elsewhere: undefined,
      clientId: "",
      info: "",
      leavesAtMs: Infinity,
    };
    channel.members.set(key, member);
    this.#size++;
    return member;
  }

  #attach(subscription: MemberSubscription): void {
    const { member } = subscription;
    if (this.#leaving.delete(member)) this.#leavingBytes -= sizeOf(member);
    if (member.subscriptions.length > 0) member.subscriptions.push(subscription);
    else member.subscriptions = [subscription]; // an array that grows reserves room for 16 more
    member.clientId = subscription.clientId;
    member.info = subscription.info;
    this.#share(member);
  }

  #detach(subscription: MemberSubscription): void {
    const { member } = subscription;
    const { subscriptions } = member;
    subscriptions.splice(subscriptions.indexOf(subscription), 1);
    const newest = subscriptions.at(-1);
    if (newest === undefined) return this.#startGrace(member);
    if (newest.clientId === member.clientId) return;
    member.clientId = newest.clientId;
    member.info = newest.info;
    this.#share(member);
  }

  #startGrace(member: ChannelMember): void {
    const { wheel, presenceGraceMs } = this.#options;
    member.leavesAtMs = wheel.now() + presenceGraceMs;
    this.#leaving.add(member);
    this.#leavingBytes += sizeOf(member);
    if (this.#leavingBytes > MAX_LEAVING_BYTES) this.#requestCheck();
    this.#wake(member.leavesAtMs);
  }

  /** This node has a member no more. @returns how much work it was */
  #leave(member: ChannelMember): number {
    const { channel, key, isShared, elsewhere } = member;
    if (this.#leaving.delete(member)) this.#leavingBytes -= sizeOf(member);
    if (isShared) {
      this.#options.sharedMembers!.remove(channel.name, sharedOf(member));
      member.isShared = false;
    }
    const [other] = elsewhere?.values() ?? [];
    if (other !== undefined) {
      member.clientId = other.clientId;
      member.info = other.info;
      return 1;
    }
    this.#size--;
    channel.members.delete(key);
    if (channel.members.size === 0) this.#channels.delete(channel.name);
    return 1 + this.#announce("left", member);
  }

  /** Tells that a member has joined or left, or soon how many there are. @returns the work */
  #announce(kind: "joined" | "left", member: ChannelMember): number {
    const { channel } = member;
    const { name, members, notified } = channel;
    if (notified === undefined || notified.size === 0) return 0;
    const largest = kind === "joined" ? members.size : members.size + 1;
    if (largest <= MAX_LISTED) return tell(notified, { kind, channel: name, ...shown(member) });
    const nowMs = this.#options.wheel.now();
    const dueMs = channel.toldMs + COUNT_PERIOD_MS;
    if (dueMs <= nowMs) return this.#tellCount(channel, nowMs);
    this.#untold.add(channel);
    this.#wake(dueMs);
    return 0;
  }

  /** Tells the number of members, if it is another one. @returns how much work it was */
  #tellCount(channel: MemberChannel, nowMs: number): number {
    const { name, members: { size: count }, notified, toldCount } = channel;
    if (notified === undefined || count === toldCount) return 0;
    channel.toldCount = count;
    channel.toldMs = nowMs;
    return tell(notified, { kind: "members", channel: name, count });
  }

  #requestCheck(): void {
    if (this.#isCheckRequested) return;
    this.#isCheckRequested = true;
    this.#options.requestCheck();
  }

  #wakeForNext(): void {
    const [first] = this.#leaving;
    if (first !== undefined && !this.#isApart) this.#wake(first.leavesAtMs);
    for (const { toldMs } of this.#untold) this.#wake(toldMs + COUNT_PERIOD_MS);
  }

  /** Makes the wheel call at this time, or earlier. @param atMs time on the wheel */
  #wake(atMs: number): void {
    if (atMs >= this.#dueMs) return;
    const { wheel } = this.#options;
    if (this.#entry !== undefined) wheel.cancel(this.#entry);
    this.#entry = wheel.schedule(this, atMs);
    this.#dueMs = atMs;
  }
}

/** Queues one frame for all. @returns how much work it was */
function tell(subscribers: ReadonlySet<Subscriber>, notice: PresenceNotice): number {
  let profile: Profile | undefined;
  let frame: Uint8Array | undefined;
  for (const subscriber of subscribers) {
    if (subscriber.profile !== profile) {
      profile = subscriber.profile;
      const text = subscriber.session.notify(notice);
      frame = text === undefined ? undefined : textFrame(text);
    }
    if (frame !== undefined) subscriber.writePump.enqueue(frame);
  }
  return subscribers.size;
}

/** What others see of a member. */
function shown({ user, name, clientId, info }: ChannelMember): Member {
  return { user, member: name, clientId, info };
}

function sharedOf(member: ChannelMember): SharedMember {
  return { ...shown(member), sinceMs: member.sinceMs };
}

/** A JSON text ends by itself, so no two members have the same key. */
function keyOf(user: string | null, name: string): string {
  return JSON.stringify(user) + name;
}

/** What a member takes in memory at most, bytes. */
function sizeOf({ key, name, info }: ChannelMember): number {
  return MEMBER_BYTES + 2 * (key.length + name.length + info.length);
}
