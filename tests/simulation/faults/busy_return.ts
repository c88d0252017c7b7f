/**
 * A client loses its connection, comes back over a slow line, and meanwhile and afterwards more is
 * published in its rooms than their histories keep.
 *
 * @module
 */

import { anyNode, excuseBurst, type Fault, publishAt } from "../core/fault.ts";
import { ROOMS } from "../core/json_frames.ts";

/** More than a history has by default, and half a send queue. */
const MESSAGES = 400;

export const busyReturn: Fault = {
  weight: 4,
  begin(simulation, random) {
    const { scheduler, slots } = simulation;
    const node = anyNode(simulation, random);
    const clients = simulation.clients.filter(({ name, connection }) =>
      /^(sdk|resumer)/.test(name) && connection?.server?.isClosing === false && connection.isOpen
    );
    if (!node.isServing || clients.length === 0) return undefined;
    // The library finds a hole itself: what the hub tells is seen best without it.
    const plain = clients.filter(({ name }) => name.startsWith("resumer"));
    const client = random.pick(plain.length > 0 && random.chance(0.7) ? plain : clients);
    client.nextReadBytesPerMs = random.spread(1, 30);
    client.connection!.reset("it is reset");
    const channel = random.pick(client.subscribed().length > 0 ? client.subscribed() : ROOMS);
    const everyMs = random.spread(10, 100);
    const bytes = random.pick([20, 200, 900]);
    excuseBurst(simulation, { messages: MESSAGES, bytes });
    for (let i = 0; i < MESSAGES; i++) {
      scheduler.after(i * everyMs, () => {
        if (slots[node.slot] !== node || !node.isServing || simulation.isResting) return;
        node.process.run(() => {
          publishAt(simulation, node, { channel, bytes, by: "slow backend" });
        });
      });
    }
    return `${client.name} and ${channel}`;
  },
};
