/**
 * Most readers of a room stop reading for a while, in which a backend publishes more than they can take:
 * publishers are held, and refused after a second.
 *
 * @module
 */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { anyNode, excuseBurst, type Fault, publishAt } from "../core/fault.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { ROOMS } from "../core/json_frames.ts";

export const jam: Fault = {
  weight: 3,
  begin(simulation, random) {
    const { scheduler } = simulation;
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const channel = random.pick(ROOMS);
    const ms = random.spread(300, 8_000);
    for (const connection of simulation.open) {
      if (random.chance(0.15)) continue;
      connection.impair("it does not read", ...UNREAD, ...UNHEARD);
      connection.down.readBytesPerMs = random.spread(20, 400);
      scheduler.after(ms, () => connection.down.readBytesPerMs = Infinity);
    }
    const { sendQueueBytes, maxMessageBytes } = simulation.config.limits;
    const bytes = Math.min(8_000, maxMessageBytes / 2);
    const messages = Math.min(400, Math.ceil(1.5 * (2_200_000 + sendQueueBytes) / bytes));
    excuseBurst(simulation, { messages, bytes });
    node.process.run(() => {
      for (let i = 0; i < messages; i++) {
        publishAt(simulation, node, { channel, bytes, by: "backend" });
      }
    });
    // Publishers meet the jam, too.
    for (const client of simulation.clients) {
      const isSpeaker = client instanceof ForeignClient && client.isWellBehaved &&
        client.channels.includes(channel);
      for (let i = 0; i < 4 && isSpeaker; i++) {
        scheduler.after(random.number() * 2_000, () => client.publishNow(channel));
      }
    }
    return `${messages} of ${bytes} bytes on ${channel} for ${Math.round(ms)} ms`;
  },
};
