import { assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import { Crowd } from "../support/crowd.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server_process.ts";
import { LoopWatch, until } from "../support/until.ts";

const CLIENTS = 1_000;
const PERIOD_MS = 2_000;
const WINDOW_MS = 100;

/** The most moments that any 100 ms hold: sliding, so that no edge of a bucket flatters. */
function mostTogether(momentsMs: number[]): number {
  const sorted = momentsMs.toSorted((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while (sorted[last] - sorted[first] > WINDOW_MS) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

// Evenly spread over the second half of a period, 100 ms hold a tenth of the first pings: 100. A
// fixed first ping would follow the arrivals, which come as fast as the machine lets them.
integrationTest("1000 clients that come within a second are not pinged together", async () => {
  await using server = await ServerProcess.start({ env: { PING_PERIOD_MS: String(PERIOD_MS) } });
  using watch = new LoopWatch();
  await using crowd = new Crowd(server.dial);
  await crowd.join(CLIENTS);
  const births = crowd.members.map(({ bornMs }) => bornMs.to);
  assertLess(Math.max(...births) - Math.min(...births), 1_000, "they did not come in one second");
  await until(
    "everybody was pinged",
    () => crowd.members.every(({ firstPingMs }) => firstPingMs !== undefined),
  );
  const slackMs = 150 + watch.worstMs();
  for (const { bornMs, firstPingMs } of crowd.members) {
    assertGreaterOrEqual(firstPingMs! - bornMs.from, PERIOD_MS / 2, "pinged too early");
    assertLessOrEqual(firstPingMs! - bornMs.to, PERIOD_MS + slackMs, "pinged too late");
  }
  const pinged = mostTogether(crowd.members.map(({ firstPingMs }) => firstPingMs!));
  assertLess(pinged, CLIENTS / 4, `${pinged} first pings within ${WINDOW_MS} ms`);
  console.log(
    `at most ${mostTogether(births)} came and ${pinged} were first pinged in the same 100 ms; ` +
      `they came within ${(Math.max(...births) - Math.min(...births)).toFixed(0)} ms`,
  );
});
