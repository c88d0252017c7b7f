import type { Broker } from "../../server/brokers/broker.ts";
import { MemoryBroker } from "../../server/brokers/memory.ts";
import { MemoryHistory } from "../../server/brokers/memory_history.ts";
import { Wheel } from "../../server/liveness/wheel.ts";
import type { Publication } from "../../server/message.ts";
import { testBroker } from "../contracts/broker_contract.ts";
import { type Bounds, type HistoryUnderTest, testHistory } from "../contracts/history_contract.ts";
import { DelayedBroker } from "../support/fakes/delayed_broker.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const newId = () => crypto.randomUUID();

testBroker("MemoryBroker", { make: () => new MemoryBroker(), settle: () => Promise.resolve() });
testHistory("MemoryBroker", (bounds) => memoryHistory(bounds, (memory) => memory));

// What the suites ask for holds for a broker that answers later, too.
testBroker("DelayedBroker", {
  make: () => delayed(new MemoryBroker()),
  settle: () => Promise.resolve(),
});
testHistory("DelayedBroker", (bounds) => memoryHistory(bounds, delayed));

function delayed(memory: MemoryBroker): DelayedBroker {
  const broker = new DelayedBroker(memory);
  broker.onRequest = () => queueMicrotask(() => broker.settle());
  return broker;
}

async function memoryHistory(
  bounds: Bounds,
  wrap: (memory: MemoryBroker) => Broker,
): Promise<HistoryUnderTest> {
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
  };
}
