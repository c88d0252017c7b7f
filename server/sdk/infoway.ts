/**
 * The client's side of infoway's wire format: numbered requests. One request carries several names,
 * since the server allows 60 requests a minute.
 *
 * @module
 */

import { fieldsOf, heartbeatOf, type HubProfile, noChannel } from "./profile.ts";

/** The codes of the requests to subscribe to a feed and to unsubscribe. */
const FEEDS: Readonly<Record<string, readonly [number, number]>> = {
  trade: [10000, 11000],
  depth: [10003, 11001],
  kline: [10006, 11002],
  news: [10020, 11020],
};

/** The most names in one request. */
const MAX_NAMES = 600;

/** The frames of infoway. */
export const INFOWAY: HubProfile = {
  intervalMs: 30_000,
  answers: true, // requested by ack
  heartbeat: (id) => JSON.stringify({ code: 10010, trace: id, ack: 1 }),
  decode: (data) => {
    const { code, trace } = fieldsOf(data);
    return code === 10011 ? heartbeatOf(trace) : undefined;
  },
  subscribe: (channels) => requests(channels, 0),
  unsubscribe: (channels) => requests(channels, 1),
};

/** As few requests as the wire format allows: one for each feed and each type of kline. */
function requests(channels: readonly string[], which: 0 | 1): string[] {
  const groups = new Map<string, string[]>();
  for (const channel of channels) {
    const [, group, name] = /^(trade|depth|news|kline\/\d+)\/(.+)$/s.exec(channel) ?? [];
    if (!name) {
      const rule = "infoway has trade/<code>, depth/<code>, kline/<type>/<code> and news/<lang>";
      throw noChannel(rule, channel);
    }
    groups.set(group, [...groups.get(group) ?? [], name]);
  }
  return [...groups].flatMap(([group, names]) => {
    const [feed, type] = group.split("/");
    const frames: string[] = [];
    while (names.length > 0) {
      const codes = names.splice(0, MAX_NAMES).join();
      const data = dataOf(feed, { type, codes, unsubscribe: which === 1 });
      frames.push(JSON.stringify({ code: FEEDS[feed][which], trace: group, data }));
    }
    return frames;
  });
}

function dataOf(
  feed: string,
  { type, codes, unsubscribe }: { type: string; codes: string; unsubscribe: boolean },
): unknown {
  if (feed === "news") return { lang: codes };
  if (feed !== "kline") return { codes };
  return unsubscribe ? { codes, klineTypes: type } : { arr: [{ type: Number(type), codes }] };
}
