/**
 * What one option is: how its text is read, what holds without it, and its row in README's table.
 *
 * @module
 */

import type { ValueKind } from "./option_values.ts";

/** One row of README's table. `F` is `undefined` where the value is derived or absent by default. */
export interface Option<T, F extends T | undefined = T> extends ValueKind<T> {
  /** What holds when it is unset, as README shows it. */
  readonly default: string;
  /** The value when it is unset and no explicit option asks for another. */
  readonly fallback: F;
  /** What the value does, in a line. */
  readonly meaning: string;
}

/** An option with a default. */
export function option<T>(
  kind: ValueKind<T>,
  { fallback, meaning, shown = String(fallback) }: {
    readonly fallback: T;
    readonly meaning: string;
    readonly shown?: string;
  },
): Option<T> {
  return { ...kind, fallback, meaning, default: shown };
}

/** An option without a value of its own unless it is set. */
export function derived<T>(
  kind: ValueKind<T>,
  { meaning, shown = "none" }: { readonly meaning: string; readonly shown?: string },
): Option<T, undefined> {
  return { ...kind, fallback: undefined, meaning, default: shown };
}
