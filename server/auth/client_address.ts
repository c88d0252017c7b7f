/**
 * The client's address of a request that came through proxies. Pure.
 *
 * X-Forwarded-For is a list to which each proxy appends its peer's address; any client can send one. So
 * it is read from the right, and only as far as the proxies are trusted.
 *
 * @module
 */

import { BlockList, isIP, isIPv4 } from "node:net";

export class TrustedProxies {
  readonly #trusted = new BlockList();

  /** Fixed from the start. @param list IP addresses and CIDR blocks */
  constructor(list: readonly string[]) {
    for (const item of list) {
      const [address, bits] = item.split("/");
      const family = isIPv4(address) ? "ipv4" : "ipv6";
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(bits), family);
    }
  }

  /**
   * The address nearest to the client that can be believed.
   *
   * @param peer the other end of the TCP connection; empty (a unix socket) stays empty
   * @param forwarded the X-Forwarded-For header
   */
  clientAddress(peer: string, forwarded: string | undefined): string {
    let nearest = plainAddress(peer) ?? peer;
    const hops = forwarded?.split(",") ?? [];
    while (hops.length > 0 && this.#trusts(nearest)) {
      const hop = plainAddress(hops.pop()!);
      if (hop === undefined) break; // what is beyond it is unknown
      nearest = hop;
    }
    return nearest;
  }

  /** Whether an address is a trusted proxy's. @param peer the other end of the TCP connection */
  isTrusted(peer: string): boolean {
    return this.#trusts(plainAddress(peer) ?? peer);
  }

  #trusts(address: string): boolean {
    if (!isIPv4(address)) return isIP(address) > 0 && this.#trusted.check(address, "ipv6");
    // A block may also have been given in the mapped form.
    return this.#trusted.check(address, "ipv4") ||
      this.#trusted.check(`::ffff:${address}`, "ipv6");
  }
}

/**
 * One spelling for each address: without port, brackets and zone, IPv6 compressed and in lower
 * case, IPv4 in IPv6 as IPv4; undefined when it is none.
 */
function plainAddress(text: string): string | undefined {
  if (isIPv4(text)) return text; // most of them
  const bare = text.trim().replace(/^"(.*)"$/, "$1");
  const [, ipv4, ipv6] = /^(?:([\d.]+)|\[([^\]]+)\])(?::\d+)?$/.exec(bare) ?? [];
  const address = (ipv4 ?? ipv6 ?? bare).replace(/%.*$/, "");
  if (isIP(address) !== 6) return isIPv4(address) ? address : undefined;
  const compressed = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(compressed);
  return mapped === null ? compressed : dotted(parseInt(mapped[1], 16), parseInt(mapped[2], 16));
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
