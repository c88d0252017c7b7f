/**
 * What a connection may do. Pure: channel patterns, in which `*` matches any run of characters.
 *
 * @module
 */

import type { Rights } from "../profiles/profile.ts";

/** Rights by patterns. */
export function rightsOf(
  { subscribe, publish }: { subscribe: readonly string[]; publish: readonly string[] },
): Rights {
  const maySubscribe = matcher(subscribe);
  const mayPublish = matcher(publish);
  return { maySubscribe, mayPublish };
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
