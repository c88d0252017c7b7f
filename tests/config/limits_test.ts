import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { chooseQueueSizes, queueProblems, type QueueSizes } from "../../server/config/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const DEFAULTS: QueueSizes = {
  maxMessageBytes: 64 * KIB,
  sendQueueBytes: MIB,
  queueBudgetBytes: 256 * MIB,
};

Deno.test("chooseQueueSizes() lets defaults give way to what is given", () => {
  // given -> message, queue, budget
  const rows: [Partial<QueueSizes>, number[]][] = [
    [{}, [64 * KIB, MIB, 256 * MIB]],
    [{ maxMessageBytes: 4 * MIB }, [4 * MIB, 8 * MIB, 256 * MIB]],
    [{ maxMessageBytes: 200 * MIB }, [200 * MIB, 400 * MIB, 400 * MIB]],
    [{ sendQueueBytes: 32 * KIB }, [16 * KIB, 32 * KIB, 256 * MIB]],
    [{ sendQueueBytes: 512 * MIB }, [64 * KIB, 512 * MIB, 512 * MIB]],
    [{ queueBudgetBytes: 64 * KIB }, [32 * KIB, 64 * KIB, 64 * KIB]],
    [{ maxMessageBytes: 3 * MIB, queueBudgetBytes: 4 * MIB }, [3 * MIB, 4 * MIB, 4 * MIB]],
    [{ maxMessageBytes: MIB, sendQueueBytes: MIB }, [MIB, MIB, 256 * MIB]],
  ];
  for (const [given, expected] of rows) {
    const sizes = chooseQueueSizes(given, DEFAULTS);
    const actual = [sizes.maxMessageBytes, sizes.sendQueueBytes, sizes.queueBudgetBytes];
    assertEquals(actual, expected, JSON.stringify(given));
  }
});

Deno.test("queueProblems() names the two sizes that do not fit, and both values", () => {
  assertEquals(queueProblems({ maxMessageBytes: 9, sendQueueBytes: 8, queueBudgetBytes: 7 }), [
    "SEND_QUEUE_BYTES must be >= MAX_MESSAGE_BYTES, got 8 and 9",
    "QUEUE_BUDGET_BYTES must be >= SEND_QUEUE_BYTES, got 7 and 8",
  ]);
  assertEquals(queueProblems({ maxMessageBytes: 9, queueBudgetBytes: 8 }), [
    "QUEUE_BUDGET_BYTES must be >= MAX_MESSAGE_BYTES, got 8 and 9",
  ]);
  assertEquals(queueProblems({ maxMessageBytes: 8, sendQueueBytes: 8, queueBudgetBytes: 8 }), []);
});

Deno.test("chooseQueueSizes() keeps all that is given, and message <= queue <= budget", () => {
  const size = fc.option(fc.integer({ min: 256, max: 1024 * MIB }), { nil: undefined });
  const givens = fc.record({ maxMessageBytes: size, sendQueueBytes: size, queueBudgetBytes: size });
  fc.assert(
    fc.property(givens, (given) => {
      fc.pre(queueProblems(given).length === 0);
      const sizes = chooseQueueSizes(given, DEFAULTS);
      assertLessOrEqual(sizes.maxMessageBytes, sizes.sendQueueBytes);
      assertLessOrEqual(sizes.sendQueueBytes, sizes.queueBudgetBytes);
      for (const [name, value] of Object.entries(given)) {
        if (value !== undefined) assertEquals(sizes[name as keyof QueueSizes], value);
      }
    }),
    { numRuns: 2000 },
  );
});
