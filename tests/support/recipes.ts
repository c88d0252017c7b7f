/**
 * The blocks of recipes.md, and what the tests that run them need.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Document, manual } from "./docs.ts";

/** The manual. */
export const recipes: Document = manual("recipes");

/** The only block of a section in a language. */
export function snippet(section: string, language: string): string {
  const found = recipes.blocks.filter((it) => it.section === section && it.language === language);
  assertEquals(found.length, 1, `${section} (${language})`);
  return found[0].text;
}

/** Replaces a text that must be there. */
export function replaced(text: string, old: string, by: string): string {
  assert(text.includes(old), `${old} is not in: ${text}`);
  return text.replaceAll(old, by);
}

/** A TCP port of loopback on which nothing listens. */
export function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
