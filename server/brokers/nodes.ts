/**
 * The Nodes port: what the processes of a hub ask and tell each other.
 *
 * @module
 */

/** The answers of other nodes to one question. */
export interface Answers {
  /** Those that came in time. */
  readonly answers: readonly { readonly node: string; readonly answer: unknown }[];
  /** Nodes that have not answered in time. */
  readonly missing: readonly string[];
}

/** A node that ended without a word. */
export interface LostNode {
  readonly node: string;
  /** How many it had when it was last heard of. */
  readonly connections: number;
}

/** The other processes of a hub. What is said is JSON. */
export interface Nodes {
  /** The name of this one, which no other has. */
  readonly id: string;
  /** Reads how many connections this node has: that many are lost with it. */
  connections: () => number;
  /** A node is lost; of the others one is told. */
  onLost: (lost: LostNode) => void;
  /** The others have taken this node for lost. */
  onReturned: () => void;
  /** Asks all others. Never rejects: an answer that does not come is missing. */
  ask(topic: string, data: unknown): Promise<Answers>;
  /** Tells all others that can be reached. */
  tell(topic: string, data: unknown): void;
  /** Answers what others ask or tell about a topic. Called once for each topic. */
  answer(topic: string, answer: (data: never) => unknown): void;
}
