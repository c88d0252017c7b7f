/**
 * The members of channels in Redis: a hash of each channel, with a field for each member of each node,
 * and what changes is published under the channel's name. A node repeats what it has after Redis was
 * away. What a node has that is lost is passed over, and removed.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { channelKeys, type HubKeys } from "../redis/keys.ts";
import { Unavailable } from "./broker.ts";
import type { RedisEngines } from "./redis_engines.ts";
import { memberText } from "./redis_messages.ts";
import {
  type MembersListener,
  NOBODY,
  type NodeMember,
  type SharedMember,
  type SharedMembers,
} from "./shared_members.ts";

/** How long Redis keeps members without a node that prolongs it, ms. */
const KEPT_MS = 120_000;

/** How often a node prolongs it, ms. */
const PROLONG_EVERY_MS = 30_000;

/** What a node has without a lease is removed after so long, ms. */
const DEAD_MS = 10_000;

/** Members that are repeated in one request. */
const MEMBERS_PER_REQUEST = 500;

export interface RedisMembersOptions {
  /** The name of this node. */
  readonly node: string;
  readonly clock: Pick<Clock, "after" | "now">;
  readonly prefix: string;
  readonly keys: HubKeys;
  readonly engines: Pick<RedisEngines, "of">;
  /** Another node has members. */
  readonly onHeard: (node: string) => void;
}

/** What Redis keeps of a member. */
interface KeptMember {
  /**
   * The run of the primary to which it was told. Another run may have old data: each node repeats to it
   * what it has, and what it does not repeat has left.
   */
  readonly run: string;
  readonly member: SharedMember;
}

/** A member that this node has. */
interface OwnMember {
  readonly member: SharedMember;
  /** Whether Redis has confirmed it. */
  isKept: boolean;
}

export class RedisMembers implements SharedMembers {
  /** Is told of the members of other nodes. */
  listener: MembersListener = NOBODY;
  readonly #options: RedisMembersOptions;
  /** What this node has, by channel and field. */
  readonly #own = new Map<string, Map<string, OwnMember>>();
  /** Channels that a member of this node has left, which Redis may not know. */
  readonly #stale = new Set<string>();
  /** Nodes that have members and no lease, and since when that is known, monotonic ms. */
  readonly #unseen = new Map<string, number>();
  #cancel: Cancel = () => {};

  constructor(options: RedisMembersOptions) {
    this.#options = options;
    this.#schedule();
  }

  start(listener: MembersListener): void {
    const { node: own, onHeard } = this.#options;
    const hear = (kind: "joined" | "left") => (channel: string, has: NodeMember) => {
      if (has.node === own) return;
      onHeard(has.node);
      listener[kind](channel, has);
    };
    this.listener = {
      known(channel, all) {
        for (const { node } of all) onHeard(node);
        listener.known(channel, all);
      },
      joined: hear("joined"),
      left: hear("left"),
      gone: (node) => listener.gone(node),
      interrupted: () => listener.interrupted(),
      returned: () => listener.returned(),
    };
  }

