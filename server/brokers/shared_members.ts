/**
 * The SharedMembers port: which members of channels the other nodes have. A node keeps for itself who is
 * a member by its own connections, and tells the others.
 *
 * @module
 */

import type { Member } from "../message.ts";

/** What others know of a member. */
export interface SharedMember extends Member {
  /** When it joined, wall-clock ms. */
  readonly sinceMs: number;
}

/** A member that a node has. */
export interface NodeMember {
  readonly node: string;
  readonly member: SharedMember;
}

/** What a hub is told of the members of other nodes, for channels that it has subscribers for. */
export interface MembersListener {
  /** These are all of a channel that the engine knows. Called before `Broker.subscribe()` answers, and after interruptions. */
  known(channel: string, all: readonly NodeMember[]): void;
  /** A node has a member, or knows another thing of it. */
  joined(channel: string, has: NodeMember): void;
  /** A node has it no more. */
  left(channel: string, had: NodeMember): void;
  /** A node is lost, or has left: it has no members. */
  gone(node: string): void;
  /** This node does not reach the others: who is away cannot return. */
  interrupted(): void;
  /** It does again. */
  returned(): void;
}

/** Before there is one. */
export const NOBODY: MembersListener = {
  known() {},
  joined() {},
  left() {},
  gone() {},
  interrupted() {},
  returned() {},
};

export interface SharedMembers {
  /** Called once, before any other. */
  start(listener: MembersListener): void;
  /** This node has a member, or knows another thing of it. */
  put(channel: string, member: SharedMember): void;
  /** This node has it no more. */
  remove(channel: string, member: SharedMember): void;
  /**
   * The members that other nodes have.
   *
   * @throws {Unavailable}
   */
  read(channel: string): Promise<readonly NodeMember[]>;
}
