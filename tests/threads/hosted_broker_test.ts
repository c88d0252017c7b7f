import type { Publication } from "../../server/message.ts";
import { testBroker } from "../contracts/broker_contract.ts";
import {
  type BoundedHistoryUnderTest,
  type Bounds,
  testBoundedHistory,
  testHistory,
} from "../contracts/history_contract.ts";
import { HostedHub } from "../support/threads/hosted_hub.ts";

testBroker("HostedBroker", () => {
  const hub = new HostedHub();
  return Promise.resolve({
    broker: hub.add().broker,
    settle: () => hub.settle(),
    end: () => Promise.resolve(hub[Symbol.dispose]()),
  });
});

testHistory("HostedBroker", hostedHistory);
testBoundedHistory("HostedBroker", hostedHistory);

async function hostedHistory(bounds: Bounds): Promise<BoundedHistoryUnderTest> {
  const hub = new HostedHub(bounds);
  const { broker } = hub.add();
  const delivered: Publication[] = [];
  await broker.start((each) => void (each.kind === "publication" && delivered.push(each)));
  return {
    broker,
    delivered,
    settle: () => hub.settle(),
    pass: (ms) => hub.pass(ms),
    usage: () => {
      const { bytes, evicted, evictedIds } = hub.history;
      return { bytes, evicted, evictedIds };
    },
    end: () => Promise.resolve(hub[Symbol.dispose]()),
  };
}