  put(channel: string, member: SharedMember): void {
    let members = this.#own.get(channel);
    if (members === undefined) this.#own.set(channel, members = new Map());
    const own = { member, isKept: false };
    members.set(this.#fieldOf(member), own);
    void this.#put(channel, own);
  }

  remove(channel: string, member: SharedMember): void {
    const field = this.#fieldOf(member);
    const members = this.#own.get(channel);
    members?.delete(field);
    if (members?.size === 0) this.#own.delete(channel);
    this.#remove(channel, member).catch(() => this.#stale.add(channel)); // `repeat()` follows
  }

  async read(channel: string): Promise<NodeMember[]> {
    const { engines, prefix, keys, node: own } = this.#options;
    const { members: key } = channelKeys(prefix, channel);
    const engine = engines.of(key);
    if (engine.run === undefined) throw new Unavailable("Redis is away");
    try {
      const [fields, nodes] = await Promise.all([
        engine.commands.hgetall(key),
        engines.of(keys.leases).commands.hkeys(keys.leases),
      ]);
      const alive = new Set(nodes);
      const all: NodeMember[] = [];
      const dead: string[] = [];
      for (const [field, text] of Object.entries(fields)) {
        const node = field.slice(0, field.indexOf(" "));
        if (!alive.has(node)) {
          if (this.#isDead(node)) dead.push(field);
          continue;
        }
        this.#unseen.delete(node);
        const { run, member }: KeptMember = JSON.parse(text);
        if (node !== own && run === engine.run) all.push({ node, member });
      }
      if (dead.length > 0) engine.commands.hdel(key, ...dead).catch(() => {});
      return all;
    } catch (cause) {
      throw new Unavailable("Redis has not answered", { cause });
    }
  }

  /** Redis is back, or has taken this node for lost: it may have none of what this node has. */
  async repeat(): Promise<void> {
    for (const members of this.#own.values()) {
      for (const own of members.values()) own.isKept = false;
    }
    await this.#repeatUnconfirmed();
  }

  close(): void {
    this.#cancel();
  }

  /** Whether a node has had no lease for long: after a loss of data it may be about to renew it. */
  #isDead(node: string): boolean {
    const nowMs = this.#options.clock.now();
    const sinceMs = this.#unseen.get(node) ?? nowMs;
    this.#unseen.set(node, sinceMs);
    return nowMs - sinceMs >= DEAD_MS;
  }

  async #repeatUnconfirmed(): Promise<void> {
    const stale = [...this.#stale];
    this.#stale.clear();
    await Promise.all(stale.map((channel) => this.#clean(channel)));
    const all = [...this.#own].flatMap(([channel, members]) =>
      [...members.values()].filter(({ isKept }) => !isKept).map((own) => ({ channel, own }))
    );
    for (let from = 0; from < all.length; from += MEMBERS_PER_REQUEST) {
      const some = all.slice(from, from + MEMBERS_PER_REQUEST);
      await Promise.all(some.map(({ channel, own }) => this.#put(channel, own)));
    }
  }

  async #put(channel: string, own: OwnMember): Promise<void> {
    const { engines, prefix, node } = this.#options;
    const { members, live } = channelKeys(prefix, channel);
    const engine = engines.of(members);
    const { member } = own;
    const field = this.#fieldOf(member);
    const isCurrent = this.#own.get(channel)?.get(field) === own;
    if (engine.run === undefined || !isCurrent) return; // it is repeated, or has ended
    const value = JSON.stringify({ run: engine.run, member } satisfies KeptMember);
    const text = memberText("joined", { node, member });
    try {
      await engine.commands.putMember(members, field, value, KEPT_MS, live, text);
      own.isKept = true;
    } catch {
      // It is repeated.
    }
  }

  async #remove(channel: string, member: SharedMember): Promise<void> {
    const { engines, prefix, node } = this.#options;
    const { members, live } = channelKeys(prefix, channel);
    const engine = engines.of(members);
    if (engine.run === undefined) throw new Unavailable("Redis is away");
    const text = memberText("left", { node, member });
    await engine.commands.removeMember(members, this.#fieldOf(member), live, text);
  }

  /** Removes what Redis has of a channel and this node has not any more. */
  async #clean(channel: string): Promise<void> {
    const { engines, prefix, node } = this.#options;
    const { members } = channelKeys(prefix, channel);
    try {
      const fields = await engines.of(members).commands.hgetall(members);
      const own = Object.entries(fields).filter(([field]) => field.startsWith(`${node} `));
      const left = own.filter(([field]) => !this.#own.get(channel)?.has(field));
      await Promise.all(left.map(([, text]) => {
        const { member }: KeptMember = JSON.parse(text);
        return this.#remove(channel, member);
      }));
    } catch {
      this.#stale.add(channel);
    }
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.after(PROLONG_EVERY_MS, () => {
      this.#schedule();
      this.#prolong();
      void this.#repeatUnconfirmed(); // what Redis has refused
    });
  }

  #prolong(): void {
    const { engines, prefix } = this.#options;
    for (const channel of this.#own.keys()) {
      const { members } = channelKeys(prefix, channel);
      const engine = engines.of(members);
      if (engine.run !== undefined) engine.commands.pexpire(members, KEPT_MS).catch(() => {});
    }
  }

  /** A JSON text ends by itself: no two members have the same field. */
  #fieldOf({ user, member }: SharedMember): string {
    return `${this.#options.node} ${JSON.stringify([user, member])}`;
  }
}
