/**
 * The history's part of the json profile: what a subscription and a `history` ask for, and the members
 * that positions and kept messages have in frames and in HTTP responses. Pure.
 *
 * @module
 */

import { isObject, numberIn, valueIn } from "../../base/json.ts";
import type { HistoryPage, HistoryQuery, Position } from "../../message.ts";

/** Longest epoch that a client may name, UTF-16 units. */
const MAX_EPOCH_LENGTH = 128;

/** Reads `since` and `last`. @returns what is wrong with them @param texts valid JSON */
export function readQuery(
  { since, last }: { readonly since?: string; readonly last?: string },
): HistoryQuery | string {
  const position = since === undefined ? undefined : positionIn(since);
  if (since !== undefined && position === undefined) {
    return "since is an object with an epoch, a string, and an offset, a whole number from 0";
  }
  const count = numberIn(last);
  if (last !== undefined && !(Number.isSafeInteger(count) && count! >= 1)) {
    return "last is a whole number from 1";
  }
  return { since: position, last: count };
}

function positionIn(text: string): Position | undefined {
  const value = valueIn(text);
  if (!isObject(value)) return undefined;
  const { epoch, offset } = value;
  const isEpoch = typeof epoch === "string" && epoch.length <= MAX_EPOCH_LENGTH;
  const isOffset = Number.isSafeInteger(offset) && offset as number >= 0;
  return isEpoch && isOffset ? { epoch, offset: offset as number } : undefined;
}

/** The members of a position; none without one. */
export function positionMembers(position: Position | undefined): string {
  if (position === undefined) return "";
  return `,"epoch":${JSON.stringify(position.epoch)},"offset":${position.offset}`;
}

/** The member `recovered`; none where there was no `since`. */
export function recoveredMember(recovered: boolean | undefined): string {
  return recovered === undefined ? "" : `,"recovered":${recovered}`;
}

/** The members of a page of a channel's history, the channel first. */
export function pageMembers(channel: string, page: HistoryPage): string {
  const messages = page.messages.map(({ offset, data, timestamp }) =>
    `{"offset":${offset},"data":${data},"timestamp":${timestamp}}`
  );
  return `"channel":${JSON.stringify(channel)}${positionMembers(page)},"messages":[${messages}]` +
    `${recoveredMember(page.recovered)},"more":${page.more}`;
}
