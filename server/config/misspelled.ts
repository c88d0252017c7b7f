/**
 * Finds variables that look like misspelled options. The environment cannot be listed under the
 * permissions of the start task, so the likely slips of each name are looked up. Pure.
 *
 * @module
 */

/** A variable that is set and is no option. */
export interface Misspelling {
  readonly name: string;
  /** The option that it looks like. */
  readonly meant: string;
}

/**
 * Finds them.
 *
 * @param read a variable's value; undefined where it is not set or must not be read
 * @param options the names of all options
 */
export function misspelledOptions(
  read: (name: string) => string | undefined,
  options: readonly string[],
): Misspelling[] {
  const known = new Set(options);
  const found = new Map<string, Misspelling>();
  for (const meant of options) {
    for (const name of slipsOf(meant)) {
      if (!known.has(name) && read(name) !== undefined) found.set(name, { name, meant });
    }
  }
  return [...found.values()];
}

/** Two letters swapped, one left out or doubled, another case, the unit left out, the singular. */
function slipsOf(name: string): string[] {
  const slips = [
    name.toLowerCase(),
    name.replace(/_(MS|BYTES|MESSAGES)$/, ""),
    name.replace(/IES$/, "Y"),
  ];
  for (let i = 0; i < name.length; i++) {
    const [before, letter, after] = [name.slice(0, i), name[i], name.slice(i + 1)];
    slips.push(before + after, before + letter + letter + after);
    if (after !== "") slips.push(before + after[0] + letter + after.slice(1));
  }
  return slips.filter((slip) => slip !== name);
}
