/** A backend publishes many messages at once: more than send queues and histories hold. */

import type { Fault } from "../core/fault.ts";
import { ROOMS } from "../core/json_frames.ts";

export const burst: Fault = {
  weight: 3,
  begin(simulation, random) {
    const { node, ledger } = simulation;
    if (!node.isServing) return undefined;
    const channel = random.pick([...ROOMS, "global", "trade/BTC", "news"]);
    const messages = random.pick([5, 40, 400]);
    const bytes = random.pick([10, 1_000, 4_000]);
    const { sendQueueBytes, sendQueueMessages } = simulation.config.limits;
    const all = messages * (bytes + 100);
    for (const connection of node.connections) {
      const { capacityBytes } = connection.request.way;
      // More than the kernels take at once, and than may wait behind it: its peer is too slow for that.
      const isTooMuch = all > capacityBytes / 2 &&
        (2 * messages > sendQueueMessages || 2 * all > sendQueueBytes);
      if (isTooMuch || all > 8 * sendQueueBytes) connection.excuse("a burst", "slow_consumer");
    }
    node.process.run(() => {
      for (let i = 0; i < messages; i++) {
        const data = ledger.publish({ name: "backend", index: 0 }, channel, {
          bytes,
          by: "backend",
        });
        void node.parts!.hub.publish(channel, JSON.stringify(data));
      }
    });
    return `${messages} of ${bytes} bytes on ${channel}`;
  },
};
