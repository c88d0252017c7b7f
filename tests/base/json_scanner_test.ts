import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { elementsOf, isJson, MemberScanner } from "../../server/base/json_scanner.ts";
import { isObject, numberIn, parseJson, stringIn, valueIn } from "../../server/base/json.ts";
import { almostJson, jsonText, manyJsonTexts } from "../support/json_texts.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What `JSON.parse` makes of it; undefined for no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Members that are named by one backslash are left out: after an object with one, V8 14 and 15 take any
 * escaped character that is a whole name for it (https://github.com/nodejs/node/issues/63785).
 */
const POISON = /"(\\\\|\\u005c)"\s*:/i;

/** Both read the text as the same, or both refuse it. */
function agree(text: string): void {
  if (POISON.test(text)) return;
  const value = parsed(text);
  assertEquals(isJson(bytes(text)), value !== undefined, JSON.stringify(text));
  assertEquals(parseJson(text), value);
  const members = isObject(value) ? Object.keys(value) : [];
  // A format knows no names that JSON would escape.
  const names = members.filter((name) => JSON.stringify(name) === `"${name}"`);
  const scanner = new MemberScanner(names);
  const scan = scanner.scan(bytes(text));
  if (value === undefined) return assertEquals(scan, "invalid", text);
  if (!isObject(value)) return assertEquals(scan, "other", text);
  assertEquals(scan, "object", text);
  if (names.length === members.length) assertEquals(scanner.others, 0, text);
  for (const name of names) assertEquals(parsed(scanner.textOf(name)!), value[name], text);
}

Deno.test("isJson() and MemberScanner agree with JSON.parse on valid texts", () => {
  agree(String.raw`{"\\u005f_proto__":1,"\u005f_proto__":2}`); // two names
  fc.assert(fc.property(jsonText, agree), { numRuns: 5_000 });
  for (const text of manyJsonTexts(2_000)) agree(text);
});

Deno.test("isJson() and MemberScanner agree with JSON.parse on texts that are almost JSON", () => {
  fc.assert(fc.property(almostJson, agree), { numRuns: 20_000 });
  const grammar = fc.string({
    unit: fc.constantFrom(...'{}[],:"\\-+.01eEtrufalsn \t', '"a"', "true", "null", '"b":'),
    maxLength: 12,
  });
  fc.assert(fc.property(grammar, agree), { numRuns: 20_000 });
});

Deno.test("MemberScanner finds what stands in the text, in which it knows some of the names", () => {
  const name = fc.constantFrom('"a"', '"\\u0061"', '"b"', '"data"', '"dat\\u0061"', '"\\/"', '""');
  const member = fc.tuple(name, jsonText);
  fc.assert(
    fc.property(fc.array(member, { maxLength: 6 }), (members) => {
      const text = `{${members.map(([name, value]) => `${name}:${value}`).join()}}`;
      const scanner = new MemberScanner(["a", "data"]);
      assertEquals(scanner.scan(bytes(text)), "object");
      const known = { a: ['"a"', '"\\u0061"'], data: ['"data"', '"dat\\u0061"'] };
      let others = members.length;
      let isAmbiguous = false;
      for (const [name, spellings] of Object.entries(known)) {
        const found = members.filter(([spelling]) => spellings.includes(spelling));
        const written = found.at(-1)?.[1];
        assertEquals(scanner.textOf(name as keyof typeof known), written, text);
        assertEquals(scanner.keptTextOf(name as keyof typeof known), written, text);
        others -= found.length;
        isAmbiguous ||= found.length > 1 || found[0]?.[0] === spellings[1];
      }
      assertEquals([scanner.others, scanner.ambiguous !== undefined], [others, isAmbiguous], text);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("isJson() refuses a text that ends at any place, and one with anything after it", () => {
  const text = '{"a":[1,-2.5e+3,"x\\u00e9\\n",true,false,null,{"b":{}}],"c":[]}';
  assert(isJson(bytes(text)));
  for (let end = 0; end < text.length; end++) agree(text.slice(0, end));
  for (const after of [...',:]}"0a\u0000']) agree(text + after);
});

Deno.test("isJson() takes 500 levels, of arrays and of objects, and no more", () => {
  const nested = (open: string, close: string, levels: number) =>
    open.repeat(levels) + "1" + close.repeat(levels);
  for (const [open, close] of [["[", "]"], ['{"a":', "}"], ['[{"a":', "}]"]]) {
    const levels = open.length > 5 ? 250 : 500;
    assert(isJson(bytes(nested(open, close, levels))));
    assert(!isJson(bytes(nested(open, close, levels + 1))));
  }
  const scanner = new MemberScanner(["a"]);
  assertEquals(scanner.scan(bytes(`{"a":${nested("[", "]", 499)}}`)), "object");
  assertEquals(scanner.scan(bytes(`{"a":${nested("[", "]", 500)}}`)), "invalid");
  assert(isJson(bytes(`"${"[".repeat(5_000)}"`)));
});

Deno.test("MemberScanner gives a member as it was written, without the space around it", () => {
  const scanner = new MemberScanner(["data", "id", "none"]);
  const data = '{ "b" : 1.0 ,"a":[ -0,1e400, "\\/\\u0041😀" ],"b":{"__proto__":null} }';
  const text = ` {"x":1,\t"data" :\r\n ${data}\n, "x":2, "__proto__":{"id":7} } `;
  assertEquals(scanner.scan(bytes(text)), "object");
  assertEquals(scanner.textOf("data"), data);
  assertEquals([scanner.textOf("id"), scanner.textOf("none")], [undefined, undefined]);
  assertEquals(scanner.others, 3);
});

Deno.test("MemberScanner names a known member that is repeated or escaped, and no other", () => {
  const scanner = new MemberScanner(["data", "id"]);
  const cases: [string, string | undefined][] = [
    ['{"data":1,"data":1}', "data"],
    ['{"id":1,"data":{"id":2}}', undefined],
    ['{"id":1,"x":1,"id":2,"data":1,"data":2}', "id"],
    ['{"\\u0064ata":1}', "data"],
    ['{"data":1,"dat\\u0061":2}', "data"],
    ['{"x":1,"x":2,"\\u0078":3,"":4,"":5,"\\"":6}', undefined],
    ['{"Data":1,"data":2,"data ":3,"dat":4}', undefined],
  ];
  for (const [text, ambiguous] of cases) {
    assertEquals([scanner.scan(bytes(text)), scanner.ambiguous], ["object", ambiguous], text);
  }
  assertEquals(scanner.scan(bytes('{"data":1,"data":1')), "invalid");
});

Deno.test("MemberScanner forgets the scan before", () => {
  const scanner = new MemberScanner(["data", "id"]);
  scanner.scan(bytes('{"data":1,"data":2,"id":3,"x":4}'));
  assertEquals(scanner.scan(bytes("{}")), "object");
  assertEquals([scanner.textOf("data"), scanner.textOf("id")], [undefined, undefined]);
  assertEquals([scanner.others, scanner.ambiguous], [0, undefined]);
  for (const [text, kind] of [["[]", "other"], ["", "invalid"], ["{", "invalid"]] as const) {
    assertEquals(scanner.scan(bytes(text)), kind);
    assertEquals(scanner.textOf("data"), undefined);
  }
});

Deno.test("MemberScanner gives the same members of a short and of a long text, ASCII or not", () => {
  const scanner = new MemberScanner(["data", "id"]);
  for (const pad of ["", "é", "x".repeat(2_000), "é".repeat(2_000)]) {
    const text = `{"x":"${pad}","data":["日",1.0],"y":"😀","id":"a"}`;
    assertEquals(scanner.scan(bytes(text)), "object");
    assertEquals([scanner.textOf("data"), scanner.textOf("id")], ['["日",1.0]', '"a"']);
  }
});

Deno.test("elementsOf() gives the elements of an array, and of nothing else", () => {
  const textsOf = (text: string) =>
    elementsOf(bytes(text))?.map((element) => new TextDecoder().decode(element).trim());
  assertEquals(textsOf(' [1.0 ,"a]," , {"a":[1,2]},[] ] '), ["1.0", '"a],"', '{"a":[1,2]}', "[]"]);
  assertEquals(textsOf(" [ ] "), []);
  for (const text of ["", "{}", "1", "[1", "[1,]", "[1]]", "[1 2]"]) {
    assertEquals(textsOf(text), undefined, text);
  }
  fc.assert(fc.property(fc.array(fc.jsonValue()), fc.nat(3), (values, spaces) => {
    const elements = textsOf(JSON.stringify(values, undefined, spaces))!;
    assertEquals(
      elements.map((text) => JSON.stringify(JSON.parse(text))),
      values.map((value) => JSON.stringify(value)),
    );
  }));
});

Deno.test("stringIn(), numberIn() and valueIn() read the value of a JSON text", () => {
  for (
    const text of ['"a"', '"\\u0061\\/"', '""', "0", "-1.5e3", "1e400", "null", "true", "[1]", "{}"]
  ) {
    const value = JSON.parse(text);
    assertEquals(stringIn(text), typeof value === "string" ? value : undefined);
    assertEquals(numberIn(text), typeof value === "number" ? value : undefined);
    assertEquals(valueIn(text), value);
  }
  assertEquals([stringIn(undefined), numberIn(undefined), valueIn(undefined)], [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("isJson() of arbitrary bytes never throws", () => {
  const scanner = new MemberScanner(["a"]);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => void scanner.scan(noise)), {
    numRuns: 5_000,
  });
});
