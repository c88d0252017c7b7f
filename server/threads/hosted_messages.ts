/**
 * What goes over a port between the hub of a thread and what the main thread keeps for it: publications,
 * kept messages, members. Tuples, since a structured clone of an object writes the names of its fields,
 * too.
 *
 * @module
 */

import type { NodeMember, SharedMember } from "../brokers/shared_members.ts";
import type { Position, Publication, Relay } from "../message.ts";

/** A publication on its way to the main thread. `id` names it in the answer. */
export type PublishItem = readonly [
  topic: "publish",
  id: number,
  channel: string,
  data: string,
  timestamp: number,
  by: string | undefined,
  key: string | undefined,
];

/** What came of a publication of this thread. */
export type PlacedItem = readonly [
  topic: "placed",
  id: number,
  epoch: string | undefined,
  offset: number | undefined,
  outcome: Outcome,
];

/** `delivered`: the subscribers of its thread get it now, as it was sent. */
export type Outcome = "delivered" | "elsewhere" | "duplicate";

/** A publication of another thread. */
export type PublicationItem = readonly [
  topic: "publication",
  channel: string,
  data: string,
  timestamp: number,
  by: string | undefined,
  offset: number | undefined,
];

export type RelayItem = readonly [topic: "relay", profile: string, text: string, sender: string];

/** The messages of a channel up to an offset are removed. */
export type ClearedItem = readonly [topic: "cleared", channel: string, offset: number];

/** What was not sent while this thread was behind; undefined: the channel keeps no history. */
export type CaughtUpItem = readonly [
  topic: "caught up",
  channel: string,
  kept: KeptMessages | undefined,
];

/** This thread has a member, or has it no more. */
export type MemberItem = readonly [
  topic: "put" | "remove",
  channel: string,
  member: SharedMember,
];

/** Another thread has a member, or has it no more. */
export type MembershipItem = readonly [
  topic: "joined" | "left",
  channel: string,
  has: NodeMember,
];

/**
 * Messages of a channel in a row, the newest at the end. A list of each field: a hundred messages take
 * 44 µs so, and 127 as tuples.
 */
export interface KeptMessages extends Position {
  /** The offset of the first of them; `offset + 1` where there is none. */
  readonly first: number;
  readonly data: readonly string[];
  readonly timestamps: Float64Array;
  /** undefined: none has a publisher's name. */
  readonly by: readonly (string | undefined)[] | undefined;
  /** How long ago each came, ms. */
  readonly agesMs: Float64Array;
}

/** The answer to a subscription. */
export interface Subscribed {
  /** undefined where the channel keeps no history. */
  readonly kept: KeptMessages | undefined;
  /** The members that other threads have. */
  readonly members: readonly NodeMember[];
}

/** What an item with this publication counts for, bytes. */
export function publicationBytes({ channel, data }: Pick<Publication, "channel" | "data">): number {
  return 2 * (channel.length + data.length);
}

export function relayItem({ profile, text, sender }: Relay): RelayItem {
  return ["relay", profile, text, sender];
}
