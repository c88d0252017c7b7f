/**
 * The members of channels, for a thread: the main thread keeps who has which, and tells the threads that
 * have subscribers for the channel.
 *
 * @module
 */

import {
  type MembersListener,
  NOBODY,
  type NodeMember,
  type SharedMember,
  type SharedMembers,
} from "../brokers/shared_members.ts";
import type { MembershipItem } from "./hosted_messages.ts";
import type { Item, PortLink } from "./port_link.ts";

export class HostedMembers implements SharedMembers {
  /** Is told of the members of other threads. */
  listener: MembersListener = NOBODY;
  readonly #link: PortLink;

  constructor(link: PortLink) {
    this.#link = link;
    for (const topic of ["joined", "left"] as const) {
      link.on(topic, ([, channel, has]: MembershipItem) => this.listener[topic](channel, has));
    }
    link.on("gone", ([, node]: Item) => this.listener.gone(node as string));
  }

  start(listener: MembersListener): void {
    this.listener = listener;
  }

  put(channel: string, member: SharedMember): void {
    this.#link.send(["put", channel, member], 2 * member.info.length);
  }

  remove(channel: string, member: SharedMember): void {
    this.#link.send(["remove", channel, member], 2 * member.info.length);
  }

  read(channel: string): Promise<readonly NodeMember[]> {
    return this.#link.ask("members", channel);
  }
}
