/**
 * The network that an address belongs to: its addresses share the path to this server. Pure.
 *
 * @module
 */

import { isIPv4, isIPv6 } from "node:net";

/** The network of an address: /24 of IPv4, /64 of IPv6; undefined when it is no address. */
export function networkOf(address: string): string | undefined {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address;
  if (isIPv4(mapped)) return `${mapped.slice(0, mapped.lastIndexOf("."))}.0/24`;
  if (!isIPv6(address)) return undefined;
  const [head, tail] = address.toLowerCase().replace(/%.*$/, "").split("::").map(groupsOf);
  // "::" stands for as many zero groups as are missing from eight.
  const zeros = tail === undefined ? [] : Array(8 - head.length - tail.length).fill("0");
  const groups = [...head, ...zeros, ...tail ?? []].slice(0, 4).join(":");
  return `${groups.replace(/(?:(?:^|:)0)+$/, "")}::/64`;
}

/**
 * The client that an address stands for in limits: the address itself of IPv4, the /64 of IPv6, which
 * one subscriber has as a whole; another text (a unix socket's empty one) as it is.
 */
export function clientOf(address: string): string {
  return isIPv6(address) && !/^::ffff:[\d.]+$/i.test(address) ? networkOf(address)! : address;
}

/** The groups without leading zeros. A dotted end stands for two groups. */
function groupsOf(text: string): string[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) =>
    group.includes(".") ? ["dotted", "dotted"] : [parseInt(group, 16).toString(16)]
  );
}
