import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { rightsOf } from "../../server/auth/rights.ts";

Deno.test("rightsOf() matches channels by patterns in which * is any run of characters", () => {
  const cases: [string, string, boolean][] = [
    ["*", "", true],
    ["*", "anything/at.all", true],
    ["news", "news", true],
    ["news", "news/eu", false],
    ["news/*", "news/", true],
    ["news/*", "news/eu/de", true],
    ["news/*", "news", false],
    ["*/eu", "news/eu", true],
    ["*/eu", "news/eu/", false],
    ["a*b*c", "a--b--c", true],
    ["a*b*c", "abc", true],
    ["a*b*c", "acb", false],
    ["ab*ba", "aba", false],
    ["a.c", "abc", false],
    ["__proto__", "__proto__", true],
  ];
  for (const [pattern, channel, allowed] of cases) {
    const rights = rightsOf({ subscribe: [pattern], publish: [] });
    assertEquals(rights.maySubscribe(channel), allowed, `${pattern} on ${channel}`);
    assertEquals(rights.mayPublish(channel), false);
  }
});

Deno.test("rightsOf() lets whoever may publish anything relay, and nobody else", () => {
  assertEquals(rightsOf({ subscribe: ["*"], publish: [] }).mayRelay(), false);
  assertEquals(rightsOf({ subscribe: [], publish: ["a"] }).mayRelay(), true);
});

Deno.test("rightsOf() agrees with a regular expression on any pattern and channel", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "/"), maxLength: 8 });
  fc.assert(
    fc.property(text, text, (pattern, channel) => {
      const expression = pattern.split("*").map((part) => part.replace("/", "\\/")).join("[^]*");
      const expected = new RegExp(`^${expression}$`).test(channel);
      assertEquals(rightsOf({ subscribe: [], publish: [pattern] }).mayPublish(channel), expected);
    }),
    { numRuns: 2_000 },
  );
});
