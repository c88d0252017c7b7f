import { assert, assertEquals } from "@std/assert";
import { CLOSE_REASONS, REASON_NAMES } from "../server/close_codes.ts";
import { OPTIONS } from "../server/config/options.ts";

const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));

/** The cells of the table rows that begin with a code word. */
const rows = readme.split("\n").filter((line) => line.startsWith("| `")).map((line) =>
  line.split("|").slice(1, -1).map((cell) => cell.trim())
);

Deno.test("README lists every option with its unit, default and meaning", () => {
  const listed = rows.filter(([name]) => /^`[A-Z_]+`$/.test(name));
  const expected = Object.entries(OPTIONS).map(([name, option]) => [
    `\`${name}\``,
    option.unit,
    option.default,
    option.meaning,
  ]);
  assertEquals(listed, expected);
});

Deno.test("README lists every close reason with its code", () => {
  for (const reason of REASON_NAMES) {
    const row = rows.find((cells) => cells.length === 4 && cells[0] === `\`${reason}\``);
    assert(row !== undefined, `${reason} is not in the table`);
    const { code } = CLOSE_REASONS[reason];
    if (reason !== "client_close") assert(row[1].includes(String(code)), `${reason}: ${row[1]}`);
  }
});
