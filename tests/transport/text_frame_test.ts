import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as ws from "ws";
import { pingFrame, textFrame } from "../../server/transport/text_frame.ts";

/** The frame writer of ws 8 (lib/sender.js); not in its published types. */
const { Sender } = ws as unknown as {
  readonly Sender: {
    frame(
      payload: Uint8Array,
      options: { fin: boolean; rsv1: boolean; opcode: number; mask: boolean; readOnly: boolean },
    ): Buffer[];
  };
};

const OPTIONS = { fin: true, rsv1: false, opcode: 0x1, mask: false, readOnly: true };

/** The frame that ws writes for a text. */
function referenceFrame(text: string): Buffer {
  return Buffer.concat(Sender.frame(Buffer.from(text), OPTIONS));
}

/** Equal as bytes. `assertEquals` takes seconds for frames of this size. */
function assertSameBytes(text: string, what: string): void {
  assert(referenceFrame(text).equals(textFrame(text)), `the frame of ${what} differs from ws's`);
}

/** Payload lengths in bytes, around each bound of the three forms of a length (RFC 6455 5.2). */
const LENGTHS = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 70_000];

/** One character of each script, with its length in UTF-8. A lone surrogate becomes U+FFFD. */
const SCRIPTS = [
  ["ASCII", "a", 1],
  ["Cyrillic", "ж", 2],
  ["lone high surrogates", "\ud83d", 3],
  ["lone low surrogates", "\ude00", 3],
  ["emoji", "😀", 4],
] as const;

for (const [script, character, bytes] of SCRIPTS) {
  Deno.test(`textFrame() is byte for byte the frame of ws for ${script} of each length`, () => {
    for (const length of LENGTHS) {
      const text = character.repeat(Math.floor(length / bytes)) + "a".repeat(length % bytes);
      assertEquals(Buffer.byteLength(text), length);
      assertSameBytes(text, `${length} bytes`);
    }
  });
}

Deno.test("textFrame() is byte for byte the frame of ws for any text", () => {
  const anyText = fc.string({ unit: "binary", maxLength: 300 });
  const withSurrogates = fc.array(fc.integer({ min: 0xd700, max: 0xe000 }), { maxLength: 300 })
    .map((units) => String.fromCharCode(...units));
  fc.assert(fc.property(fc.oneof(anyText, withSurrogates), (text) => {
    assertSameBytes(text, JSON.stringify(text));
  }));
});

Deno.test("textFrame() makes a Buffer, which node:net writes without a further wrapper", () => {
  assert(Buffer.isBuffer(textFrame("a")));
});

Deno.test("pingFrame() is a control ping, and a text's frame behind it", () => {
  const payload = Uint8Array.of(1, 2, 3);
  const ping = Uint8Array.of(0x89, 3, 1, 2, 3);
  assertEquals(new Uint8Array(pingFrame(payload)), ping);
  for (const length of [0, 125, 126, 65_535, 65_536]) {
    const text = "x".repeat(length);
    const expected = Buffer.concat([ping, textFrame(text)]);
    assertEquals(Buffer.compare(pingFrame(payload, text), expected), 0, `${length}`);
  }
});
