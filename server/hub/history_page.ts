/**
 * What is read of a channel's history: where a reader begins, and one page of messages. Pure.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { ChannelHistory } from "../brokers/broker.ts";
import type { HistoryPage, HistoryQuery } from "../message.ts";

/** Data of one page, bytes; a page with one message may have more. */
const PAGE_BYTES = 262_144;

/** Where a reader begins. */
export interface Start {
  /** The offset of its first message; that after the newest one where it gets none. */
  readonly from: number;
  /** Whether all that followed `since` is there; undefined without a `since`. */
  readonly recovered?: boolean;
}

/** Where a subscription begins: at what it asks for, or else after the newest message. */
export function startOf(history: ChannelHistory, { since, last }: HistoryQuery): Start {
  const { epoch, offset, first } = history;
  const recovered = since && since.epoch === epoch && since.offset >= first - 1 &&
    since.offset <= offset;
  if (since !== undefined && recovered) return { from: since.offset + 1, recovered };
  const from = last === undefined ? offset + 1 : Math.max(first, offset - last + 1);
  return { from, recovered };
}

/** The oldest of the messages that are asked for; all that are kept where nothing is. */
export function pageOf(history: ChannelHistory, query: HistoryQuery): HistoryPage {
  const { epoch, offset, first } = history;
  const isAll = query.since === undefined && query.last === undefined;
  const { from, recovered } = isAll ? { from: first } : startOf(history, query);
  const messages = [];
  let bytes = 0;
  for (let next = from; next <= offset; next++) {
    const message = history.at(next)!;
    bytes += Buffer.byteLength(message.data);
    if (bytes > PAGE_BYTES && messages.length > 0) break;
    messages.push(message);
  }
  return { epoch, offset, messages, recovered, more: from + messages.length <= offset };
}
