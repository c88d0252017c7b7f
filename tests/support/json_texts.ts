/**
 * JSON texts of every form that the grammar allows, above all those that a parser and a writer do not
 * give back: numbers beyond doubles, repeated names, escapes that need not be, white space inside.
 *
 * @module
 */

import fc from "fast-check";

const SPACE = fc.constantFrom("", "", "", " ", "\t", "\n", "\r\n", "  ");

const NUMBER = fc.oneof(
  fc.constantFrom(
    "12345678901234567890",
    "1e400",
    "-1E+400",
    "-0",
    "1.0",
    "0.10",
    "1e-7",
    "0e0",
    "100000000000000000000000.5",
    "9007199254740993",
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

/** A part of a string, as it is written between the quotes. */
const PIECE = fc.constantFrom(
  ..."ab {}[],:é日😀\u2028\u007f",
  "\\/",
  "/",
  "\\u0041",
  "\\u0000",
  "\\ud83d\\uDE00",
  "\\ud800",
  "\\udfff",
  '\\"',
  "\\\\",
  "\\b\\f\\n\\r\\t",
  "\\u005C",
  "data",
  "\ufeff",
);

const STRING = fc.array(PIECE, { maxLength: 8 }).map((pieces) => `"${pieces.join("")}"`);

const NAME = fc.oneof(
  fc.constantFrom('"a"', '"a"', '"b"', '"data"', '"channel"', '"__proto__"', '"constructor"'),
  fc.constantFrom('""', '"0"', '"\\u0061"', '"\\u005f_proto__"', '"toJSON"'),
  STRING,
);

const SCALAR = fc.oneof(NUMBER, STRING, fc.constantFrom("true", "false", "null"));

const { tree } = fc.letrec<{ tree: string; list: string; object: string }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4, withCrossShrink: true }, SCALAR, tie("list"), tie("object")),
  list: fc.tuple(fc.array(fc.tuple(SPACE, tie("tree"), SPACE), { maxLength: 4 }), SPACE)
    .map(([items, space]) => `[${items.map((item) => item.join("")).join(",") || space}]`),
  object: fc.tuple(
    fc.array(fc.tuple(SPACE, NAME, SPACE, SPACE, tie("tree"), SPACE), { maxLength: 4 }),
    SPACE,
  ).map(([members, space]) => {
    const written = members.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`);
    return `{${written.join(",") || space}}`;
  }),
}));

/** A text inside so many arrays and objects. */
const NESTED = fc.tuple(fc.integer({ min: 1, max: 240 }), fc.boolean(), SCALAR)
  .map(([levels, isList, text]) =>
    isList
      ? "[".repeat(levels) + text + "]".repeat(levels)
      : '{"a" :['.repeat(levels) + text + "]}".repeat(levels)
  );

/** One valid JSON text without white space around it; it is nested at most 480 deep. */
export const jsonText: fc.Arbitrary<string> = fc.oneof(
  { weight: 30, arbitrary: tree },
  { weight: 1, arbitrary: NESTED },
);

/** A JSON text in which something was put, or replaced: most are JSON no more. */
export const almostJson: fc.Arbitrary<string> = fc.tuple(
  jsonText,
  fc.nat(),
  fc.nat(3),
  fc.constantFrom(
    ...'"\\{}[],:-+.0eE1 \t\n\r\u0000\u001f\u007f\u00a0\ufeffu/tfn',
    "true",
    "\\u00",
    "NaN",
    "\\x",
    "'",
  ),
).map(([text, at, cut, put]) => {
  const start = at % (text.length + 1);
  return text.slice(0, start) + put + text.slice(start + cut);
}).filter((text) => text.isWellFormed());

/** Many JSON texts, the same at every run. */
export function manyJsonTexts(count: number): string[] {
  return fc.sample(jsonText, { numRuns: count, seed: 20_261_130 });
}
