import { assert, assertEquals, assertThrows } from "@std/assert";
import { assertNever, ConfigError, StartError } from "../../server/base/errors.ts";

Deno.test("ConfigError shows one problem in one line", () => {
  const error = new ConfigError(['PORT must be a port number, got "x"']);
  assertEquals(error.message, 'Cannot start: PORT must be a port number, got "x"');
});

Deno.test("ConfigError lists several problems, one per line, and keeps each", () => {
  const problems = ["A must be 1, got 2", "B must be 3, got 4"];
  const error = new ConfigError(problems);
  assertEquals(error.message, "Cannot start:\n  - A must be 1, got 2\n  - B must be 3, got 4");
  assertEquals(error.problems, problems);
});

Deno.test("ConfigError is a StartError, which main.ts catches, and has its own name", () => {
  const error = new ConfigError(["A must be 1, got 2"]);
  assert(error instanceof StartError);
  assertEquals(error.name, "ConfigError");
  assertEquals(new StartError("Cannot start: port taken").name, "StartError");
});

Deno.test("assertNever() names the kind that has no case", () => {
  const unknown = { kind: "stranger" } as never;
  assertThrows(() => assertNever(unknown), TypeError, "got stranger");
  assertThrows(() => assertNever("text" as never), TypeError, "got text");
  assertThrows(() => assertNever(undefined as never), TypeError, "got undefined");
});
