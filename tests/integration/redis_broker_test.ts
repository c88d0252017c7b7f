import type { Publication } from "../../server/message.ts";
import { testBroker } from "../contracts/broker_contract.ts";
import { type Bounds, type HistoryUnderTest, testHistory } from "../contracts/history_contract.ts";
import { TestNodes } from "../support/server/redis_nodes.ts";
import { RedisServer } from "../support/server/redis_server.ts";

const cluster = RedisServer.clusterOfFile();

const ENGINES = {
  RedisBroker: () => TestNodes.start(),
  "RedisBroker on a cluster": async () => TestNodes.on(await cluster()),
};

for (const [name, start] of Object.entries(ENGINES)) {
  testBroker(name, async () => {
    const nodes = await start();
    return {
      broker: nodes.broker(),
      settle: () => nodes.settle(),
      end: () => nodes[Symbol.asyncDispose](),
    };
  });

  testHistory(name, async (bounds: Bounds): Promise<HistoryUnderTest> => {
    const nodes = await start();
    const broker = nodes.broker(bounds);
    const delivered: Publication[] = [];
    await broker.start((each) => void (each.kind === "publication" && delivered.push(each)));
    return {
      broker,
      delivered,
      settle: () => nodes.settle(),
      pass: (ms) => nodes.pass(ms),
      end: () => nodes[Symbol.asyncDispose](),
    };
  });
}
