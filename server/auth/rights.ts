/**
 * What a connection may do. Pure: channel patterns, in which `*` matches any run of characters; and
 * channels that no pattern opens, since the hub itself speaks there.
 *
 * @module
 */

/** What a connection may do. */
export interface Rights {
  /** May it follow the channel? */
  maySubscribe(channel: string): boolean;
  /** May it publish there? */
  mayPublish(channel: string): boolean;
  /** May it hand texts to all others of its system? Whoever may publish anything may. */
  mayRelay(): boolean;
}

/** In channels that begin so the hub tells of itself: an admin may listen, nobody may speak. */
export const RESERVED_CHANNELS = "systole/";

/** What rights are given by. */
export interface RightsGiven {
  /** Patterns of channels. */
  readonly subscribe: readonly string[];
  /** Patterns of channels. */
  readonly publish: readonly string[];
  /** Whether it may look at what others do; no by default. */
  readonly admin?: boolean;
}

/** Rights by patterns. */
export function rightsOf({ subscribe, publish, admin = false }: RightsGiven): Rights {
  const follows = matcher(subscribe);
  const speaks = matcher(publish);
  const isReserved = (channel: string) => channel.startsWith(RESERVED_CHANNELS);
  return {
    maySubscribe: (channel) => isReserved(channel) ? admin : follows(channel),
    mayPublish: (channel) => !isReserved(channel) && speaks(channel),
    mayRelay: () => publish.length > 0,
  };
}

function matcher(patterns: readonly string[]): (channel: string) => boolean {
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
