import { MemoryBroker } from "../../server/brokers/memory.ts";
import { MemoryHistory } from "../../server/brokers/memory_history.ts";
import { Wheel } from "../../server/liveness/wheel.ts";
import type { Publication } from "../../server/message.ts";
import { testBroker } from "../contracts/broker_contract.ts";
import { testHistory } from "../contracts/history_contract.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

testBroker("MemoryBroker", { make: () => new MemoryBroker(), settle: () => Promise.resolve() });

testHistory("MemoryBroker", async (bounds) => {
  const clock = new VirtualClock();
  const keeps = (channel: string) => !channel.startsWith("off/");
  const history = new MemoryHistory({ ...bounds, clock, keeps });
  const wheel = new Wheel(clock, { tick() {}, stall() {} });
  wheel.schedule(history, wheel.now());
  wheel.start();
  const broker = new MemoryBroker(history);
  const delivered: Publication[] = [];
  await broker.start((each) => void (each.kind === "publication" && delivered.push(each)));
  return {
    broker,
    delivered,
    pass: (ms) => clock.pass(ms),
    usage: () => ({ bytes: history.bytes, evicted: history.evicted }),
  };
});
