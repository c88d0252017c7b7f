import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { Crowd } from "../support/peers/crowd.ts";
import { type Drop, DroppingRelay } from "../support/peers/dropping_relay.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { type LogLine, ServerProcess, startCommand } from "../support/server/server_process.ts";
import { at, until } from "../support/until.ts";

const PEERS = 1_000;
const PONG_WAIT_MS = 2_000;
/** The published bound without stalls, and the most that it grants after each stall of the server. */
const BOUND_MS = PONG_WAIT_MS + 100;
const GRACE_MS = 250;
/**
 * Between the silence and what is seen of it: a busy machine may keep the server from reading a byte
 * that lies in its kernel, and from closing the socket after the timeout, which comes before the line
 * that logs the silence. The server's own count of late detections contains none of this.
 */
const BUSY_MS = 150;
/** Leaves a healthy client a second to answer, on a machine that three busy processes share. */
const ENV = {
  PONG_WAIT_MS: String(PONG_WAIT_MS),
  PING_PERIOD_MS: "1000",
  ADMISSION_PER_SECOND: "0",
};
/** Peers vanish from 0 to 24 s; the loop is blocked from 3 to 6 s and from 11 to 21 s. */
const VANISHING_MS = 24_000;
const BLOCKS = [{ fromMs: 3_000, ms: 3_000 }, { fromMs: 11_000, ms: 10_000 }] as const;
/** After the rush of arrivals, all of it on two cores: two periods. */
const SETTLED_MS = 2_000;

/** A stall of the server, wall-clock ms. */
interface Stall {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How one peer that vanished was found; all in ms. */
interface Finding {
  /** Its silence as the server measured it at the end of the socket, its own stalls left out. */
  readonly silentMs: number;
  /** What the published bound grants that silence after stalls. */
  readonly graceMs: number;
  /** From the last byte that the relay passed on to the line that it is closed: at least, at most. */
  readonly outsideMs: { readonly least: number; readonly most: number };
  /** Stalls in between. */
  readonly stalledMs: number;
}

function stallsOf(server: ServerProcess): Stall[] {
  return server.lines("event loop stalled; no connection was timed out for it")
    .map(({ time, seconds }) => ({
      fromMs: Date.parse(time) - seconds * 1_000,
      toMs: Date.parse(time),
    }));
}

function findingOf(
  { lastByteMs: { from, to } }: Drop,
  end: LogLine,
  stalls: readonly Stall[],
): Finding {
  const endedMs = Date.parse(end.time);
  const during = stalls.filter(({ fromMs, toMs }) => toMs > from && fromMs < endedMs);
  return {
    silentMs: Math.round(end.silentSeconds * 1_000),
    graceMs: during.length * GRACE_MS,
    outsideMs: { least: endedMs - to, most: endedMs - from },
    stalledMs: during.reduce((sum, { fromMs, toMs }) => sum + toMs - Math.max(fromMs, from), 0),
  };
}

/** Blocks the loop on schedule. */
async function block(server: ServerProcess, startMs: number): Promise<void> {
  for (const { fromMs, ms } of BLOCKS) {
    await at(startMs + fromMs);
    await server.type(String(ms));
  }
}

function told(title: string, findings: readonly Finding[]): string {
  const silences = findings.map(({ silentMs }) => silentMs).sort((a, b) => a - b);
  const outside = findings.map(({ outsideMs, stalledMs }) => outsideMs.least - stalledMs);
  return `${title}: ${findings.length} found after a median of ${silences[silences.length >> 1]} ` +
    `and at most ${silences.at(-1)} ms; from outside, without stalls, ${Math.max(...outside)} ms`;
}

integrationTest(
  "Of 1000 peers that vanish the last is found in time, and none of 1000 healthy ones is lost while the loop is blocked",
  async () => {
    const command = startCommand("--preload=tests/support/server/loop_blocker.ts");
    await using server = await ServerProcess.start({ env: ENV, command });
    await using relay = await DroppingRelay.start(server.port);
    await using healthy = new Crowd(server.dial);
    await using vanishing = new Crowd(relay.dial);
    await Promise.all([healthy.join(PEERS), vanishing.join(PEERS)]);
    await at(performance.now() + SETTLED_MS);

    const startMs = performance.now();
    const [drops] = await Promise.all([relay.drop(VANISHING_MS), block(server, startMs)]);
    const ends = await until("everybody who vanished found", () => {
      const ends = server.lines("connection closed");
      return ends.length >= PEERS && ends;
    }, { withinMs: BOUND_MS + 3_000 });
    await at(performance.now() + PONG_WAIT_MS); // time to lose healthy ones, if any are to be lost

    assertEquals(drops.length, PEERS, "some were lost before they vanished");
    const endOf = new Map(ends.map((end) => [end.id, end]));
    const stalls = stallsOf(server);
    const findings = drops.map((drop) => findingOf(drop, endOf.get(drop.id)!, stalls));
    const [free, blocked] = [0, 1].map((beside) =>
      findings.filter(({ graceMs }) => Number(graceMs > 0) === beside)
    );
    console.log(
      [
        told("on a free loop", free),
        told("beside a stall", blocked),
        `stalls: ${stalls.map(({ fromMs, toMs }) => toMs - fromMs).join(", ")} ms`,
      ].join("\n"),
    );
    assertEquals(healthy.ended.length, 0, "healthy clients were lost");
    const metrics = await server.metrics();
    assertEquals(metrics.closed("stale"), PEERS);
    assertEquals(metrics.value("systole_connections_closed_total"), PEERS);
    assertEquals(metrics.value("systole_connections"), PEERS);
    assertEquals(metrics.value("systole_detections_late_total"), 0);
    for (const { fromMs, ms } of BLOCKS) {
      assert(stalls.some((stall) => stall.toMs - stall.fromMs >= ms - 100), `none at ${fromMs} ms`);
    }
    assertGreaterOrEqual(blocked.length, PEERS / 3, "the blocks met nobody");
    for (const { silentMs, graceMs, outsideMs, stalledMs } of findings) {
      assertLessOrEqual(silentMs, BOUND_MS + graceMs + BUSY_MS, "found too late");
      assertGreaterOrEqual(outsideMs.most, PONG_WAIT_MS - 2, "too early"); // two clocks, whole ms
      assertLessOrEqual(
        outsideMs.least - stalledMs,
        BOUND_MS + graceMs + BUSY_MS,
        "from outside",
      );
    }
  },
);
