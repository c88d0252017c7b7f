/**
 * Two nodes of a hub that answer each other at once.
 *
 * @module
 */

import type { Nodes } from "../../../server/brokers/nodes.ts";

type Answer = (data: never) => unknown;

type LinkedNode = Pick<Nodes, "id" | "ask" | "tell" | "answer">;

/** @returns the first one and the second one */
export function linkedNodes(): [LinkedNode, LinkedNode] {
  const answers = [new Map<string, Answer>(), new Map<string, Answer>()];
  const node = (own: number): LinkedNode => ({
    id: `node ${own}`,
    async ask(topic, data) {
      const answer = await answers[1 - own].get(topic)?.(structuredClone(data) as never);
      return { answers: [{ node: `node ${1 - own}`, answer }], missing: [] };
    },
    tell: (topic, data) => void answers[1 - own].get(topic)?.(structuredClone(data) as never),
    answer: (topic, answer) => void answers[own].set(topic, answer),
  });
  return [node(0), node(1)];
}
