/**
 * What one option is: how its text is read, what holds without it, and its row in the manual. A table
 * of options gives the type of the values, so that an option is named in one place.
 *
 * @module
 */

import type { ValueKind } from "./option_values.ts";

/** One option. `F` is `undefined` where the value is derived or absent by default. */
export interface Option<T, F extends T | undefined = T> extends ValueKind<T> {
  /** What holds when it is unset, as the manual shows it. */
  readonly default: string;
  /** The value when it is unset and no explicit option asks for another. */
  readonly fallback: F;
  /** What the value does, in a line. */
  readonly meaning: string;
}

/** Options by the names of their environment variables. */
export type OptionTable = Readonly<Record<string, Option<unknown, unknown>>>;

/** `MAX_CONNECTIONS` as `maxConnections`. */
export type CamelCase<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${Lowercase<First>}${Capitalize<CamelCase<Rest>>}`
  : Lowercase<Name>;

type ValueOf<Each> = Each extends Option<infer T, infer F> ? T | F : never;

/** The names of a table's options that have a value in any case. */
type WithDefault<Table> = {
  [Name in keyof Table]: Table[Name] extends { readonly fallback: undefined } ? never : Name;
}[keyof Table];

/** The values of a table, by the names of the options in camel case. */
export type OptionValues<Table> =
  & {
    readonly [Name in WithDefault<Table> & string as CamelCase<Name>]: ValueOf<Table[Name]>;
  }
  & {
    readonly [
      Name in Exclude<keyof Table, WithDefault<Table>> & string as CamelCase<Name>
    ]?: ValueOf<Table[Name]>;
  };

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

/**
 * The values of a table: the explicit one of each option, or its fallback; none for an option that has
 * neither.
 *
 * @param given explicit values by the names of the options
 */
export function optionValues<Table extends OptionTable>(
  table: Table,
  given: Readonly<Record<string, unknown>>,
): OptionValues<Table> {
  const values: Record<string, unknown> = {};
  for (const [name, { fallback }] of Object.entries(table)) {
    const value = given[name] ?? fallback;
    if (value !== undefined) values[camelCase(name)] = value;
  }
  return values as OptionValues<Table>;
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
