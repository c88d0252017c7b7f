/** The history of a channel is removed: who catches up is told of a gap. */

import { anyNode, type Fault } from "../core/fault.ts";
import { ROOMS } from "../core/json_frames.ts";

export const forget: Fault = {
  weight: 1,
  begin(simulation, random) {
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const channel = random.pick(ROOMS);
    node.process.run(() => {
      node.parts!.hub.clearHistory(channel).catch(() => {}); // the engine may be away
    });
    return channel;
  },
};
