/**
 * What a PromQL expression asks for, found by its looks: enough to see that it asks for things that
 * exist. Whether it is PromQL at all is promtool's to say.
 *
 * @module
 */

/** One metric, as an expression selects it. */
export interface Selector {
  /** The series' name, with `_bucket` and the like. */
  readonly metric: string;
  /** What its labels must be; no values where a variable stands for them. */
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** All that one expression asks for. */
export interface PromqlUse {
  readonly selectors: readonly Selector[];
  /** The labels of its `by` clauses. */
  readonly grouped: readonly string[];
}

export function usesIn(expr: string): PromqlUse {
  const metrics = expr.matchAll(/((?:\w+:)?(?:systole|process|nodejs)_[\w:]+)\s*(?:\{([^}]*)\})?/g);
  const selectors = [...metrics].map(([, metric, labels = ""]) => ({
    metric,
    matchers: [...labels.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(
      ([, label, , value]) => ({ label, values: value.startsWith("$") ? [] : value.split("|") }),
    ),
  }));
  const clauses = [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)];
  const grouped = clauses.flatMap(([, labels]) => labels.split(",").map((label) => label.trim()));
  return { selectors, grouped };
}
