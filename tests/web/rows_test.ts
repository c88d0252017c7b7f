import { assertEquals } from "@std/assert";
import { type ListPage, PAGE_ROWS, Rows } from "../../server/web/rows.ts";
import type { Connection } from "../../server/web/api_types.ts";

const TOTAL = 10 * PAGE_ROWS;

/** Rows of a list of a thousand, whose requests the test answers. */
function rowsOf() {
  const requests: { offset: number; sort: string; answer: () => void; fail: () => void }[] = [];
  const rows = new Rows(({ offset, limit, sort }) => {
    const page = Promise.withResolvers<ListPage>();
    const connections = Array.from({ length: limit }, (_, i) => ({ id: `${sort} ${offset + i}` }));
    requests.push({
      offset,
      sort,
      answer: () => page.resolve({ connections: connections as Connection[], total: TOTAL }),
      fail: () => page.reject(new Error("gone")),
    });
    return page.promise;
  });
  const answerAll = () => requests.splice(0).map(({ answer, offset }) => (answer(), offset));
  return { rows, requests, answerAll };
}

Deno.test("Rows requests each missing visible page once", async () => {
  const { rows, answerAll } = rowsOf();
  let changes = 0;
  rows.onChange = () => changes++;
  const loaded = rows.load([90, 130], "missing");
  const again = rows.load([90, 130], "all"); // while the first requests are pending
  assertEquals(answerAll(), [0, 100]);
  await Promise.all([loaded, again]);
  assertEquals([rows.at(95)?.id, rows.at(129)?.id, rows.at(250)], [
    "health 95",
    "health 129",
    undefined,
  ]);
  assertEquals([rows.total, changes], [TOTAL, 2]);
  await rows.load([90, 130], "missing");
  assertEquals(answerAll(), []);
});

Deno.test("Rows refreshes the visible pages, and drops the others", async () => {
  const { rows, answerAll } = rowsOf();
  for (const visible of [[0, 30], [500, 530]] as const) {
    const loaded = rows.load(visible, "missing");
    answerAll();
    await loaded;
  }
  const refreshed = rows.load([500, 530], "all");
  assertEquals(answerAll(), [500]);
  await refreshed;
  assertEquals([rows.at(0), rows.at(500)?.id], [undefined, "health 500"]);
});

Deno.test("Rows ignores late responses and failures of another listing", async () => {
  const { rows, requests, answerAll } = rowsOf();
  const errors: unknown[] = [];
  rows.onError = (error) => errors.push(error);
  const old = rows.load([0, 130], "missing");
  const [late, lost] = requests.splice(0);
  rows.listing = { ...rows.listing, sort: "rtt" };
  const loaded = rows.load([0, 30], "missing");
  late.answer();
  lost.fail();
  await old;
  assertEquals([rows.at(0), errors.length], [undefined, 0]);
  assertEquals(answerAll(), [0]);
  await loaded;
  assertEquals(rows.at(0)?.id, "rtt 0");
});

Deno.test("Rows keeps the last listing until the first page of another arrives", async () => {
  const { rows, requests, answerAll } = rowsOf();
  const first = rows.load([0, 130], "missing");
  answerAll();
  await first;
  rows.listing = { ...rows.listing, sort: "rtt" };
  const failing = rows.load([0, 30], "missing");
  requests.splice(0)[0].fail();
  await failing;
  assertEquals([rows.shown.sort, rows.at(0)?.id, rows.at(120)?.id], [
    "health",
    "health 0",
    "health 120",
  ]);
  const loaded = rows.load([0, 30], "missing");
  answerAll();
  await loaded;
  assertEquals([rows.shown.sort, rows.at(0)?.id, rows.at(120)], ["rtt", "rtt 0", undefined]);
});

Deno.test("Rows reports a failed request, and repeats it the next time", async () => {
  const { rows, requests } = rowsOf();
  const errors: unknown[] = [];
  rows.onError = (error) => errors.push(error);
  const loaded = rows.load([0, 30], "missing");
  requests.splice(0)[0].fail();
  await loaded;
  assertEquals(errors.length, 1);
  const again = rows.load([0, 30], "missing");
  requests.splice(0)[0].answer();
  await again;
  assertEquals(rows.at(3)?.id, "health 3");
});
