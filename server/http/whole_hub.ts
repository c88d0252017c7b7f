/**
 * Requests that are answered for the whole hub: each node answers for itself, and the one that was asked
 * puts the answers together. A node that does not answer in time is named.
 *
 * @module
 */

import * as v from "valibot";
import type { Nodes } from "../brokers/nodes.ts";

/** A node lists at most so many entries to another one. */
export const MAX_LISTED = 10_000;

export type Scope = "hub" | "node";

/** A member of queries. */
export const SCOPE_PARAMETER = {
  scope: v.optional(
    v.pipe(
      v.picklist(["hub", "node"]),
      v.description("`node`: of this process alone; `hub`, the default: of all"),
    ),
    "hub",
  ),
};

/** A member of entries. */
export const NODE_FIELD = {
  node: v.optional(
    v.pipe(v.string(), v.description("which process, where the hub has several")),
  ),
};

/** A member of answers. */
export const MISSING_FIELD = {
  missing: v.optional(
    v.pipe(v.array(v.string()), v.description("processes that have not answered in time")),
  ),
};

/** What one node has answered. */
export interface Part<T> {
  /** undefined where the hub has one process. */
  readonly node: string | undefined;
  readonly answer: T;
}

export interface WholeAnswer<T> {
  /** None once the hub of this process has stopped. */
  readonly parts: readonly Part<T>[];
  readonly missing?: readonly string[];
}

/** Asks a node, or all of them. Query and answer are JSON. */
export type AskHub<Query, T> = (query: Query, scope: Scope) => Promise<WholeAnswer<T>>;

/**
 * Makes a question to the whole hub, which this node answers, too.
 *
 * @param here answers for this node; undefined once its hub has stopped
 */
export function hubQuestion<Query, T>(
  nodes: Nodes | undefined,
  topic: string,
  here: (query: Query) => T | undefined | Promise<T | undefined>,
): AskHub<Query, T> {
  nodes?.answer(topic, here);
  return async (query, scope) => {
    const others = scope === "hub" ? nodes?.ask(topic, query) : undefined;
    const own = await here(query);
    const { answers, missing } = await others ?? { answers: [], missing: [] };
    if (own === undefined) return { parts: [] };
    const parts: Part<T>[] = [{ node: nodes?.id, answer: own }];
    for (const { node, answer } of answers) {
      if (answer !== undefined) parts.push({ node, answer: answer as T });
    }
    return missing.length > 0 ? { parts, missing } : { parts };
  };
}
