import { assertEquals } from "@std/assert";
import { type Stats, sumOf } from "../../server/http/stats.ts";

Deno.test("The stats of several nodes are added up, name by name", () => {
  const of = (uptimeSeconds: number, stats: object) => ({ uptimeSeconds, ...stats }) as Stats;
  const sum = sumOf([
    of(5, {
      channels: 1,
      rtt: { bounds: [1, 2], counts: [1, 0, 2] },
      disconnects: { a: 1 },
      idleTimeouts: [{ network: "n" }],
      profiles: { json: { opened: 1, closed: { drain: 1 } } },
    }),
    of(9, {
      channels: 2,
      rtt: { bounds: [1, 2], counts: [1, 1, 1] },
      disconnects: { a: 1, b: 3 },
      idleTimeouts: [{ network: "m" }],
      profiles: { json: { opened: 2, closed: { drain: 0 } } },
    }),
  ]);
  assertEquals(sum as object, {
    uptimeSeconds: 9,
    channels: 3,
    rtt: { bounds: [1, 2], counts: [2, 1, 3] },
    disconnects: { a: 2, b: 3 },
    idleTimeouts: [{ network: "n" }, { network: "m" }],
    profiles: { json: { opened: 3, closed: { drain: 1 } } },
  });
});
