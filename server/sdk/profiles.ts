/**
 * The client's side of the five profiles' wire formats. Pure. The server's side is in
 * `server/profiles/`.
 *
 * @module
 */

import {
  channelFrameOf,
  type DecodedFrame,
  type Fields,
  fieldsOf,
  HEARTBEAT_ID_PREFIX,
  heartbeatOf,
  type HubProfile,
  noChannel,
  REQUEST_ID_PREFIX,
  type RequestType,
  type SdkProfile,
} from "./profile.ts";
import { requestError } from "./request_error.ts";
import { INFOWAY } from "./infoway.ts";
import type { HeartbeatOptions, ProfileName } from "./options.ts";
import { platform } from "./platform.ts";

/** By it an error is the answer to a refresh. */
const REFRESH_ID = `${HEARTBEAT_ID_PREFIX}-token`;

/** The codes of errors after which the same request can succeed. */
const BUSY = /^(busy|unavailable)$/;

const JSON_PROFILE: HubProfile = {
  intervalMs: 30_000,
  answers: true,
  heartbeat: (id) => JSON.stringify({ type: "ping", id, timestamp: platform.wall() }),
  decode: (data) => decodeJson(fieldsOf(data, Infinity)),
  subscribe: (channels) => channels.map((channel) => requestOf("subscribe", channel)),
  unsubscribe: (channels) => channels.map((channel) => requestOf("unsubscribe", channel)),
  request: requestOf,
  refresh: (token) => JSON.stringify({ type: "refresh", id: REFRESH_ID, token }),
  publish: (channel, data, fields) => requestOf("publish", channel, { data, ...fields }),
};

function decodeJson(fields: Fields): DecodedFrame | undefined {
  const { type, id, timestamp, afterMs, reason, code, message, epoch, offset, degraded } = fields;
  const isError = type === "error";
  if (type === "pong") return heartbeatOf(id);
  if (type === "ping") {
    const pong = { type: "pong", id, timestamp, clientTime: platform.wall() };
    return { kind: "ping", answer: JSON.stringify(pong) };
  }
  if (type === "reconnect") return { kind: "advice", afterMs, reason: `${reason}` };
  if (type === "welcome" && fields.pongWaitMs) {
    return { kind: "welcome", clientId: fields.clientId };
  }
  if (type === "expiring") return { kind: "expiring" };
  if (isError && BUSY.test(code as string)) return { kind: "busy", id, afterMs };
  if (type === "refreshed" || (isError && id === REFRESH_ID)) {
    return { kind: "refresh", isAccepted: !isError };
  }
  if (typeof id === "string" && id.startsWith(REQUEST_ID_PREFIX)) {
    const error = isError ? requestError(code as string, message as string) : undefined;
    const result = type !== "published" || degraded ? fields : epoch && { epoch, offset };
    return { kind: "answer", id, result, error };
  }
  return channelFrameOf(fields);
}

function requestOf(type: RequestType | "unsubscribe", channel: string, fields?: object): string {
  return JSON.stringify({ type, channel, ...fields });
}

const EVENTS_HUB: HubProfile = {
  intervalMs: 30_000,
  answers: true,
  // The server answers only connections that are subscribed to `health`.
  prepare: ({ searchParams }) => {
    const types = searchParams.get("event_types") || "";
    if (/(^|,)\s*health\s*(,|$)/i.test(types)) return;
    searchParams.set("event_types", `${types && `${types},`}health`);
  },
  heartbeat: (id) => JSON.stringify({ id, event_type: "health", message: "ping" }),
  decode: (data) => {
    const { event_type, message, ref_id } = fieldsOf(data);
    return event_type === "health" && message === "pong" ? heartbeatOf(ref_id) : undefined;
  },
};

const TANK: HubProfile = {
  intervalMs: 5_000,
  answers: false,
  heartbeat: () => '{"type":"heartbeat"}',
  decode: (data) => data === "heartbeat" ? { kind: "heartbeat" } : undefined,
  subscribe: (channels) => channels.map((channel) => `sub:${channel}`),
  unsubscribe: (channels) => channels.map((channel) => `unsub:${channel}`),
};

const TALO_HEARTBEAT = "v1.heartbeat";

const TALO: HubProfile = {
  intervalMs: 30_000,
  answers: true,
  heartbeat: () => TALO_HEARTBEAT,
  decode: (data) => data === TALO_HEARTBEAT ? { kind: "heartbeat" } : undefined,
  publish: (channel, data) => {
    const [, id] = /^channels\/(\d+)$/.exec(channel) ?? [];
    if (id === undefined) throw noChannel("talo has channels/<id>", channel);
    const message = typeof data === "string" ? data : JSON.stringify(data);
    const request = { channel: { id: Number(id) }, message };
    return JSON.stringify({ req: "v1.channels.message", data: request });
  },
};

/** The frames of each profile. */
export const SDK_PROFILES: Readonly<Record<ProfileName, HubProfile>> = {
  json: JSON_PROFILE,
  "events-hub": EVENTS_HUB,
  infoway: INFOWAY,
  tank: TANK,
  talo: TALO,
};

/** Any other server. */
const NONE: SdkProfile = { intervalMs: 30_000, answers: false, decode: () => undefined };

/** The frames of a profile's name. */
export function profileOf(name: ProfileName | "none"): SdkProfile {
  return name === "none" ? NONE : SDK_PROFILES[name];
}

/** A profile with the heartbeat that the user wants. */
export function profileWith(
  name: ProfileName | "none",
  heartbeat: boolean | HeartbeatOptions,
): SdkProfile {
  const profile = profileOf(name);
  if (heartbeat === true) return profile;
  if (heartbeat === false) return { ...profile, answers: false, heartbeat: undefined };
  const { message, isAnswer } = heartbeat;
  return {
    ...profile,
    answers: !!isAnswer,
    heartbeat: () => typeof message === "function" ? message() : message,
    decode: (data) => isAnswer?.(data) ? { kind: "heartbeat" } : profile.decode(data),
  };
}
