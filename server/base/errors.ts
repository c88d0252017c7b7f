/**
 * Error classes that are caught by type, and the end of a switch over a union.
 *
 * Owns the text of a failed start. Must not know any option, connection or platform.
 *
 * @module
 */

/** The server cannot start. Caught by main.ts, which prints the message alone, without a stack. */
export class StartError extends Error {
  /** The class's name. */
  override readonly name: string = "StartError";
}

/** The environment asks for what cannot be served. */
export class ConfigError extends StartError {
  /** The class's name. */
  override readonly name = "ConfigError";
  /** Each problem on its own, in the order found: the option's name, what it must be, the value seen. */
  readonly problems: readonly string[];

  /** One text of all problems. @param problems at least one; each a single line that names its option */
  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? `Cannot start: ${problems[0]}`
        : ["Cannot start:", ...problems].join("\n  - "),
    );
    this.problems = problems;
  }
}

/**
 * Ends a `switch` over every kind of a union: a kind without a case no longer compiles.
 *
 * @throws {TypeError} always; at run time only a value from outside the types arrives here
 */
export function assertNever(value: never): never {
  const kind = (value as { kind?: unknown } | null | undefined)?.kind ?? value;
  throw new TypeError(`Cannot go on: no case handles this value, got ${String(kind)}`);
}
