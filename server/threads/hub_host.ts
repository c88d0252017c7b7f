/**
 * What the main thread keeps for the hubs of all threads: the history, who has subscribers for which
 * channel, and members. It sends each thread what that one has subscribers for. A thread that has not
 * handled too much of it is behind: nothing that can be read again, or told as a gap, is sent until it has
 * caught up.
 *
 * @module
 */

import type { Placed } from "../brokers/broker.ts";
import type { ChannelLog } from "../brokers/channel_log.ts";
import type { MemoryHistory } from "../brokers/memory_history.ts";
import type { NodeMember, SharedMember } from "../brokers/shared_members.ts";
import type { Publication } from "../message.ts";
import {
  type KeptMessages,
  type MemberItem,
  type Outcome,
  publicationBytes,
  type PublishItem,
  type RelayItem,
  relayItem,
  type Subscribed,
} from "./hosted_messages.ts";
import type { Item, PortLink } from "./port_link.ts";

/** Bytes that a thread has not handled; with more it is behind, until it has handled half. */
const MAX_UNHANDLED_BYTES = 1 << 23;

/** A thread, as the main thread sees it. */
export interface HostedThread {
  /** Its name among the nodes of the hub. */
  readonly node: string;
  readonly link: PortLink;
}

/** What is known of an attached thread. */
interface Peer extends HostedThread {
  readonly channels: Set<string>;
  /** Channels of which something was not sent: the last offset that was. */
  readonly skipped: Map<string, number>;
  /** Its members, by channel and key. */
  readonly members: Map<string, Map<string, SharedMember>>;
}

export interface HubHostOptions {
  readonly history: MemoryHistory;
  /** Monotonic ms. */
  readonly now: () => number;
}

export class HubHost {
  /** Messages that were not sent to a thread, since it was behind. */
  skipped = 0;
  readonly #options: HubHostOptions;
  readonly #peers = new Map<HostedThread, Peer>();
  readonly #subscribers = new Map<string, Set<Peer>>();
  /** Threads that have members of a channel. */
  readonly #memberThreads = new Map<string, Set<Peer>>();

  constructor(options: HubHostOptions) {
    this.#options = options;
  }

