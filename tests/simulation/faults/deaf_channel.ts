/** The node of a client gets nothing of one channel over pub/sub for a while, as if its subscription were lost. */

import type { Fault } from "../core/fault.ts";
import { ROOMS } from "../core/json_frames.ts";
import { REDIS_PREFIX } from "../core/node.ts";
import { channelKeys } from "../../../server/redis/keys.ts";

export const deafChannel: Fault = {
  weight: 6,
  isOfNodes: true,
  begin({ redis, clients, nowMs }, random) {
    const places = clients.flatMap((client) =>
      client.subscribed().filter((channel) => ROOMS.includes(channel))
        .map((channel) => ({ channel, node: client.connection?.node.name }))
    ).filter(({ node }) => node !== undefined);
    if (places.length === 0) return undefined;
    const { channel, node } = random.pick(places);
    const ms = random.between(20_000, 140_000);
    const { live: name } = channelKeys(REDIS_PREFIX, channel);
    const fault = { process: node, name, lost: 1, repeated: 0, late: 0 };
    redis!.pubSubFaults.push({ ...fault, untilMs: nowMs + ms });
    return `${channel} at ${node} for ${Math.round(ms)} ms`;
  },
};
