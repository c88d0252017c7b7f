import { assert, assertEquals, assertLess } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { LineWriter, type Output } from "../../server/logging/line_writer.ts";

/** An output whose reader accepts as many bytes as the test allows, at first all. */
class FakePipe implements Output {
  text = "";
  writes = 0;
  error: Error | undefined;
  #capacity = Infinity;
  #blocked: (() => void) | undefined;

  /** From now on it accepts this many bytes, then blocks. */
  set capacity(bytes: number) {
    this.#capacity = bytes;
    this.#blocked?.();
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    if (this.error !== undefined) throw this.error;
    while (this.#capacity === 0) await new Promise<void>((resolve) => this.#blocked = resolve);
    const taken = bytes.subarray(0, this.#capacity);
    this.#capacity -= taken.length;
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }
}

interface Scene {
  readonly pipe: FakePipe;
  readonly writer: LineWriter;
  readonly lost: number[];
  /** Advances the time; pending writes run. */
  pass(ms: number): Promise<unknown>;
}

function withWriter(body: (scene: Scene) => Promise<void>): () => Promise<void> {
  return async () => {
    const timers = FakeTimers.install({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const pipe = new FakePipe();
      const lost: number[] = [];
      const writer = new LineWriter(pipe, (count) => {
        lost.push(count);
        writer.write(`lost ${count}`);
      });
      await body({ pipe, writer, lost, pass: (ms) => timers.tickAsync(ms) });
    } finally {
      timers.uninstall();
    }
  };
}

Deno.test(
  "LineWriter writes the lines of one turn at once, in order",
  withWriter(async ({ pipe, writer, pass }) => {
    writer.write("one");
    writer.write("zwei ü");
    await pass(0);
    assertEquals([pipe.text, pipe.writes], ["one\nzwei ü\n", 1]);
  }),
);

Deno.test(
  "LineWriter keeps what a full pipe does not accept, in order, to the byte",
  withWriter(async ({ pipe, writer, pass }) => {
    pipe.capacity = 2;
    writer.write("one");
    writer.write("two");
    await pass(0);
    writer.write("three");
    await pass(10_000);
    assertEquals(pipe.text, "on");
    pipe.capacity = Infinity;
    await pass(0);
    assertEquals(pipe.text, "one\ntwo\nthree\n");
  }),
);

// A non-blocking pipe may write a part of more than that and reject; a killed process may leave a part.
Deno.test(
  "LineWriter writes whole lines, at once no more than a pipe accepts atomically",
  withWriter(async ({ pipe, writer, pass }) => {
    const written: string[] = [];
    const write = pipe.write.bind(pipe);
    pipe.write = (bytes) => {
      written.push(new TextDecoder().decode(bytes));
      return write(bytes);
    };
    const line = (index: number) => `${index}`.padEnd(100, "x");
    const lines = Array.from({ length: 1_000 }, (_, index) => line(index));
    lines.splice(500, 0, "y".repeat(10_000), ...Array(40).fill("ü".repeat(100)));
    for (const each of lines) writer.write(each);
    await pass(0);
    assertEquals(pipe.text, lines.map((each) => `${each}\n`).join(""));
    const bytes = (text: string) => new TextEncoder().encode(text).length;
    assert(written.every((text) => bytes(text) <= 4_096));
    const partial = written.filter((text) => !text.endsWith("\n"));
    assertEquals(
      partial.map(({ length }) => length),
      [4_096, 4_096],
      "only those of the long line",
    );
    assertLess(written.length, 36);
  }),
);

Deno.test(
  "LineWriter retries a full non-blocking pipe",
  withWriter(async ({ pipe, writer, pass }) => {
    pipe.error = new Deno.errors.WouldBlock("full");
    writer.write("one");
    await pass(1_000);
    pipe.error = undefined;
    writer.write("two");
    await pass(50);
    assertEquals(pipe.text, "one\ntwo\n");
  }),
);

Deno.test(
  "LineWriter drops the lines of a closed pipe and goes on",
  withWriter(async ({ pipe, writer, pass }) => {
    pipe.error = new Deno.errors.BrokenPipe("closed");
    writer.write("nobody reads this");
    await pass(0);
    pipe.error = undefined; // as a disk with space again
    writer.write("next");
    await pass(0);
    assertEquals(pipe.text, "next\n");
  }),
);

Deno.test(
  "LineWriter bounds what waits, and reports the number of lost lines in their place",
  withWriter(async ({ pipe, writer, lost, pass }) => {
    pipe.capacity = 0;
    writer.write("being written");
    await pass(0);
    const line = "x".repeat(1_023);
    for (let i = 0; i < 16 * 1_024 + 6; i++) writer.write(line);
    writer.write("short, but after the gap");
    await pass(10_000);
    assertEquals(lost, []);
    pipe.capacity = Infinity;
    await pass(0);
    assertEquals(lost, [7]);
    writer.write("after");
    await pass(0);
    assertEquals(
      pipe.text.length,
      "being written\n".length + 16 * 1_024 * 1_024 + "lost 7\nafter\n".length,
    );
    assert(pipe.text.endsWith("x\nlost 7\nafter\n"));
  }),
);

Deno.test(
  "LineWriter accepts a line of any length when nothing waits",
  withWriter(async ({ pipe, writer, lost, pass }) => {
    const long = "x".repeat(17 * 1_024 * 1_024);
    writer.write(long);
    await pass(0);
    writer.write("next");
    await pass(0);
    assertEquals([pipe.text === `${long}\nnext\n`, lost], [true, []]);
  }),
);

Deno.test(
  "LineWriter.end() waits for pending lines, at most 250 ms",
  withWriter(async ({ pipe, writer, pass }) => {
    await writer.end();
    writer.write("first");
    await writer.end();
    assertEquals(pipe.text, "first\n");
    pipe.capacity = 0;
    writer.write("last");
    let ended = false;
    writer.end().then(() => ended = true);
    await pass(249);
    assertEquals(ended, false);
    await pass(1);
    assertEquals(ended, true);
  }),
);