  /** Takes what a thread sends from now on. */
  attach(thread: HostedThread): void {
    const { history } = this.#options;
    const { link, node } = thread;
    const peer = {
      link,
      node,
      channels: new Set(),
      skipped: new Map(),
      members: new Map(),
    } as Peer;
    this.#peers.set(thread, peer);
    link.onAcknowledged = () => this.#catchUp(peer);
    link.on("publish", (item: PublishItem) => this.#publish(peer, item));
    link.on("relay", (item: RelayItem) => this.#relay(item));
    link.on("unsubscribe", ([, channel]: Item) => this.#unsubscribe(peer, channel as string));
    link.on("put", (item: MemberItem) => this.#put(peer, item));
    link.on("remove", (item: MemberItem) => this.#remove(peer, item));
    link.serve("subscribe", (channel: string) => this.#subscribe(peer, channel));
    link.serve("members", (channel: string) => this.#membersElsewhere(peer, channel));
    link.serve("clear", (channel: string) => this.#clear(channel));
    link.serve("history", (channel: string) => {
      this.#catchUpOn(peer, channel);
      const log = history.of(channel);
      return log && this.#read(log, log.first);
    });
  }

  /** A thread is gone: it has no subscribers and no members. */
  detach(thread: HostedThread): void {
    const peer = this.#peers.get(thread);
    if (peer === undefined) return;
    this.#peers.delete(thread);
    for (const channel of peer.channels) this.#unsubscribe(peer, channel);
    for (const channel of peer.members.keys()) this.#forget(peer, channel);
    for (const { link } of this.#peers.values()) link.send(["gone", peer.node]);
  }

  #publish(peer: Peer, [, id, channel, data, timestamp, by, key]: PublishItem): void {
    const publication: Publication = {
      kind: "publication",
      channel,
      data,
      timestamp,
      by,
      offset: undefined,
    };
    const placed = this.#options.history.add(publication, key);
    const outcome = placed.duplicate ? "duplicate" : this.#deliver(peer, publication);
    const { epoch, offset } = placed.position ?? {} as Partial<NonNullable<Placed["position"]>>;
    peer.link.send(["placed", id, epoch, offset, outcome]);
  }

  /** Sends it to the threads that have subscribers, but its own, which has it. */
  #deliver(own: Peer, publication: Publication): Outcome {
    const { channel, data, timestamp, by, offset } = publication;
    let outcome: Outcome = "elsewhere";
    const bytes = publicationBytes(publication);
    for (const peer of this.#subscribers.get(channel) ?? []) {
      if (this.#isBehind(peer, publication)) continue;
      if (peer === own) outcome = "delivered";
      else peer.link.send(["publication", channel, data, timestamp, by, offset], bytes);
    }
    return outcome;
  }

  /** Whether a publication is not sent to a thread, for now. */
  #isBehind({ link, skipped }: Peer, { channel, offset = 0 }: Publication): boolean {
    const isSkipped = skipped.size > 0 && skipped.has(channel);
    if (!isSkipped && link.unacknowledgedBytes < MAX_UNHANDLED_BYTES) return false;
    if (!isSkipped) skipped.set(channel, offset - 1);
    this.skipped++;
    return true;
  }

  #relay([, profile, text, sender]: RelayItem): void {
    const item = relayItem({ kind: "relay", profile, text, sender });
    for (const { link } of this.#peers.values()) {
      if (link.unacknowledgedBytes < MAX_UNHANDLED_BYTES) link.send(item, 2 * text.length);
      else this.skipped++;
    }
  }

  #subscribe(peer: Peer, channel: string): Subscribed {
    peer.channels.add(channel);
    addTo(this.#subscribers, channel, peer);
    const log = this.#options.history.subscribe(channel);
    const kept = log && this.#read(log, log.first);
    return { kept, members: this.#membersElsewhere(peer, channel) };
  }

  #unsubscribe(peer: Peer, channel: string): void {
    peer.channels.delete(channel);
    peer.skipped.delete(channel);
    if (removeFrom(this.#subscribers, channel, peer)) this.#options.history.unsubscribe(channel);
  }

  #clear(channel: string): boolean {
    const { history } = this.#options;
    if (!history.clear(channel)) return false;
    const { offset } = history.of(channel)!;
    for (const { link } of this.#subscribers.get(channel) ?? []) {
      link.send(["cleared", channel, offset]);
    }
    return true;
  }

  /** A thread has handled something: what it has missed is sent, as far as it can take it. */
  #catchUp(peer: Peer): void {
    const { link, skipped } = peer;
    if (skipped.size === 0 || link.unacknowledgedBytes > MAX_UNHANDLED_BYTES / 2) return;
    for (const channel of skipped.keys()) {
      if (link.unacknowledgedBytes >= MAX_UNHANDLED_BYTES) return;
      this.#catchUpOn(peer, channel);
    }
  }

  #catchUpOn({ link, skipped }: Peer, channel: string): void {
    const seen = skipped.get(channel);
    if (seen === undefined) return;
    skipped.delete(channel);
    const log = this.#options.history.of(channel);
    const kept = log && this.#read(log, Math.max(log.first, seen + 1));
    const texts = kept?.data.reduce((sum, data) => sum + data.length, 0) ?? 0;
    link.send(["caught up", channel, kept], 2 * texts);
  }

  /** The messages of a log from an offset on. */
  #read(log: ChannelLog, first: number): KeptMessages {
    const nowMs = this.#options.now();
    const { epoch, offset } = log;
    const count = offset + 1 - first;
    const data: string[] = [];
    const timestamps = new Float64Array(count);
    const agesMs = new Float64Array(count);
    let by: (string | undefined)[] | undefined;
    for (let i = 0; i < count; i++) {
      const publication = log.at(first + i)!;
      data.push(publication.data);
      timestamps[i] = publication.timestamp;
      agesMs[i] = nowMs - log.timeOf(first + i);
      if (publication.by !== undefined) (by ??= new Array(count))[i] = publication.by;
    }
    return { epoch, offset, first, data, timestamps, by, agesMs };
  }

  #put(peer: Peer, [, channel, member]: MemberItem): void {
    let members = peer.members.get(channel);
    if (members === undefined) {
      peer.members.set(channel, members = new Map());
      addTo(this.#memberThreads, channel, peer);
    }
    members.set(keyOf(member), member);
    this.#tell(peer, channel, ["joined", channel, { node: peer.node, member }]);
  }

  #remove(peer: Peer, [, channel, member]: MemberItem): void {
    const members = peer.members.get(channel);
    if (!members?.delete(keyOf(member))) return;
    if (members.size === 0) {
      peer.members.delete(channel);
      this.#forget(peer, channel);
    }
    this.#tell(peer, channel, ["left", channel, { node: peer.node, member }]);
  }

  #forget(peer: Peer, channel: string): void {
    removeFrom(this.#memberThreads, channel, peer);
  }

  /** Tells the other threads that have subscribers for a channel. */
  #tell(own: Peer, channel: string, item: Item): void {
    for (const peer of this.#subscribers.get(channel) ?? []) {
      if (peer !== own) peer.link.send(item);
    }
  }

  #membersElsewhere(own: Peer, channel: string): NodeMember[] {
    const all: NodeMember[] = [];
    for (const peer of this.#memberThreads.get(channel) ?? []) {
      if (peer === own) continue;
      for (const member of peer.members.get(channel)!.values()) {
        all.push({ node: peer.node, member });
      }
    }
    return all;
  }
}

function keyOf({ user, member }: SharedMember): string {
  return JSON.stringify([user, member]);
}

function addTo<T>(sets: Map<string, Set<T>>, name: string, item: T): void {
  const set = sets.get(name);
  if (set === undefined) sets.set(name, new Set([item]));
  else set.add(item);
}

/** @returns whether it was the last one */
function removeFrom<T>(sets: Map<string, Set<T>>, name: string, item: T): boolean {
  const set = sets.get(name);
  if (!set?.delete(item) || set.size > 0) return false;
  return sets.delete(name);
}
