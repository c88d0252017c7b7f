import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { FrameCounter } from "../../server/transport/frame_counter.ts";
import { clientFrame, join, OPCODE } from "../support/peers/frames.ts";

/** Around each bound of the three forms of a length. */
const LENGTHS = fc.oneof(
  fc.nat(4),
  fc.integer({ min: 124, max: 128 }),
  fc.integer({ min: 65_534, max: 65_538 }),
);
const FRAMES = fc.array(fc.record({
  opcode: fc.constantFrom(OPCODE.text, OPCODE.continuation, OPCODE.ping, OPCODE.close),
  length: LENGTHS,
  fin: fc.boolean(),
  masked: fc.boolean(),
}));

Deno.test("FrameCounter counts the continuation frames of any bytes, however they are cut", () => {
  const cuts = fc.array(fc.nat(30));
  fc.assert(fc.property(FRAMES, cuts, (frames, lengths) => {
    // Zeros look like continuation frames to a counter that has lost its position.
    let rest: Uint8Array = join(
      frames.map(({ opcode, length, ...form }) =>
        clientFrame(opcode, new Uint8Array(length), form)
      ),
    );
    const counter = new FrameCounter();
    let count = 0;
    for (const length of lengths) {
      count += counter.count(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    count += counter.count(rest);
    assertEquals(count, frames.filter(({ opcode }) => opcode === OPCODE.continuation).length);
  }));
});
