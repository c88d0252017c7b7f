/**
 * The names that this hub uses in Redis. All that belongs to a channel has the channel's name between
 * braces, so that a Redis Cluster keeps it in one slot and a script may use it together. The name is
 * percent-encoded: a brace of its own would end the part that decides on the slot. Pure.
 *
 * @module
 */

/** The layout of keys and values. A hub with another layout shares nothing with this one. */
const LAYOUT = "v1";

/** The names of one channel. */
export interface ChannelKeys {
  /** Its position, and the run of the primary that has made it. */
  readonly position: string;
  /** Its messages, a stream. */
  readonly messages: string;
  /** Its members, a hash. */
  readonly members: string;
  /** Where its messages are published. */
  readonly live: string;
  /** That of a publication with a key of its own, see `Broker.publish()`. */
  readonly id: (key: string) => string;
}

/** The names that belong to no channel. */
export interface HubKeys {
  /** Where relayed texts are published. */
  readonly relay: string;
  /** What the names of probes begin with. */
  readonly probe: string;
  /** Where nodes ask and tell, and what the names begin with under which each is answered. */
  readonly nodes: string;
  /** The counters of the nodes. */
  readonly leases: string;
  /** How many connections each node has, a hash. */
  readonly counts: string;
  /** How many connections of a key each node has, a hash. */
  readonly connections: (key: string) => string;
  /** The times of the newest admissions, a list. */
  readonly admissions: string;
  /** The time of the next slot. */
  readonly nextSlot: string;
}

/** What the keys of a collection of entries begin with. @param prefix of all names */
export function collectionKeys(prefix: string, collection: string): string {
  return `${prefix}${LAYOUT}:{store:${encode(collection)}}:`;
}

/** @param prefix of all names */
export function hubKeys(prefix: string): HubKeys {
  const start = `${prefix}${LAYOUT}:{hub}:`;
  return {
    relay: `${start}relay`,
    probe: `${prefix}${LAYOUT}:probe:`,
    nodes: `${start}nodes`,
    leases: `${start}leases`,
    counts: `${start}counts`,
    connections: (key) => `${start}connections:${encode(key)}`,
    admissions: `${start}admissions`,
    nextSlot: `${start}next-slot`,
  };
}

/** What was taken of a limit of messages, a hash. @param prefix of all names */
export function quotaKey(prefix: string, name: string): string {
  return `${prefix}${LAYOUT}:{quota:${encode(name)}}:taken`;
}

/** @param prefix of all names */
export function channelKeys(prefix: string, channel: string): ChannelKeys {
  const start = `${prefix}${LAYOUT}:{${encode(channel)}}:`;
  return {
    position: `${start}position`,
    messages: `${start}messages`,
    members: `${start}members`,
    live: `${start}live`,
    id: (key) => `${start}id:${key.isWellFormed() ? key : JSON.stringify(key)}`,
  };
}

/**
 * Different for different names. Half of a surrogate pair cannot be percent-encoded, and nothing between
 * the braces would be no part of its own.
 */
function encode(channel: string): string {
  if (channel === "") return "%";
  if (channel.isWellFormed()) return encodeURIComponent(channel);
  return `%u${channel.split("").map((unit) => unit.charCodeAt(0).toString(16)).join("-")}`;
}
