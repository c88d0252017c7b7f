import type { Broker } from "../../server/brokers/broker.ts";
import { MemoryBroker } from "../../server/brokers/memory.ts";
import { MemoryHistory } from "../../server/brokers/memory_history.ts";
import { Wheel } from "../../server/liveness/wheel.ts";
import type { Publication } from "../../server/message.ts";
import { testBroker } from "../contracts/broker_contract.ts";
import {
  type BoundedHistoryUnderTest,
  type Bounds,
  testBoundedHistory,
  testHistory,
} from "../contracts/history_contract.ts";
import { DelayedBroker } from "../support/fakes/delayed_broker.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const newId = () => crypto.randomUUID();
const atOnce = { settle: () => Promise.resolve(), end: () => Promise.resolve() };

// What the suites ask for holds for a broker that answers later, too.
const BROKERS = { MemoryBroker: (memory: MemoryBroker) => memory, DelayedBroker: delayed };

for (const [name, wrap] of Object.entries(BROKERS)) {
  testBroker(name, () => Promise.resolve({ broker: wrap(new MemoryBroker()), ...atOnce }));
  testHistory(name, (bounds) => memoryHistory(bounds, wrap));
  testBoundedHistory(name, (bounds) => memoryHistory(bounds, wrap));
}

function delayed(memory: MemoryBroker): DelayedBroker {
  const broker = new DelayedBroker(memory);
  broker.onRequest = () => queueMicrotask(() => broker.settle());
  return broker;
}

async function memoryHistory(
  bounds: Bounds,
  wrap: (memory: MemoryBroker) => Broker,
): Promise<BoundedHistoryUnderTest> {
  const clock = new VirtualClock();
  const keeps = (channel: string) => !channel.startsWith("off/");
  const history = new MemoryHistory({ ...bounds, clock, newId, keeps });
  const wheel = new Wheel(clock, { tick() {}, stall() {} });
  wheel.schedule(history, wheel.now());
  wheel.start();
  const broker = wrap(new MemoryBroker(history));
  const delivered: Publication[] = [];
  await broker.start((each) => void (each.kind === "publication" && delivered.push(each)));
  return {
    broker,
    delivered,
    pass: (ms) => clock.pass(ms),
    usage: () => {
      const { bytes, evicted, evictedIds } = history;
      return { bytes, evicted, evictedIds };
    },
    ...atOnce,
  };
}
