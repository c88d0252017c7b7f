/**
 * What a bench may ask of its load process, and how: one JSON line each way per call.
 * Owns the contract between `bench_processes.ts` (asks) and `load.ts` (answers).
 *
 * @module
 */

import type { Wire } from "./wire.ts";

/** The server under load, and how to speak to it. */
export interface Target {
  port: number;
  wire: Wire;
}

/** A publisher and so many subscribers of one channel. */
export interface FanoutOptions extends Target {
  subscribers: number;
  /** Nobody else publishes there. */
  channel?: string;
  /** Where subscribers connect, in turn, if not where the publisher does. */
  subscriberPorts?: readonly number[];
  /** Length of the data of a publication; what is delivered is the frame around it. */
  dataBytes: number;
}

/** Clients that each have a channel of their own. */
export interface OwnOptions extends Target {
  clients: number;
  /** Where they connect, in turn, if not to one port. */
  ports?: readonly number[];
  dataBytes: number;
}

/** Channels that have kept messages. */
export interface ResumeOptions extends Target {
  /** What the names of the channels begin with. */
  prefix: string;
  channels: number;
  /** So many in each channel. */
  messages: number;
  dataBytes: number;
}

/** Clients that return. */
export interface ReturnOptions {
  clients: number;
  /** Where they connect, in turn. */
  ports: readonly number[];
}

/** Clients that only stay. */
export interface CrowdOptions extends Target {
  clients: number;
}

/** A closed-loop run: the next publication leaves when one has been received by all. */
export interface ClosedLoopOptions {
  inFlight: number;
  /** Publishing ends after it; the run when everything is received. */
  durationMs: number;
}

/** An open-loop run: publications leave on schedule, whatever has become of those before. */
export interface OpenLoopOptions {
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

/** What a run over channels of their own came to. */
export interface OwnFigures {
  /** Published and delivered. */
  messages: number;
  elapsedMs: number;
}

/** What the return of clients came to. */
export interface ResumeFigures {
  /** That clients had missed. */
  messages: number;
  /** From the first subscription to the last message. */
  elapsedMs: number;
}

/** What the clients of a crowd have seen since they were opened. */
export interface CrowdCounts {
  open: number;
  /** Of the kind that the wire counts. */
  pings: number;
  /** Why clients ended, the first few of them. */
  endings: string[];
}

/** What has no options, or no answer. */
export type Nothing = Record<never, never>;

/** The calls: what is asked, what is answered. */
export interface LoadCalls {
  openFanout: { ask: FanoutOptions; answer: Nothing };
  growFanout: { ask: { subscribers: number }; answer: Nothing };
  closedLoop: { ask: ClosedLoopOptions; answer: RunFigures };
  openLoop: { ask: OpenLoopOptions; answer: RunFigures & LatencyFigures };
  openOwn: { ask: OwnOptions; answer: Nothing };
  runOwn: { ask: { durationMs: number }; answer: OwnFigures };
  /** Publishes what is missed. */
  openResumes: { ask: ResumeOptions; answer: Nothing };
  /** Connects clients that have not subscribed; in turn to the channels that there are. */
  connectResumes: { ask: ReturnOptions; answer: Nothing };
  /** Lets them subscribe, all at once; then they go. */
  runResumes: { ask: Nothing; answer: ResumeFigures };
  /** Connects more clients; answered when each is welcomed. */
  openCrowd: { ask: CrowdOptions; answer: { elapsedMs: number } };
  countCrowd: { ask: Nothing; answer: CrowdCounts };
  closeCrowd: { ask: Nothing; answer: Nothing };
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
