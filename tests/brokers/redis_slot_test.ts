import { assertEquals } from "@std/assert";
import { slotOf } from "../../server/redis/slot.ts";

Deno.test("A name has the slot that a Redis Cluster gives it", () => {
  // By CLUSTER KEYSLOT of Redis 7.0.15.
  const slots = {
    "123456789": 12_739,
    foo: 12_182,
    "foo{bar}{zap}": 5_061,
    "foo{}{bar}": 8_363,
    "foo{{bar}}zap": 4_015,
    "{user1000}.following": 3_443,
    "ü{€}": 1_997,
    "": 0,
  };
  for (const [name, slot] of Object.entries(slots)) assertEquals(slotOf(name), slot, name);
});
