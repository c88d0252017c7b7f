import { assertEquals, assertRejects } from "@std/assert";
import { StartError } from "../../server/base/errors.ts";
import { type SupervisedThread, Supervisor } from "../../server/threads/supervisor.ts";
import { PortLink } from "../../server/threads/port_link.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const NO_PORT = { postMessage() {}, addEventListener() {}, start() {}, close() {} };

/** A thread that does what the test says. */
class FakeThread implements SupervisedThread {
  readonly link: PortLink;
  readonly node: string;
  readonly loaded = Promise.resolve();
  readonly ended: Promise<string>;
  /** Ends it. */
  readonly end: (why: string) => void;
  answers = true;
  loops = false;
  terminated = false;

  constructor(node: string, clock: VirtualClock) {
    this.node = node;
    this.link = new PortLink(NO_PORT, clock);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.end = resolve;
  }

  terminate(): void {
    this.terminated = true;
    if (!this.loops) this.end("terminated");
  }
}

class Subject {
  readonly clock = new VirtualClock();
  readonly threads: FakeThread[] = [];
  readonly gone: string[] = [];
  readonly log: string[] = [];
  stuck = 0;
  /** Nodes that cannot start. */
  failing: (node: string) => boolean = () => false;
  readonly supervisor: Supervisor<FakeThread>;

  constructor(threads = 2) {
    const line = (message: string) => void this.log.push(message);
    this.supervisor = new Supervisor<FakeThread>({
      threads,
      clock: this.clock,
      log: { debug: line, info: line, warning: line, error: line },
      spawn: ({ node }) => {
        const thread = new FakeThread(node, this.clock);
        this.threads.push(thread);
        return thread;
      },
      start: ({ node }) =>
        this.failing(node) ? Promise.reject(new StartError("it cannot")) : Promise.resolve(),
      probe: ({ answers }) => answers ? Promise.resolve() : new Promise(() => {}),
      onGone: ({ node }) => {
        this.gone.push(node);
        return {};
      },
      onStuck: () => this.stuck++,
    });
  }

  get serving(): string[] {
    return this.supervisor.serving.map(({ node }) => node);
  }
}

Deno.test("Supervisor starts a thread again at once that has ended", async () => {
  const subject = new Subject();
  await subject.supervisor.start();
  assertEquals(subject.serving, ["thread 1", "thread 2"]);
  await subject.clock.pass(60_000);
  subject.threads[0].end("an error");
  await subject.clock.pass(1);
  assertEquals(subject.serving, ["thread 1.2", "thread 2"]);
  assertEquals([subject.gone, subject.supervisor.lost], [["thread 1"], 1]);
  subject.supervisor.stop();
});

Deno.test("Supervisor ends a thread that is silent for five probes, and starts another", async () => {
  const subject = new Subject();
  await subject.supervisor.start();
  await subject.clock.pass(60_500);
  subject.threads[1].answers = false;
  await subject.clock.pass(5_000);
  assertEquals(subject.threads[1].terminated, false);
  await subject.clock.pass(1_000);
  assertEquals(subject.threads[1].terminated, true);
  assertEquals(subject.serving, ["thread 1", "thread 2.2"]);
  assertEquals(subject.stuck, 0);
  subject.supervisor.stop();
});

Deno.test("Supervisor ends a thread that answers and handles nothing else", async () => {
  const subject = new Subject();
  await subject.supervisor.start();
  subject.threads[0].link.send(["publication"], 1 << 28);
  await subject.clock.pass(1_500);
  assertEquals(subject.threads[0].terminated, true);
  assertEquals(subject.serving, ["thread 1.2", "thread 2"]);
  subject.supervisor.stop();
});

Deno.test("Supervisor takes no thread for silent after a pause of the process", async () => {
  const subject = new Subject();
  await subject.supervisor.start();
  subject.clock.stop(600_000);
  await subject.clock.pass(10_000);
  assertEquals([subject.serving, subject.supervisor.lost], [["thread 1", "thread 2"], 0]);
  subject.supervisor.stop();
});

Deno.test("Supervisor tells of a thread that cannot be ended", async () => {
  const subject = new Subject();
  await subject.supervisor.start();
  Object.assign(subject.threads[0], { answers: false, loops: true });
  await subject.clock.pass(8_500);
  assertEquals(subject.stuck, 0);
  await subject.clock.pass(1_000);
  assertEquals([subject.stuck, subject.serving], [1, ["thread 2"]]);
  subject.supervisor.stop();
});

Deno.test("Supervisor waits longer and longer before a thread that fails again and again", async () => {
  const subject = new Subject(1);
  await subject.supervisor.start();
  subject.failing = () => true;
  subject.threads[0].end("an error");
  const starts: number[] = [];
  for (let second = 0; second <= 70; second++) {
    const { length } = subject.threads;
    await subject.clock.pass(second === 0 ? 1 : 1_000);
    if (subject.threads.length > length) starts.push(second);
  }
  // At once, then 1, 2, 4, 8, 16 and 30 s after the one before.
  assertEquals(starts, [0, 1, 3, 7, 15, 31, 61]);
  subject.failing = () => false;
  await subject.clock.pass(30_000);
  assertEquals(subject.supervisor.serving.length, 1);
  subject.supervisor.stop();
});

Deno.test("Supervisor starts none when one of them cannot start first", async () => {
  const subject = new Subject();
  subject.failing = (node) => node === "thread 2";
  await assertRejects(() => subject.supervisor.start(), StartError, "it cannot");
  assertEquals(subject.threads.map(({ terminated }) => terminated), [true, true]);
  await subject.clock.pass(60_000);
  assertEquals([subject.threads.length, subject.serving], [2, []]);
});
