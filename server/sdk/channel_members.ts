/**
 * The members of one channel, as far as the hub lists them, and which have joined or left. Pure: frames
 * in, changes out. What the hub did not report while there was no connection is the difference to its
 * next list.
 *
 * @module
 */

import type { ChannelFrame, MemberFields } from "./profile.ts";

/** The name of an event, and where its properties are. */
export type MembersChange = readonly ["joined" | "left" | "members", MemberFields];

type MemberMap = Map<string, MemberFields>;

/** The members of one channel, from its first subscribe frame on. */
export class ChannelMembers {
  /** By user and name. Undefined before the first list, and while the hub only counts. */
  #known: MemberMap | undefined;

  /** Takes a frame about members. @param changed called for each change, in order */
  received(
    frame: ChannelFrame,
    changed: (type: "joined" | "left" | "members", fields: MemberFields) => void,
  ): void {
    const { type, members, more } = frame;
    const before = this.#known;
    if (type === "joined" || type === "left") {
      if (type === "left") before?.delete(keyOf(frame));
      else before?.set(keyOf(frame), frame);
      return changed(type, frame);
    }
    this.#known = undefined;
    if (type === "members" || more) return changed("members", frame);
    const listed = [members].flat().filter(Boolean) as MemberFields[];
    const after = this.#known = new Map(listed.map((member) => [keyOf(member), member]));
    if (!before) return;
    for (const [key, member] of before) if (!after.has(key)) changed("left", member);
    for (const [key, member] of after) if (!before.has(key)) changed("joined", member);
  }
}

function keyOf({ user, member }: MemberFields): string {
  return JSON.stringify([user, member]);
}
