/**
 * Who is connected and who follows which channel. Pure state: only the hub changes it, and both
 * directions (member to channels, channel to members) always agree.
 *
 * @module
 */

import type { CloseChange, CloseReason } from "../close_codes.ts";
import type { Vitals } from "../client/connection_health.ts";
import type { Dialogue, Profile } from "../profiles/profile.ts";

/** How a connection is doing: a snapshot, for people. */
export interface Figures {
  /** When it was accepted, wall-clock ms. */
  readonly openedMs: number;
  /** How long ago that was, ms. */
  readonly ageMs: number;
  /** How long ago its last sign of life was, ms, without the server's own stalls. */
  readonly idleMs: number;
  /** Messages that wait for it, without the batch in flight. */
  readonly queuedMessages: number;
  /** Messages that it sent. */
  readonly messagesIn: number;
  /** Messages that were queued for it. */
  readonly messagesOut: number;
}

/** A connection as the hub sees it. */
export interface Member {
  /** Unique among all nodes. */
  readonly id: string;
  /** The key it came with; undefined on an open hub. */
  readonly keyId: string | undefined;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** The system it speaks. */
  readonly profile: Profile;
  /** Its side of the talk. */
  readonly dialogue: Dialogue;
  /** What is known of its health. */
  readonly vitals: Vitals;
  /** Bytes that wait for it. */
  readonly pendingBytes: number;
  /** The same if some of it has waited for a second, else 0; 0 once it has been let go. */
  readonly overdueBytes: number;
  /** How it is doing now. */
  figures(): Figures;
  /** Queues a frame. MUST NOT wait and MUST NOT throw: a member that cannot take it ends itself. */
  enqueue(frame: Uint8Array): void;
  /** Lets it go. MUST NOT wait and MUST NOT throw. @param change of the reason's row in the table */
  close(reason: CloseReason, change?: CloseChange): void;
  /** Ends it at once, even in the middle of a polite close. */
  terminate(): void;
}

const NOBODY: ReadonlySet<Member> = new Set();
const NOTHING: ReadonlySet<string> = new Set();

/** See the module. */
export class Roster {
  readonly #channelsOf = new Map<Member, Set<string> | undefined>();
  readonly #followersOf = new Map<string, Set<Member>>();

  /** Everybody who has joined and not left, the oldest first. */
  get members(): Iterable<Member> {
    return this.#channelsOf.keys();
  }

  /** How many members there are. */
  get size(): number {
    return this.#channelsOf.size;
  }

  /** The channels that somebody follows. */
  get channels(): Iterable<string> {
    return this.#followersOf.keys();
  }

  /** How many channels somebody follows. */
  get channelCount(): number {
    return this.#followersOf.size;
  }

  /** Enters a member, who follows nothing yet. Idempotent. */
  join(member: Member): void {
    if (!this.#channelsOf.has(member)) this.#channelsOf.set(member, undefined);
  }

  /** Forgets a member and all it followed. Idempotent. */
  leave(member: Member): void {
    for (const channel of this.channelsOf(member)) this.#unlink(member, channel);
    this.#channelsOf.delete(member);
  }

  /** Lets a member follow a channel. Idempotent; of no effect before it joins or after it left. */
  follow(member: Member, channel: string): void {
    if (!this.#channelsOf.has(member)) return;
    let channels = this.#channelsOf.get(member);
    if (channels === undefined) this.#channelsOf.set(member, channels = new Set());
    channels.add(channel);
    const followers = this.#followersOf.get(channel);
    if (followers === undefined) this.#followersOf.set(channel, new Set([member]));
    else followers.add(member);
  }

  /** Lets it follow no longer. Idempotent. */
  unfollow(member: Member, channel: string): void {
    if (this.#channelsOf.get(member)?.delete(channel)) this.#unlink(member, channel);
  }

  /** Who follows a channel. */
  followersOf(channel: string): ReadonlySet<Member> {
    return this.#followersOf.get(channel) ?? NOBODY;
  }

  /** What a member follows. */
  channelsOf(member: Member): ReadonlySet<string> {
    return this.#channelsOf.get(member) ?? NOTHING;
  }

  #unlink(member: Member, channel: string): void {
    const followers = this.#followersOf.get(channel);
    followers?.delete(member);
    if (followers?.size === 0) this.#followersOf.delete(channel);
  }
}
