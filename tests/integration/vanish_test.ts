import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { Crowd } from "../support/crowd.ts";
import { type Drop, DroppingRelay } from "../support/dropping_relay.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { type LogLine, ServerProcess, startCommand } from "../support/server_process.ts";
import { at, until } from "../support/until.ts";

const PEERS = 1_000;
const PONG_WAIT_MS = 2_000;
/** The published bound without stalls, and what it grants after each stall of the server. */
const BOUND_MS = PONG_WAIT_MS + 100;
const GRACE_MS = 250;
/** Leaves a healthy client a second to answer, on a machine that three busy processes share. */
const ENV = { PONG_WAIT_MS: String(PONG_WAIT_MS), PING_PERIOD_MS: "1000" };
/** Peers vanish from 0 to 24 s; the loop is blocked from 3 to 6 s and from 11 to 21 s. */
const VANISHING_MS = 24_000;
const BLOCKS = [{ fromMs: 3_000, ms: 3_000 }, { fromMs: 11_000, ms: 10_000 }] as const;

/** After the rush of arrivals, all of it on two cores: two periods. */
const SETTLED_MS = 2_000;

/** A time during which the server stood still, wall-clock ms. */
interface Stall {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How one peer that vanished was found. */
interface Finding {
  /**
   * From the last byte that the relay passed on to the server's own line that it is closed: at
   * least, and at most.
   */
  readonly afterMs: { readonly least: number; readonly most: number };
  /** What of that the published bound takes off: stalls, and what follows each. */
  readonly excusedMs: number;
}

function stallsOf(server: ServerProcess): Stall[] {
  return server.lines("the server itself stood still; nobody is judged for it")
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
  const during = stalls.filter(({ fromMs, toMs }) => toMs > to && fromMs < endedMs);
  const excusedMs = during.reduce(
    (sum, { fromMs, toMs }) => sum + toMs - Math.max(fromMs, to) + GRACE_MS,
    0,
  );
  return { afterMs: { least: endedMs - to, most: endedMs - from }, excusedMs };
}

/** Blocks the loop on schedule. */
async function block(server: ServerProcess, startMs: number): Promise<void> {
  for (const { fromMs, ms } of BLOCKS) {
    await at(startMs + fromMs);
    await server.type(String(ms));
  }
}

function told(title: string, findings: readonly Finding[]): string {
  const own = findings.map(({ afterMs, excusedMs }) => afterMs.least - excusedMs).sort((a, b) =>
    a - b
  );
  const raw = findings.map(({ afterMs }) => afterMs.least);
  return `${title}: ${own.length} found after a median of ${own[own.length >> 1]} ms and at most ` +
    `${own.at(-1)} ms of ${BOUND_MS}, ${Math.max(...raw)} ms with all excuses`;
}

integrationTest(
  "Of 1000 peers that vanish the last is found in time, and none of 1000 healthy ones is lost while the loop is blocked",
  async () => {
    const command = startCommand("--preload=tests/support/loop_blocker.ts");
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

    const endOf = new Map(ends.map((end) => [end.id, end]));
    const stalls = stallsOf(server);
    const findings = drops.map((drop) => findingOf(drop, endOf.get(drop.id)!, stalls));
    const blocked = findings.filter(({ excusedMs }) => excusedMs > 0);
    console.log(
      [
        told("on a free loop", findings.filter(({ excusedMs }) => excusedMs === 0)),
        told("beside a stall", blocked),
        `stalls: ${stalls.map(({ fromMs, toMs }) => toMs - fromMs).join(", ")} ms`,
      ].join("\n"),
    );
    assertEquals(healthy.ended.length, 0, "healthy clients were lost");
    const metrics = await server.metrics();
    assertEquals(metrics.closed("stale"), PEERS);
    assertEquals(metrics.value("systole_connections_closed_total"), PEERS);
    assertEquals(metrics.value("systole_connections"), PEERS);
    for (const { fromMs, ms } of BLOCKS) {
      assert(stalls.some((stall) => stall.toMs - stall.fromMs >= ms - 100), `none at ${fromMs} ms`);
    }
    assertGreaterOrEqual(blocked.length, PEERS / 3, "the blocks met nobody");
    for (const { afterMs, excusedMs } of findings) {
      assertGreaterOrEqual(afterMs.most, PONG_WAIT_MS - 2, "found before its time"); // two clocks' ms
      assertLessOrEqual(afterMs.least, BOUND_MS + excusedMs, "found too late");
    }
  },
);
