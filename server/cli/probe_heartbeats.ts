/**
 * Each system's heartbeat as its clients speak it: what to send, and which of the server's frames
 * answer it or ask for a sign of life. Pure; knows no socket and no time but what it is given.
 *
 * @module
 */

import type { ProfileName } from "../timing_options.ts";

/** What a frame of the server means. */
export type Heard =
  /** The answer to a heartbeat of ours; without an id, to the oldest. */
  | { readonly kind: "answer"; readonly id?: string }
  /** The server's own heartbeat, and what its clients answer. */
  | { readonly kind: "ping"; readonly answer?: string };

/** One system's heartbeat. */
export interface Heartbeat {
  /** The query parameter that its clients' credential goes into; else it is a bearer token. */
  readonly credentialParameter?: string;
  /** Whether its server answers. */
  readonly answered: boolean;
  /** Adds to the address what an answer needs. @returns what it added, for people */
  readonly prepare?: (url: URL) => string | undefined;
  /** The frame. */
  readonly beat: (id: string, wallMs: number) => string;
  /** Reads a frame of the server; undefined: no heartbeat. */
  readonly hear: (text: string, wallMs: number) => Heard | undefined;
}

/** No heartbeat is longer, so longer frames need no parsing. */
const MAX_LENGTH = 1_024;

const TALO_HEARTBEAT = "v1.heartbeat";

/** The five systems. */
export const HEARTBEATS: Readonly<Record<ProfileName, Heartbeat>> = {
  "json": {
    answered: true,
    beat: (id, wallMs) => JSON.stringify({ type: "ping", id, timestamp: wallMs }),
    hear: (text, wallMs) => {
      const { type, id, timestamp } = fieldsOf(text);
      if (type === "pong") return answer(id);
      if (type !== "ping") return undefined;
      const pong = { type: "pong", id, timestamp, clientTime: wallMs };
      return { kind: "ping", answer: JSON.stringify(pong) };
    },
  },
  "events-hub": {
    answered: true,
    prepare: followHealth,
    beat: (id) => JSON.stringify({ event_type: "health", message: "ping", id }),
    hear: (text) => {
      const { event_type, message, ref_id } = fieldsOf(text);
      return event_type === "health" && message === "pong" ? answer(ref_id) : undefined;
    },
  },
  "infoway": {
    credentialParameter: "apikey",
    answered: true, // since it is asked to, by `ack`
    beat: (trace) => JSON.stringify({ code: 10010, trace, ack: 1 }),
    hear: (text) => {
      const { code, trace } = fieldsOf(text);
      return code === 10011 ? answer(trace) : undefined;
    },
  },
  "tank": {
    credentialParameter: "token",
    answered: false,
    beat: () => '{"type":"heartbeat"}',
    hear: (text) => text === "heartbeat" ? { kind: "ping" } : undefined,
  },
  "talo": {
    credentialParameter: "ticket",
    answered: true,
    beat: () => TALO_HEARTBEAT,
    hear: (text) => text === TALO_HEARTBEAT ? { kind: "answer" } : undefined,
  },
};

/** Its server answers only to who follows `health`. */
function followHealth({ searchParams }: URL): string | undefined {
  const types = (searchParams.get("event_types") ?? "").split(",").filter((type) => type !== "");
  if (types.some((type) => type.trim().toLowerCase() === "health")) return undefined;
  searchParams.set("event_types", [...types, "health"].join());
  return "added health to event_types: the server answers only to who follows it";
}

function answer(id: unknown): Heard | undefined {
  if (id === undefined) return { kind: "answer" };
  return typeof id === "string" ? { kind: "answer", id } : undefined;
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  if (text.length > MAX_LENGTH) return {};
  try {
    return JSON.parse(text) ?? {}; // of null, the one value without properties
  } catch {
    return {}; // a stranger's text
  }
}
