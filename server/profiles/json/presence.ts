/**
 * The presence's part of the json profile: what a subscription says of its member, and the members (of
 * frames and of HTTP responses) that say who is on a channel. Pure.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { stringIn } from "../../base/json.ts";
import type { Member, Membership, PresenceList } from "../../message.ts";

/** Longest name of a member, UTF-16 units. */
const MAX_MEMBER_LENGTH = 64;

/** Longest `info`, bytes of its JSON text. */
const MAX_INFO_BYTES = 1_024;

/** The members that one answer lists, bytes. */
const LIST_BYTES = 262_144;

/** Why a subscription cannot be that of a member. */
export interface MembershipProblem {
  readonly code: "bad_message" | "too_large";
  readonly message: string;
}

/** Reads `presence`, `member` and `info`. @returns undefined without them @param texts valid JSON */
export function readMembership(
  { presence = "false", member, info }: {
    readonly presence?: string;
    readonly member?: string;
    readonly info?: string;
  },
): Membership | MembershipProblem | undefined {
  if (presence !== "true" && presence !== "false") {
    return { code: "bad_message", message: "presence is true or false" };
  }
  const isNotified = presence === "true";
  if (!isNotified && member === undefined && info === undefined) return undefined;
  const name = stringIn(member);
  const isName = name !== undefined && name !== "" && name.length <= MAX_MEMBER_LENGTH;
  if (member !== undefined && !isName) {
    const message = `member is a string of 1 to ${MAX_MEMBER_LENGTH} characters`;
    return { code: "bad_message", message };
  }
  if (info !== undefined && Buffer.byteLength(info) > MAX_INFO_BYTES) {
    return { code: "too_large", message: `info has at most ${MAX_INFO_BYTES} bytes` };
  }
  return { member: name, info: info ?? "null", isNotified };
}

/** Who a member is. */
export function memberFields({ user, member, clientId, info }: Member): string {
  return `"user":${JSON.stringify(user)},"member":${JSON.stringify(member)},` +
    `"clientId":${JSON.stringify(clientId)},"info":${info}`;
}

/** Who is on a channel, the channel first: as many as there is room for. */
export function listFields(channel: string, { count, members }: PresenceList): string {
  const texts: string[] = [];
  let bytes = 0;
  for (const member of members) {
    const text = `{${memberFields(member)},"sinceMs":${member.sinceMs}}`;
    bytes += Buffer.byteLength(text);
    if (bytes > LIST_BYTES) break;
    texts.push(text);
  }
  return `"channel":${JSON.stringify(channel)},"count":${count},"members":[${texts}],` +
    `"more":${texts.length < count}`;
}
