/**
 * `deno task bench:fanout`: what a delivery costs the server when one message goes to a thousand
 * subscribers, beside a bare `ws` broadcast loop in the same run. Owns the plan of the runs and the
 * targets; the load process holds the connections.
 *
 * Subject and control deliver the same bytes: the control's publisher sends, and its server passes
 * on as it is, the very text that the subject has delivered for a publication of 128 bytes. So the
 * control is spared parsing and composing anything; that belongs to what the subject costs.
 *
 * Each figure is the median of five runs, subject and control in turn, so that a machine that gets
 * slower meanwhile slows both. Each server runs at each level first, so that the JIT has seen it.
 *
 * @module
 */

import { BenchProcesses } from "./bench_processes.ts";
import {
  FanoutFixture,
  MESSAGE_BYTES,
  type OpenLoopRun,
  type Run,
  type Side,
  SIDES,
  SUBSCRIBERS,
} from "./fanout_fixture.ts";
import {
  describeFanout,
  type FanoutOutcome,
  latencyRowOf,
  levelOutcome,
  sameDeliveryBytes,
} from "./fanout_report.ts";
import { runBench } from "./report.ts";

const REPETITIONS = 5;
const WARM_UP_MS = 1_500;

/** Long enough for about a second of server CPU a run, short enough for three minutes in all. */
const RUN_MS = 2_000;

/** 50 a second to 1000 subscribers keeps the control below half a core: nobody is saturated. */
const OPEN_LOOP = { publicationsPerSecond: 50, publications: 150 };

/** Upper bounds of subject / control, CPU per delivery (issue 2). */
const LEVELS = [
  { inFlight: 1, targetRatio: 1.05 },
  { inFlight: 4, targetRatio: 0.35 },
  { inFlight: 16, targetRatio: 0.15 },
];

type Runs<Kind> = Record<Side, Kind[]>;

async function measure(say: (progress: string) => void): Promise<FanoutOutcome> {
  const processes = new BenchProcesses();
  processes.stopOnSignals();
  try {
    say(`fan-out: two servers, ${SUBSCRIBERS} subscribers each; under three minutes`);
    const fixture = await FanoutFixture.start(processes);
    for (const side of SIDES) {
      for (const { inFlight } of LEVELS) {
        await fixture.closedLoop(side, { inFlight, durationMs: WARM_UP_MS });
      }
    }
    const runs = LEVELS.map((): Runs<Run> => ({ subject: [], control: [] }));
    const openRuns: Runs<OpenLoopRun> = { subject: [], control: [] };
    for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
      say(`repetition ${repetition} of ${REPETITIONS}`);
      // Whoever goes second finds a warmer machine: the order changes with each repetition.
      const order = repetition % 2 === 1 ? SIDES : SIDES.toReversed();
      for (const [level, { inFlight }] of LEVELS.entries()) {
        for (const side of order) {
          runs[level][side].push(await fixture.closedLoop(side, { inFlight, durationMs: RUN_MS }));
        }
      }
      for (const side of order) openRuns[side].push(await fixture.openLoop(side, OPEN_LOOP));
    }
    return {
      subscribers: SUBSCRIBERS,
      messageBytes: MESSAGE_BYTES,
      deliveryBytes: sameDeliveryBytes(
        runs.flatMap(({ subject, control }) => [...subject, ...control]),
      ),
      repetitions: REPETITIONS,
      levels: LEVELS.map((level, index) => levelOutcome(level, runs[index])),
      openLoop: {
        publicationsPerSecond: OPEN_LOOP.publicationsPerSecond,
        subject: latencyRowOf(openRuns.subject),
        control: latencyRowOf(openRuns.control),
      },
    };
  } finally {
    await processes.stopAll();
  }
}

await runBench({ measure, describe: describeFanout });
