/**
 * What the node counts agrees with what there is: opened is open and closed, by profile and reason; the
 * registry has every connection once; the budget of all queues is the sum of them.
 *
 * @module
 */

import type { SimNode } from "../core/node.ts";
import type { Invariant, Simulation } from "../core/simulation.ts";

const PROFILES = ["json", "events-hub", "infoway", "tank", "talo"];

export const counts: Invariant = {
  name: "counts",
  watch: (simulation) => {
    const opened = new Map<SimNode, number>();
    return {
      on(happening) {
        if (happening.kind === "opened") {
          const { node } = happening.connection;
          opened.set(node, (opened.get(node) ?? 0) + 1);
        }
        if (happening.kind === "drained") check(simulation, happening.node, opened);
      },
      sample() {
        for (const node of simulation.nodes) check(simulation, node, opened);
      },
    };
  },
};

function check(simulation: Simulation, node: SimNode, opened: Map<SimNode, number>): void {
  const { process, parts } = node;
  // Between two turns alone: in the middle of a stall messages to the hub may wait.
  if (parts === undefined || !process.isAlive || process.isStalled) return;
  const { hub, metrics, budget, admission } = parts;
  // A hub that starts while Redis is away waits for it first.
  if (simulation.redis !== undefined && hub.backlog > 0) return;
  const find = (what: string) => simulation.find("counts", `${node.name}: ${what}`, [node.name]);
  let [allOpened, allClosed] = [0, 0];
  for (const profile of PROFILES) {
    const { opened, closed } = metrics.of(profile);
    allOpened += opened;
    for (const count of Object.values(closed)) allClosed += count;
  }
  const open = [...node.connections].filter(({ truth }) => truth.logged === undefined).length;
  if (allOpened - allClosed !== open) {
    find(`${allOpened} opened, ${allClosed} closed, and ${open} are open`);
  }
  const trueOpened = opened.get(node) ?? 0;
  if (allOpened !== trueOpened) find(`counts ${allOpened} as opened, which are ${trueOpened}`);
  const { health, liveness } = metrics.summary();
  for (const [name, gauge] of Object.entries({ health, liveness })) {
    const sum = Object.values(gauge).reduce((all, each) => all + each, 0);
    if (sum !== open) find(`${sum} connections have a ${name}, and ${open} are open`);
  }
  if (admission.open < open) find(`${admission.open} permits are out for ${open}`);
  hub.runInHub((registry) => {
    if (registry.size !== open) find(`${registry.size} subscribers for ${open} connections`);
    let [bytes, channels] = [0, 0];
    for (const { writePump } of registry.subscribers) bytes += writePump.pendingBytes;
    if (bytes !== budget.usedBytes) {
      find(`the queues have ${bytes} bytes, counted are ${budget.usedBytes}`);
    }
    for (const channel of registry.channels) {
      channels++;
      if (registry.subscribersOf(channel).size === 0) find(`${channel} has no subscriber`);
      for (const subscriber of registry.subscribersOf(channel)) {
        if (!registry.channelsOf(subscriber).has(channel)) {
          find(`${channel} is in one direction only`);
        }
        if (node.connectionOf(subscriber.id)?.truth.logged !== undefined) {
          find(`${channel} has a subscriber that has ended`);
        }
      }
    }
    if (channels !== hub.channelCount) find(`counts ${hub.channelCount} channels of ${channels}`);
  });
}
