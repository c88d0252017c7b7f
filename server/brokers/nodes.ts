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

/** The other processes of a hub. What is said is JSON. */
export interface Nodes {
  /** The name of this one, which no other has. */
  readonly id: string;
  /** Asks all others. Never rejects: an answer that does not come is missing. */
  ask(topic: string, data: unknown): Promise<Answers>;
  /** Tells all others that can be reached. */
  tell(topic: string, data: unknown): void;
  /** Answers what others ask or tell about a topic. Called once for each topic. */
  answer(topic: string, answer: (data: never) => unknown): void;
}
