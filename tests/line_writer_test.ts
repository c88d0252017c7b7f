import { assert, assertEquals } from "@std/assert";
import { LineWriter, type Output } from "../server/line_writer.ts";

/** An output that takes `room` bytes, then is full as a non-blocking pipe is. */
class FakePipe implements Output {
  text = "";
  room = Infinity;
  error: Error | undefined;

  writeSync(bytes: Uint8Array): number {
    if (this.error !== undefined) throw this.error;
    if (this.room === 0) throw new Deno.errors.WouldBlock("full");
    const taken = bytes.subarray(0, this.room);
    this.room -= taken.length;
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }
}

function open(): { pipe: FakePipe; writer: LineWriter; lost: number[] } {
  const pipe = new FakePipe();
  const lost: number[] = [];
  const writer = new LineWriter(pipe, (count) => {
    lost.push(count);
    writer.write(`lost ${count}`);
  });
  return { pipe, writer, lost };
}

Deno.test("LineWriter.write() is on the output when it returns", () => {
  const { pipe, writer } = open();
  writer.write("one");
  writer.write("zwei ü");
  assertEquals(pipe.text, "one\nzwei ü\n");
});

Deno.test("LineWriter keeps what a full pipe does not take, in order, to the byte", () => {
  const { pipe, writer } = open();
  pipe.room = 2;
  writer.write("one");
  writer.write("two");
  assertEquals(pipe.text, "on");
  pipe.room = Infinity;
  writer.write("three");
  writer.end();
  assertEquals(pipe.text, "one\ntwo\nthree\n");
});

Deno.test("LineWriter.end() brings out what waits", () => {
  const { pipe, writer } = open();
  pipe.room = 0;
  writer.write("last");
  pipe.room = Infinity;
  writer.end();
  assertEquals(pipe.text, "last\n");
});

Deno.test("LineWriter survives a closed pipe and does not hoard", () => {
  const { pipe, writer } = open();
  pipe.error = new Deno.errors.BrokenPipe("gone");
  writer.write("nobody reads this");
  pipe.error = undefined; // as a disk that has room again
  writer.write("next");
  writer.end();
  assertEquals(pipe.text, "next\n");
});

Deno.test("LineWriter bounds what waits and says how many lines were lost", () => {
  const { pipe, writer, lost } = open();
  pipe.room = 0;
  const line = "x".repeat(1023);
  for (let i = 0; i < 1030; i++) writer.write(line);
  assertEquals(lost, []);
  pipe.room = Infinity;
  writer.end();
  assertEquals(pipe.text.length, 1024 * 1024);
  writer.write("after");
  assertEquals(lost, [6]);
  assert(pipe.text.endsWith("\nlost 6\nafter\n"));
});
