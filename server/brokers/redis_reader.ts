/**
 * Reads what Redis has kept of a channel. Age is judged here, message by message: the stream itself
 * expires as a whole.
 *
 * @module
 */

import type { Position, Publication } from "../message.ts";
import { Unavailable } from "./broker.ts";
import type { HistoryBounds } from "./memory_history.ts";
import type { RedisEngines } from "./redis_engines.ts";
import type { ChannelKeys } from "../redis/keys.ts";
import { type LiveMessage, parseLive } from "./redis_messages.ts";

/** What was read of a channel. */
export interface Reading extends Position {
  /** The offset of the oldest message that is kept, or was read; `offset + 1` where none is. */
  readonly first: number;
  /** In the order of their offsets: none is missing between them. */
  readonly messages: readonly Publication[];
  /** Others after the known one, which a gap follows: nobody who comes later gets them. */
  readonly beforeGap: readonly Publication[];
  /** The time of the server, by which they are stamped, wall-clock ms. */
  readonly nowMs: number;
  /** Whether these are all that the channel has kept. */
  readonly isWhole: boolean;
}

/**
 * Reads the position of a channel and the messages after one that is known, all where none is.
 *
 * @throws {Unavailable}
 */
export type ReadChannel = (
  channel: string,
  keys: ChannelKeys,
  known?: Position,
) => Promise<Reading>;

export interface ReaderOptions
  extends Pick<HistoryBounds, "historyTtlMs" | "historyPositionTtlMs"> {
  readonly engines: Pick<RedisEngines, "of">;
  /** A name that no epoch has had. */
  readonly newEpoch: () => string;
}

export function channelReader(
  { engines, newEpoch, historyTtlMs, historyPositionTtlMs }: ReaderOptions,
): ReadChannel {
  return async (channel, { position, messages }, known) => {
    const engine = engines.of(position);
    if (engine.run === undefined) throw new Unavailable("Redis is away");
    const [epoch, newest, now, texts] = await engine.commands.readChannel(
      position,
      messages,
      engine.run,
      newEpoch(),
      historyPositionTtlMs,
      known?.epoch ?? "",
      known?.offset ?? 0,
    ).catch((cause) => {
      throw new Unavailable("Redis has not answered", { cause });
    });
    const nowMs = Number(now);
    const offset = Number(newest);
    const read = texts.map((text) => parseLive(channel, text));
    const gapAt = read.findLastIndex(({ kind }) => kind === "keptGap");
    const all = publicationsOf(read.slice(gapAt + 1));
    const fresh = all.findIndex(({ timestamp }) => timestamp + historyTtlMs > nowMs);
    const kept = fresh < 0 ? [] : all.slice(fresh);
    return {
      epoch,
      offset,
      first: kept[0]?.offset ?? offset + 1,
      messages: kept,
      beforeGap: publicationsOf(read.slice(0, Math.max(0, gapAt))),
      nowMs,
      isWhole: known?.epoch !== epoch,
    };
  };
}

function publicationsOf(messages: readonly LiveMessage[]): Publication[] {
  return messages.filter((message) => message.kind === "publication")
    .map(({ publication }) => publication);
}
