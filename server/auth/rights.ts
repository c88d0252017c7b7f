/**
 * What a connection may do. Pure: channel patterns, in which `*` matches any run of characters; and
 * channels that no pattern opens, since the hub itself publishes there.
 *
 * @module
 */

/** What a connection may do. */
export interface Rights {
  /** May it subscribe to the channel? */
  maySubscribe(channel: string): boolean;
  /** May it publish there? */
  mayPublish(channel: string): boolean;
  /** May it relay texts to all others of its profile? It may if it may publish on any channel. */
  mayRelay(): boolean;
}

/** The hub publishes its own figures on these channels: an admin may subscribe, no client publish. */
export const RESERVED_CHANNELS = "systole/";

/** What rights are given by. */
export interface RightsGiven {
  /** Patterns of channels. */
  readonly subscribe: readonly string[];
  /** Patterns of channels. */
  readonly publish: readonly string[];
  /** Whether it may inspect other connections; no by default. */
  readonly admin?: boolean;
}

/** Rights by patterns. */
export function rightsOf({ subscribe, publish, admin = false }: RightsGiven): Rights {
  const subscribable = matcher(subscribe);
  const publishable = matcher(publish);
  return {
    maySubscribe: (channel) => isReserved(channel) ? admin : subscribable(channel),
    mayPublish: (channel) => !isReserved(channel) && publishable(channel),
    mayRelay: () => publish.length > 0,
  };
}

/** Whether no client may publish on a channel. */
export function isReserved(channel: string): boolean {
  return channel.startsWith(RESERVED_CHANNELS);
}

/** Whether one of the patterns matches a channel. */
export function matcher(patterns: readonly string[]): (channel: string) => boolean {
  if (patterns.includes("*")) return () => true;
  const split = patterns.map((pattern) => pattern.split("*"));
  return (channel) => split.some((parts) => matches(channel, parts));
}

/** Without a RegExp: linear in the channel's length, whatever the pattern. */
function matches(channel: string, parts: readonly string[]): boolean {
  const [first, ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return channel === first;
  if (!channel.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = channel.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return channel.length - last.length >= at && channel.endsWith(last);
}
