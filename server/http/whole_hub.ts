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

/** Which nodes answer. */
export interface Scope {
  /** "node": this one. */
  readonly scope: "hub" | "node";
  /** One by its name; then the scope is no matter. */
  readonly node?: string;
}

/** All nodes. */
export const WHOLE_HUB: Scope = { scope: "hub" };

/** Members of queries. */
export const SCOPE_PARAMETERS = {
  scope: v.optional(
    v.pipe(
      v.picklist(["hub", "node"]),
      v.description("`node`: of this process alone; `hub`, the default: of all"),
    ),
    "hub",
  ),
  node: v.optional(v.pipe(v.string(), v.description("of one process alone, by its `node`"))),
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
  /** None once the hub of this process has stopped, or where the one that was asked has not answered. */
  readonly parts: readonly Part<T>[];
  readonly missing?: readonly string[];
}

/** Asks a node, or all of them. Query and answer are JSON. */
export type AskHub<Query, T> = (query: Query, where: Scope) => Promise<WholeAnswer<T>>;

/** A question as it goes to other nodes. */
interface Question<Query> {
  readonly query: Query;
  /** The one that is to answer; undefined: all. */
  readonly node: string | undefined;
}

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
  nodes?.answer(
    topic,
    ({ query, node }: Question<Query>) =>
      node === undefined || node === nodes.id ? here(query) : null,
  );
  return async (query, { scope, node }) => {
    const isElsewhere = node !== undefined && node !== nodes?.id;
    const isHere = node === nodes?.id && nodes !== undefined;
    const others = isElsewhere || (scope === "hub" && !isHere)
      ? nodes?.ask(topic, { query, node } satisfies Question<Query>)
      : undefined;
    const own = isElsewhere ? undefined : await here(query);
    const { answers, missing } = await others ?? { answers: [], missing: [] };
    if (own === undefined && !isElsewhere) return { parts: [] };
    const parts: Part<T>[] = own === undefined ? [] : [{ node: nodes?.id, answer: own }];
    for (const { node: from, answer } of answers) {
      const isAsked = node === undefined || node === from;
      if (answer !== undefined && isAsked) parts.push({ node: from, answer: answer as T });
    }
    if (isElsewhere) return parts.length > 0 ? { parts } : { parts, missing: [node] };
    return missing.length > 0 ? { parts, missing } : { parts };
  };
}
