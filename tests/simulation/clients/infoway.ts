/** A client of the infoway system: only its own heartbeats keep it alive. */

import type { ClientKind } from "../core/client.ts";
import { HEARTBEAT_MS } from "../core/profiles.ts";
import { type Driver, ForeignClient } from "../core/foreign_client.ts";

const CHANNELS = ["trade/BTC", "depth/ETH"];
const SUBSCRIBE: Record<string, unknown> = {
  "trade/BTC": { code: 10000, trace: "trade/BTC", data: { codes: "BTC" } },
  "depth/ETH": { code: 10003, trace: "depth/ETH", data: { codes: "ETH" } },
};

const DRIVER: Driver = {
  request: ({ credential }) => ({
    url: `/ws?business=crypto${credential === undefined ? "" : `&apikey=${credential}`}`,
  }),
  channels: CHANNELS,
  heartbeat: { text: '{"code":10010,"trace":"b","ack":1}', everyMs: HEARTBEAT_MS.infoway },
  subscribe: (channel) => [JSON.stringify(SUBSCRIBE[channel])],
  hear: (text) => {
    const { code, trace, data } = JSON.parse(text);
    if (code === 10001 || code === 10004) return { kind: "subscribed", channels: [trace] };
    if (code === 10002) return { kind: "message", channel: "trade/BTC", data };
    if (code === 10005) return { kind: "message", channel: "depth/ETH", data };
    return { kind: "other" };
  },
};

export const infoway: ClientKind = {
  weight: 2,
  create: (context) => new ForeignClient(context, DRIVER),
};
