import { MemoryLimits } from "../../server/brokers/memory_limits.ts";
import { testLimits } from "../contracts/limits_contract.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

testLimits("MemoryLimits", () => {
  const clock = new VirtualClock();
  const limits = new MemoryLimits(clock);
  return Promise.resolve({
    a: limits.of("a"),
    b: limits.of("b"),
    loseB: () => Promise.resolve(limits.gone("b")),
    pass: (ms) => clock.pass(ms),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
