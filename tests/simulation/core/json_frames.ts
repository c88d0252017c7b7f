/**
 * The json system as a client without the library speaks it.
 *
 * @module
 */

import type { Driver, Heard } from "./foreign_client.ts";
import type { Place } from "./ledger.ts";

/** Channels on which most clients meet. */
export const ROOMS: readonly string[] = ["room/1", "room/2", "room/3", "room/4"];

export const JSON_DRIVER: Driver = {
  request: ({ credential }) => ({
    url: "/ws",
    ...(credential !== undefined && { headers: { authorization: `Bearer ${credential}` } }),
  }),
  channels: ROOMS,
  subscribe: (channel) => [JSON.stringify({ type: "subscribe", channel, id: `s ${channel}` })],
  publish: (channel, data, id) => JSON.stringify({ type: "publish", channel, data, id }),
  hear: hearJson,
};

export function hearJson(text: string): Heard {
  const frame = JSON.parse(text);
  switch (frame.type) {
    case "message":
      return {
        kind: "message",
        channel: frame.channel,
        data: `${frame.data}`,
        offset: frame.offset,
      };
    case "subscribed":
    case "gap": {
      const { channel, recovered } = frame;
      return { kind: "subscribed", channels: [channel], after: placeOf(frame), recovered };
    }
    case "published":
      return {
        kind: "published",
        place: placeOf(frame),
        id: frame.id,
        isAlone: frame.degraded === true,
      };
    case "ping": {
      const { id, timestamp } = frame;
      return { kind: "ping", answer: JSON.stringify({ type: "pong", id, timestamp }) };
    }
    case "error":
      return { kind: "refused", id: `${frame.id}` };
    default:
      return { kind: "other" };
  }
}

function placeOf({ epoch, offset }: { epoch?: string; offset?: number }): Place | undefined {
  return epoch === undefined || offset === undefined ? undefined : { epoch, offset };
}
