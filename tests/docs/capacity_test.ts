/** The arithmetic of capacity.md: its formulas, with the costs of its first table, give its second one. */

import { assert, assertEquals } from "@std/assert";
import { OPTIONS } from "../../server/config/options.ts";
import { manual, plain, tableIn } from "../support/docs.ts";

/** Of the text above the second table. */
const DELIVERIES_PER_SECOND = 0.2;
const SUBSCRIBERS = 100;
const PING_PERIOD_S = 54;

/** What a table that is read by people may be off by. */
const TOLERANCE = 0.05;

const capacity = manual("capacity");
const costs = tableIn(capacity, "What things cost");
const sizes = tableIn(capacity, "Ten thousand, a million, ten million");

/** The numbers of a cell, thousands apart or not. */
const numbersIn = (cell: string) =>
  cell.match(/\d[\d ]*(\.\d+)?/g)!.map((number) => Number(number.replaceAll(" ", "")));

/** "Alone" comes first; the cheapest, and with how many in flight, last. */
function costOf(symbol: string): { alone: number; together: number } {
  const numbers = numbersIn(costs.rows.find(([name]) => plain(name) === symbol)![2]);
  return { alone: numbers[0], together: numbers.at(-2)! };
}

for (const [column, name] of sizes.header.entries()) {
  if (column === 0) continue;
  Deno.test(`capacity.md: what ${name} connections need follows from the costs`, () => {
    const [connections] = numbersIn(name);
    const nodes = Math.round(connections / Number(OPTIONS.MAX_CONNECTIONS.default)) || 1;
    const deliveries = connections * DELIVERIES_PER_SECOND;
    const published = deliveries / SUBSCRIBERS;
    const spread = nodes * (1 - (1 - 1 / nodes) ** SUBSCRIBERS);
    /** Cores. */
    const cpu = (each: number, us: number) => each * us / 1e6;
    const both = (kind: "alone" | "together") =>
      cpu(published, costOf("publish")[kind] + spread * costOf("receive")[kind]) / nodes;
    const redis = (kind: "alone" | "together") =>
      cpu(published, costOf("redis")[kind] + spread * costOf("each")[kind]);
    const [perPublication, perNode] = [450, 250];
    assertEquals(numbersIn(costs.rows.at(-1)![2]), [perPublication, perNode]);
    const expected: Readonly<Record<string, number[]>> = {
      "publications a second, p": [published],
      "deliveries a second, C × m": [deliveries],
      "nodes, N": [nodes],
      "nodes for each channel, k": [spread],
      "deliveries of a node, cores": [cpu(deliveries, costOf("deliver").alone) / nodes],
      "pings of a node, cores": [cpu(connections / PING_PERIOD_S, costOf("ping").alone) / nodes],
      "publications of a node, both sides, cores": [both("together"), both("alone")],
      "CPU of Redis, cores": [redis("together"), redis("alone")],
      "network of Redis, out": [published * spread * perNode / 1e6],
    };
    for (const [row, values] of Object.entries(expected)) {
      const cell = sizes.rows.find(([label]) => plain(label) === row)![column];
      if (cell === "–" || cell === "none") {
        assertEquals(nodes, 1, `${row}: ${cell}`);
        continue;
      }
      const shown = numbersIn(cell);
      assertEquals(shown.length, values.length, row);
      for (const [index, value] of values.entries()) {
        const isNear = Math.abs(shown[index] - value) <= TOLERANCE * value;
        assert(isNear, `${row}: ${shown[index]}, expected ${value}`);
      }
    }
  });
}
