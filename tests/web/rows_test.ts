import { assertEquals } from "@std/assert";
import { type ListPage, PAGE_ROWS, Rows } from "../../server/web/rows.ts";
import type { Connection } from "../../server/web/api_types.ts";

const TOTAL = 10 * PAGE_ROWS;

/** Rows of a list of a thousand, answered when the test says so. */
function rowsOf() {
  const asked: { offset: number; sort: string; answer: () => void; fail: () => void }[] = [];
  const rows = new Rows(({ offset, limit, sort }) => {
    const page = Promise.withResolvers<ListPage>();
    const connections = Array.from({ length: limit }, (_, i) => ({ id: `${sort} ${offset + i}` }));
    asked.push({
      offset,
      sort,
      answer: () => page.resolve({ connections: connections as Connection[], total: TOTAL }),
      fail: () => page.reject(new Error("gone")),
    });
    return page.promise;
  });
  const answerAll = () => asked.splice(0).map(({ answer, offset }) => (answer(), offset));
  return { rows, asked, answerAll };
}

Deno.test("Rows asks once for the pages in sight that are missing, and then for none", async () => {
  const { rows, answerAll } = rowsOf();
  let changes = 0;
  rows.onChange = () => changes++;
  const wanted = rows.want([90, 130], "missing");
  const again = rows.want([90, 130], "all"); // while the first are still on their way
  assertEquals(answerAll(), [0, 100]);
  await Promise.all([wanted, again]);
  assertEquals([rows.at(95)?.id, rows.at(129)?.id, rows.at(250)], ["age 95", "age 129", undefined]);
  assertEquals([rows.total, changes], [TOTAL, 2]);
  await rows.want([90, 130], "missing");
  assertEquals(answerAll(), []);
});

Deno.test("Rows asks anew for what is in sight, and forgets the rest", async () => {
  const { rows, answerAll } = rowsOf();
  for (const sight of [[0, 30], [500, 530]] as const) {
    const wanted = rows.want(sight, "missing");
    answerAll();
    await wanted;
  }
  const refreshed = rows.want([500, 530], "all");
  assertEquals(answerAll(), [500]);
  await refreshed;
  assertEquals([rows.at(0), rows.at(500)?.id], [undefined, "age 500"]);
});

Deno.test("Rows of another list that come late are of no effect, nor is their failure", async () => {
  const { rows, asked, answerAll } = rowsOf();
  const errors: unknown[] = [];
  rows.onError = (error) => errors.push(error);
  const old = rows.want([0, 130], "missing");
  const [late, lost] = asked.splice(0);
  rows.listing = { ...rows.listing, sort: "rtt" };
  const wanted = rows.want([0, 30], "missing");
  late.answer();
  lost.fail();
  await old;
  assertEquals([rows.at(0), errors.length], [undefined, 0]);
  assertEquals(answerAll(), [0]);
  await wanted;
  assertEquals(rows.at(0)?.id, "rtt 0");
});

Deno.test("Rows of the last list stay until the first of another have come", async () => {
  const { rows, asked, answerAll } = rowsOf();
  const first = rows.want([0, 130], "missing");
  answerAll();
  await first;
  rows.listing = { ...rows.listing, sort: "rtt" };
  const failing = rows.want([0, 30], "missing");
  asked.splice(0)[0].fail();
  await failing;
  assertEquals([rows.shown.sort, rows.at(0)?.id, rows.at(120)?.id], ["age", "age 0", "age 120"]);
  const wanted = rows.want([0, 30], "missing");
  answerAll();
  await wanted;
  assertEquals([rows.shown.sort, rows.at(0)?.id, rows.at(120)], ["rtt", "rtt 0", undefined]);
});

Deno.test("Rows tells when they cannot be had, and asks again the next time", async () => {
  const { rows, asked } = rowsOf();
  const errors: unknown[] = [];
  rows.onError = (error) => errors.push(error);
  const wanted = rows.want([0, 30], "missing");
  asked.splice(0)[0].fail();
  await wanted;
  assertEquals(errors.length, 1);
  const again = rows.want([0, 30], "missing");
  asked.splice(0)[0].answer();
  await again;
  assertEquals(rows.at(3)?.id, "age 3");
});
