import { assert, assertEquals, assertLess } from "@std/assert";
import FakeTimers from "@sinonjs/fake-timers";
import { LineWriter, type Output } from "../../server/logging/line_writer.ts";

/** An output whose reader takes bytes when the test says so, at first all. */
class FakePipe implements Output {
  text = "";
  writes = 0;
  error: Error | undefined;
  #room = Infinity;
  #blocked: (() => void) | undefined;

  /** From now on it takes so many bytes, then waits. */
  set room(bytes: number) {
    this.#room = bytes;
    this.#blocked?.();
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    if (this.error !== undefined) throw this.error;
    while (this.#room === 0) await new Promise<void>((resolve) => this.#blocked = resolve);
    const taken = bytes.subarray(0, this.#room);
    this.#room -= taken.length;
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }
}

interface Scene {
  readonly pipe: FakePipe;
  readonly writer: LineWriter;
  readonly lost: number[];
  /** Lets time pass, and what can be written be written. */
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
  "LineWriter keeps what a full pipe does not take, in order, to the byte",
  withWriter(async ({ pipe, writer, pass }) => {
    pipe.room = 2;
    writer.write("one");
    writer.write("two");
    await pass(0);
    writer.write("three");
    await pass(10_000);
    assertEquals(pipe.text, "on");
    pipe.room = Infinity;
    await pass(0);
    assertEquals(pipe.text, "one\ntwo\nthree\n");
  }),
);

// More than that a non-blocking pipe may take in part and refuse, and a killed process leave half done.
Deno.test(
  "LineWriter writes whole lines, no more at once than a pipe takes whole",
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
    const torn = written.filter((text) => !text.endsWith("\n"));
    assertEquals(torn.map(({ length }) => length), [4_096, 4_096], "only of the long line");
    assertLess(written.length, 36);
  }),
);

Deno.test(
  "LineWriter tries a pipe again that is full and does not block",
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
  "LineWriter survives a closed pipe and does not hoard",
  withWriter(async ({ pipe, writer, pass }) => {
    pipe.error = new Deno.errors.BrokenPipe("gone");
    writer.write("nobody reads this");
    await pass(0);
    pipe.error = undefined; // as a disk that has room again
    writer.write("next");
    await pass(0);
    assertEquals(pipe.text, "next\n");
  }),
);

Deno.test(
  "LineWriter bounds what waits, and says how many lines were lost where they are missing",
  withWriter(async ({ pipe, writer, lost, pass }) => {
    pipe.room = 0;
    writer.write("being written");
    await pass(0);
    const line = "x".repeat(1_023);
    for (let i = 0; i < 16 * 1_024 + 6; i++) writer.write(line);
    writer.write("short, but after the gap");
    await pass(10_000);
    assertEquals(lost, []);
    pipe.room = Infinity;
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
  "LineWriter takes a line of any length where nothing waits",
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
  "LineWriter.end() waits for what waits, but not for ever",
  withWriter(async ({ pipe, writer, pass }) => {
    await writer.end();
    writer.write("first");
    await writer.end();
    assertEquals(pipe.text, "first\n");
    pipe.room = 0;
    writer.write("last");
    let ended = false;
    writer.end().then(() => ended = true);
    await pass(249);
    assertEquals(ended, false);
    await pass(1);
    assertEquals(ended, true);
  }),
);
