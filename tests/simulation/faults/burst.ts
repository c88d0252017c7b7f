/** A backend publishes many messages at once: more than send queues and histories hold. */

import { anyNode, excuseBurst, type Fault, publishAt } from "../core/fault.ts";
import { ROOMS } from "../core/json_frames.ts";

export const burst: Fault = {
  weight: 3,
  begin(simulation, random) {
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const channel = random.pick([...ROOMS, "global", "trade/BTC", "news"]);
    const messages = random.pick([5, 40, 400]);
    const bytes = random.pick([10, 1_000, 4_000]);
    excuseBurst(simulation, { messages, bytes });
    node.process.run(() => {
      for (let i = 0; i < messages; i++) {
        publishAt(simulation, node, { channel, bytes, by: "backend" });
      }
    });
    return `${messages} of ${bytes} bytes on ${channel}`;
  },
};
