/** A client of the events-hub system: names its event types in the URL, pings by text at times. */

import type { ClientKind } from "../core/client.ts";
import { HEARTBEAT_MS } from "../core/profiles.ts";
import { type Driver, ForeignClient } from "../core/foreign_client.ts";

const TYPES = ["global", "stats", "auth"];

const DRIVER: Driver = {
  request: ({ credential, channels }) => ({
    url: `/api/v1/ws/subscribe?event_types=${channels.join(",")},health`,
    ...(credential !== undefined && { headers: { authorization: `Bearer ${credential}` } }),
  }),
  channels: TYPES,
  heartbeat: {
    text: '{"event_type":"health","message":"ping"}',
    everyMs: HEARTBEAT_MS["events-hub"],
  },
  subscribe: () => [],
  hear: (text) => {
    const { event_type: channel, body } = JSON.parse(text);
    if (body?.subscriptions) {
      return {
        kind: "subscribed",
        channels: body.subscriptions.filter((it: string) => it !== "health"),
      };
    }
    return typeof body === "string" ? { kind: "message", channel, data: body } : { kind: "other" };
  },
};

export const eventsHub: ClientKind = {
  weight: 2,
  create: (context) => new ForeignClient(context, DRIVER),
};
