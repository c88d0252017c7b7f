import { assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import { Crowd } from "../support/peers/crowd.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { LoopWatch, until } from "../support/until.ts";

const CLIENTS = 1_000;
const PERIOD_MS = 4_000;
const WINDOW_MS = 100;

/** The most of these times that any 100 ms hold: sliding, so that no edge of a bucket flatters. */
function mostTogether(momentsMs: number[]): number {
  const sorted = momentsMs.toSorted((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while (sorted[last] - sorted[first] > WINDOW_MS) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

// First pings are spread over the second half of a period: 100 ms hold a twentieth of them, 50. A
// fixed first ping is as early as the connections, which come as fast as the machine lets them: so what counts
// is also how long each has waited for it, which is the same for everybody then, however long the
// arrivals took and however late this process sees the pings.
integrationTest("1000 clients that come together are not pinged together", async () => {
  await using server = await ServerProcess.start({
    env: { PING_PERIOD_MS: String(PERIOD_MS), ADMISSION_PER_SECOND: "0" },
  });
  using watch = new LoopWatch();
  await using crowd = new Crowd(server.dial);
  await crowd.join(CLIENTS);
  await until(
    "everybody was pinged",
    () => crowd.members.every(({ firstPingMs }) => firstPingMs !== undefined),
    { withinMs: 3 * PERIOD_MS },
  );
  const stalledMs = (await server.metrics()).value("systole_stalled_seconds_total") * 1_000;
  const slackMs = 150 + watch.worstMs() + stalledMs;
  for (const { bornMs, firstPingMs, welcomePingMs } of crowd.members) {
    assertLess(welcomePingMs! - bornMs.to, 1_000 + slackMs, "measured too late");
    assertGreaterOrEqual(firstPingMs! - bornMs.from, PERIOD_MS / 2, "pinged too early");
    assertLessOrEqual(firstPingMs! - bornMs.to, PERIOD_MS + slackMs, "pinged too late");
  }
  const births = crowd.members.map(({ bornMs }) => bornMs.to);
  const pinged = mostTogether(crowd.members.map(({ firstPingMs }) => firstPingMs!));
  const waited = mostTogether(
    crowd.members.map(({ bornMs, firstPingMs }) => firstPingMs! - bornMs.to),
  );
  console.log(
    `they came within ${(Math.max(...births) - Math.min(...births)).toFixed(0)} ms: at most ` +
      `${
        mostTogether(births)
      } came, ${pinged} were first pinged in the same ${WINDOW_MS} ms, and ` +
      `${waited} had waited as long, to within ${WINDOW_MS} ms; this loop was at most ` +
      `${watch.worstMs().toFixed(0)} ms late, the server stalled for ${stalledMs.toFixed(0)} ms`,
  );
  assertLess(pinged, CLIENTS / 4, `${pinged} first pings within ${WINDOW_MS} ms`);
  assertLess(waited, CLIENTS / 4, `${waited} had waited as long, to within ${WINDOW_MS} ms`);
});
