import { assert, assertEquals } from "@std/assert";
import { CLOSE_REASONS, REASON_NAMES } from "../server/close_codes.ts";
import { OPTIONS } from "../server/config/options.ts";
import { PROFILE_NAMES } from "../server/profiles/registry.ts";
import { allDocuments, documentAt, firstCells, plain, tableIn } from "./support/docs.ts";

const PROJECT = new URL("../", import.meta.url);
const readme = documentAt("README.md");

Deno.test("README has at most 250 lines", () => {
  assert(readme.text.trimEnd().split("\n").length <= 250);
});

Deno.test("README's ten options are options, with their defaults", () => {
  const { rows } = tableIn(readme, "Options people change");
  assertEquals(rows.length, 10);
  for (const [name, shown] of rows) {
    assertEquals(shown, OPTIONS[plain(name) as keyof typeof OPTIONS]?.default, name);
  }
});

Deno.test("README lists every close reason with its code", () => {
  const { rows } = tableIn(readme, "Close codes");
  const listed = rows.flatMap(([code, reasons]) =>
    [...reasons.matchAll(/`(\w+)`/g)].map(([, reason]) => [reason, Number(code)] as const)
  );
  const expected = REASON_NAMES.map((reason) => [reason, CLOSE_REASONS[reason].code] as const);
  assertEquals(listed.toSorted(), expected.toSorted());
});

Deno.test("README lists every profile", () => {
  assertEquals(firstCells(tableIn(readme, "Five systems")), [...PROFILE_NAMES]);
});

Deno.test("Each file that README and the manuals link to exists", () => {
  for (const { path, text } of allDocuments()) {
    const outside = text.replace(/^```[^]*?^```/gm, "");
    for (const [, target] of outside.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^(https?:|#)/.test(target)) continue;
      Deno.statSync(new URL(target.replace(/#.*/, ""), new URL(path, PROJECT)));
    }
  }
});

Deno.test("README and the manuals name tests and files that exist", () => {
  for (const { path, text } of allDocuments()) {
    for (const [, file] of text.matchAll(/`((?:tests|server)\/[\w./-]+)`/g)) {
      try {
        Deno.statSync(new URL(file, PROJECT));
      } catch {
        throw new Error(`${path} names ${file}, which is not there`);
      }
    }
  }
});
