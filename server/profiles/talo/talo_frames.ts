/**
 * What talo's frames look like: names of requests, ids, topics, and every text that the server
 * sends. Compact JSON, `res` first.
 *
 * @module
 */

import type { Publication } from "../../message.ts";

/** The only text that is no JSON: the same in both directions. */
export const HEARTBEAT = "v1.heartbeat";

/** The request that names the player. */
export const IDENTIFY = "v1.players.identify";
/** The request that publishes a message in a channel, and the frame that its subscribers get. */
export const CHANNEL_MESSAGE = "v1.channels.message";

/** A channel's topic, up to its id. */
export const CHANNELS = "channels/";
/** A player's topic, up to the id of the alias. */
export const PLAYERS = "players/";

/** The first frame. */
export const CONNECTED: string = response("v1.connected", {});

/** The warning before a connection is closed for its rate. */
export const RATE_LIMIT_EXCEEDED: string = error({
  message: "Rate limit exceeded",
  errorCode: "RATE_LIMIT_EXCEEDED",
});

/** The answer to a text that is not JSON. */
export const ROUTING_ERROR: string = error({
  message: "An error occurred while routing the message",
  errorCode: "ROUTING_ERROR",
});

/** The answer to a request before identify. */
export const NO_PLAYER_FOUND: string = error({
  req: CHANNEL_MESSAGE,
  message: "You must identify a player before sending this request",
  errorCode: "NO_PLAYER_FOUND",
});

/** The answer to an identify with an invalid token. */
export const INVALID_SOCKET_TOKEN: string = error({
  req: IDENTIFY,
  message: "Invalid socket token",
  errorCode: "INVALID_SOCKET_TOKEN",
});

/** The answer to JSON that is no request. @param cause the message as it came */
export function invalidMessage(cause: string): string {
  return error({ message: "Invalid message request", errorCode: "INVALID_MESSAGE", cause });
}

/** The answer to a request with the wrong data. */
export function invalidData(req: string, data: unknown): string {
  return error({
    req,
    message: "Invalid message data for request",
    errorCode: "INVALID_MESSAGE_DATA",
    cause: JSON.stringify(data),
  });
}

/** The answer to a request without the right. Scopes are Talo's rights; here they go by channel. */
export function missingScope(req: string | undefined, channel: string): string {
  return error({
    req,
    message: `Missing access key scope(s): ${channel}`,
    errorCode: "MISSING_ACCESS_KEY_SCOPES",
  });
}

/** The answer to a failure for which Talo has no code. */
export function listenerError(req: string | undefined, cause: string): string {
  return error({
    req,
    message: "An error occurred while processing the message",
    errorCode: "LISTENER_ERROR",
    cause,
  });
}

/** The answer to a valid identify. @param wallMs now */
export function identified(id: number, wallMs: number): string {
  return response(`${IDENTIFY}.success`, aliasOf(id, wallMs));
}

/**
 * The frame of a publication; undefined on topics that Talo does not have. The message of a channel is
 * a string to Talo's clients: what is no string becomes the string of its text.
 */
export function publication(
  { channel, data, by, timestamp }: Publication,
): string | undefined {
  if (channel.startsWith(PLAYERS)) {
    const isPlayer = idOf(channel.slice(PLAYERS.length)) !== undefined;
    return isPlayer ? responseOf("v1.players.message", data) : undefined;
  }
  if (!channel.startsWith(CHANNELS)) return undefined;
  const id = idOf(channel.slice(CHANNELS.length));
  if (id === undefined) return undefined;
  const message = data.startsWith('"') ? data : JSON.stringify(data);
  const alias = by === undefined ? undefined : idOf(by); // another system's sender is no alias
  const playerAlias = alias === undefined
    ? ""
    : `,"playerAlias":${JSON.stringify(aliasOf(alias, timestamp))}`;
  const at = JSON.stringify(channelOf(id, timestamp));
  return responseOf(CHANNEL_MESSAGE, `{"channel":${at},"message":${message}${playerAlias}}`);
}

/**
 * A player's alias with all fields that Talo's own clients read: the Godot one stops at a missing field.
 * The hub knows the id alone; the player is named after it, and the times are those of the frame.
 */
function aliasOf(id: number, wallMs: number) {
  const [name, time] = [String(id), new Date(wallMs).toISOString()];
  const player = {
    id: name,
    props: [],
    aliases: [],
    devBuild: false,
    createdAt: time,
    lastSeenAt: time,
    groups: [],
    presence: null,
  };
  return {
    id,
    service: "custom",
    identifier: name,
    displayName: name,
    player,
    lastSeenAt: time,
    createdAt: time,
    updatedAt: time,
  };
}

/** A channel in the same way. */
function channelOf(id: number, wallMs: number) {
  const time = new Date(wallMs).toISOString();
  return {
    id,
    name: String(id),
    owner: null,
    totalMessages: 0,
    props: [],
    autoCleanup: false,
    private: false,
    temporaryMembership: false,
    createdAt: time,
    updatedAt: time,
  };
}

/** Whether a value can be an id: a whole number that no reader rounds. */
export function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The id that a text spells, in the one way in which we spell it ourselves. */
function idOf(text: string): number | undefined {
  const id = Number(text);
  return isId(id) && String(id) === text ? id : undefined;
}

interface ErrorData {
  readonly req?: string;
  readonly message: string;
  readonly errorCode: string;
  readonly cause?: string;
}

function error({ req = "unknown", message, errorCode, cause }: ErrorData): string {
  return response("v1.error", { req, message, errorCode, cause });
}

function response(res: string, data: unknown): string {
  return responseOf(res, JSON.stringify(data));
}

/** @param data as JSON text */
function responseOf(res: string, data: string): string {
  return `{"res":${JSON.stringify(res)},"data":${data}}`;
}
