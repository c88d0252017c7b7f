/**
 * What a bench may ask of its load process, and how: one JSON line each way per call.
 * Owns the contract between `load_process.ts` (asks) and `load.ts` (answers).
 *
 * @module
 */

/** Where the fan-out subscribers of one server connect, and what they send. */
export interface TargetOptions {
  /** The name by which later calls and error texts mean this target. */
  target: string;
  port: number;
  subscriberPath: string;
  publisherPath: string;
  subscribers: number;
  /** Sent by each subscriber, which then awaits `{"type":"subscribed"`; none = none needed. */
  subscribeText?: string;
  /** Sent by the publisher for each publication. */
  publishText: string;
}

/** A closed-loop run: the next publication leaves when one has been received by all. */
export interface ClosedLoopOptions {
  target: string;
  inFlight: number;
  /** Publishing ends after it; the run when everything is received. */
  durationMs: number;
}

/** An open-loop run: publications leave on schedule, whatever has become of those before. */
export interface OpenLoopOptions {
  target: string;
  publicationsPerSecond: number;
  publications: number;
}

/** What a run came to. */
export interface RunFigures {
  publications: number;
  deliveries: number;
  /** From the first publication to the last receipt. */
  elapsedMs: number;
  /** Payload bytes of one delivery. */
  deliveryBytes: number;
  /** How many deliveries a subscriber found in one read: the batches, as they arrive. */
  deliveriesPerRead: number;
}

/** From the moment a publication was due to its receipt, over all deliveries of a run. */
export interface LatencyFigures {
  p50Us: number;
  p99Us: number;
  maxUs: number;
}

/** What the idle clients have seen since they were opened. */
export interface IdleCounts {
  open: number;
  controlPings: number;
  texts: number;
  /** Why clients ended, the first few of them. */
  endings: string[];
}

/** The calls: what is asked, what is answered. */
export interface LoadCalls {
  /** Connects a target and delivers one publication, whose text is the answer. */
  openTarget: { ask: TargetOptions; answer: { deliveredText: string } };
  closedLoop: { ask: ClosedLoopOptions; answer: RunFigures };
  openLoop: { ask: OpenLoopOptions; answer: RunFigures & LatencyFigures };
  openIdle: { ask: { port: number; clients: number }; answer: { tookMs: number } };
  countIdle: { ask: Record<never, never>; answer: IdleCounts };
  closeIdle: { ask: Record<never, never>; answer: Record<never, never> };
}

/** One line to the load process. */
export type LoadRequest = {
  [Call in keyof LoadCalls]: { call: Call; ask: LoadCalls[Call]["ask"] };
}[keyof LoadCalls];

/** One line back. */
export type LoadReply =
  | { kind: "answer"; answer: LoadCalls[keyof LoadCalls]["answer"] }
  | { kind: "failure"; message: string };

/** The JSON lines of a stream, parsed. A caller knows what the other side writes. */
export async function* readJsonLines<Line>(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Line> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Line;
  }
}
