import { MemoryBroker } from "../../server/brokers/memory.ts";
import { testBroker } from "../contracts/broker_contract.ts";

testBroker("MemoryBroker", { make: () => new MemoryBroker(), settle: () => Promise.resolve() });
