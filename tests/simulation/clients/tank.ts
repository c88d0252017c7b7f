/** A client of the tank system: a chat whose texts are relayed to all others. */

import type { ClientKind } from "../core/client.ts";
import { type Driver, ForeignClient } from "../core/foreign_client.ts";

/** The relayed texts: a channel of the simulation alone. */
const CHAT = "relayed texts";

const DRIVER: Driver = {
  request: ({ credential, index }) => ({
    url: `/ws?user_id=u${index}${credential === undefined ? "" : `&token=${credential}`}`,
  }),
  channels: ["news", "score"],
  publishChannels: [CHAT],
  subscribe: (channel) => [`sub:${channel}`],
  publish: (_channel, data) => data,
  hear: (text) => {
    if (text.startsWith("m")) return { kind: "message", channel: CHAT, data: text };
    if (!text.startsWith("{")) return { kind: "other" };
    const { topic: channel, data } = JSON.parse(text);
    return { kind: "message", channel, data };
  },
};

export const tank: ClientKind = {
  weight: 2,
  create: (context) => new ForeignClient(context, DRIVER),
};
