import type { Publication } from "../../server/message.ts";
import { PER_SECOND, testAdmissionRate } from "../contracts/admission_rate_contract.ts";
import { type BrokerUnderTest, testBroker } from "../contracts/broker_contract.ts";
import { type HistoryUnderTest, testHistory } from "../contracts/history_contract.ts";
import { testLimits } from "../contracts/limits_contract.ts";
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

testLimits("RedisLimits on the simulated Redis", async () => {
  const world = new RedisWorld();
  const [{ broker: a }, { broker: b }] = [await world.node(), await world.node()];
  return {
    a: a.limits,
    b: b.limits,
    loseB: () => b.close(),
    pass: (ms) => world.pass(ms),
    [Symbol.asyncDispose]: () => world.end(),
  };
});

testAdmissionRate("RedisAdmissionRate on the simulated Redis", async () => {
  const world = new RedisWorld();
  const options = { admissionPerSecond: PER_SECOND };
  const [{ broker: a }, { broker: b }] = [await world.node(options), await world.node(options)];
  return {
    rate: a.admissionRate,
    other: b.admissionRate,
    pass: (ms) => world.pass(ms),
    toleranceMs: SETTLE_MS,
    [Symbol.asyncDispose]: () => world.end(),
  };
});
