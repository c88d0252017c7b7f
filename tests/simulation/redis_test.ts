import type { Publication } from "../../server/message.ts";
import { type BrokerUnderTest, testBroker } from "../contracts/broker_contract.ts";
import { type HistoryUnderTest, testHistory } from "../contracts/history_contract.ts";
import { RedisWorld, SETTLE_MS } from "./core/redis_world.ts";

testBroker("RedisBroker on the simulated Redis", (): Promise<BrokerUnderTest> => {
  const world = new RedisWorld();
  return Promise.resolve({
    broker: world.broker(),
    settle: () => world.pass(SETTLE_MS),
    end: () => world.end(),
  });
});

testHistory("RedisBroker on the simulated Redis", async (bounds): Promise<HistoryUnderTest> => {
  const world = new RedisWorld();
  const broker = world.broker(bounds);
  const delivered: Publication[] = [];
  await broker.start((each) => void (each.kind === "publication" && delivered.push(each)));
  return {
    broker,
    delivered,
    settle: () => world.pass(SETTLE_MS),
    pass: (ms) => world.pass(ms),
    end: () => world.end(),
  };
});
