/**
 * How the text of one option is read: numbers with units, choices, hosts, origins, listen addresses.
 *
 * Owns the wording of one bad value. Must not know which options exist, nor how they depend on
 * each other (config.ts), nor the process.
 *
 * @module
 */

import { isIP } from "node:net";
import * as v from "valibot";

/** One option's text, read: its value, or what is wrong with it (`must be …, got "…"`). */
export type Reading<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "bad"; readonly problem: string };

/** How one sort of value is read. */
export interface ValueKind<T> {
  /** The unit or form, as README shows it. */
  readonly unit: string;
  /** Reads a text that is trimmed and not empty. */
  readonly read: (text: string) => Reading<T>;
}

/** Where a server listens; port 0 is any free port. */
export type Listen =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** The smallest and the greatest value allowed. */
export interface Range {
  /** Smallest value allowed; without it, the kind's own. */
  readonly min?: number;
  /** Greatest value allowed; without it, the kind's own. */
  readonly max?: number;
}

/** Node's timers and ws's maxPayload count in signed 32 bits. */
export const MAX_INT = 2 ** 31 - 1;
/** The wheel may be late by so much: a shorter time could not be kept. */
const MIN_MS = 100;
/** Longer texts are cut in a problem: enough to recognise them, too little to publish a key. */
const MAX_SHOWN = 60;
const MAX_PORT = 65_535;

function show(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? text.slice(0, MAX_SHOWN) + "…" : text);
}

function valueKind<T>(
  { unit, must, schema }: { unit: string; must: string; schema: v.GenericSchema<string, T> },
): ValueKind<T> {
  return {
    unit,
    read(text) {
      const result = v.safeParse(schema, text);
      if (result.success) return { kind: "value", value: result.output };
      // An issue with a path is about one item of a list: show that item, not the list.
      const seen = result.issues.map((issue) => show(issue.path ? String(issue.input) : text));
      return { kind: "bad", problem: `must be ${must}, got ${[...new Set(seen)].join(", ")}` };
    },
  };
}

function integer(
  { unit, must, min, max }: { unit: string; must: string; min: number; max: number },
): ValueKind<number> {
  return valueKind({
    unit,
    must: `${must}, digits only, from ${min} to ${max}`,
    schema: v.pipe(v.string(), v.digits(), v.transform(Number), v.minValue(min), v.maxValue(max)),
  });
}

/** A duration in milliseconds; 100 to 2^31 - 1 by default. */
export function milliseconds({ min = MIN_MS, max = MAX_INT }: Range = {}): ValueKind<number> {
  return integer({ unit: "ms", must: "whole milliseconds (10 s is 10000)", min, max });
}

/** A size in bytes; 1 to 2^53 - 1 by default. */
export function bytes({ min = 1, max = Number.MAX_SAFE_INTEGER }: Range = {}): ValueKind<number> {
  return integer({ unit: "bytes", must: "whole bytes (64 KiB is 65536)", min, max });
}

/** A number of things; 0 to 2^31 - 1 by default. */
export function count({ min = 0, max = MAX_INT }: Range = {}): ValueKind<number> {
  return integer({ unit: "count", must: "a whole number", min, max });
}

/** A TCP port; 0 is any free port. */
export const port: ValueKind<number> = integer({
  unit: "port",
  must: "a port number",
  min: 0,
  max: MAX_PORT,
});

/** `true` or `false`, also `1` or `0`, in any case. */
export const boolean: ValueKind<boolean> = valueKind({
  unit: "true or false",
  must: "true or false",
  schema: v.pipe(
    v.string(),
    v.toLowerCase(),
    v.picklist(["true", "false", "1", "0"]),
    v.transform((text) => text === "true" || text === "1"),
  ),
});

/** One of some lower-case names, in any case. */
export function choice<const T extends string>(names: readonly T[]): ValueKind<T> {
  const list = names.join(", ");
  return valueKind({
    unit: list,
    must: `one of ${list}`,
    schema: v.pipe(v.string(), v.toLowerCase(), v.picklist(names)),
  });
}

/** Any text on one line: what a variable that only has to be set holds. */
export const line: ValueKind<string> = valueKind({
  unit: "text",
  must: "one line of text",
  schema: v.pipe(v.string(), v.regex(/^\P{Cc}+$/u)),
});

/** The path of a file; a multi-line text is the file's content, put here by mistake. */
export const path: ValueKind<string> = valueKind({
  unit: "path",
  must: "the path of a file",
  schema: v.pipe(v.string(), v.regex(/^\P{Cc}+$/u)),
});

/** What must not be seen, so neither is it when it is bad: a key, a list of keys. */
export function secret(
  { unit, minBytes = 1 }: { readonly unit: string; readonly minBytes?: number },
): ValueKind<string> {
  return {
    unit,
    read(text) {
      const size = new TextEncoder().encode(text).length;
      return size >= minBytes
        ? { kind: "value", value: text }
        : { kind: "bad", problem: `must be at least ${minBytes} bytes of text, got ${size}` };
    },
  };
}

/** Where a Redis is. It may have a password, so nothing of a bad one is shown. */
export const redisUrl: ValueKind<string> = {
  unit: "URL",
  read(text) {
    const address = String.raw`(?:\[[\da-f:.]+\]|[^/?#@:,\[\]]+)(?::\d{1,5})?`;
    const server = `rediss?://(?:[^/?#@]*@)?${address}(?:/\\d*)?`;
    const sentinels =
      `rediss?-sentinel://(?:[^/?#@]*@)?${address}(?:,${address})*/[^/?#]+(?:/\\d*)?` +
      String.raw`(?:\?sentinel=[^/?#&@]+)?`;
    const cluster = `rediss?-cluster://(?:[^/?#@]*@)?${address}(?:,${address})*/?`;
    return new RegExp(`^(?:${server}|${sentinels}|${cluster})$`, "i").test(text)
      ? { kind: "value", value: text }
      : {
        kind: "bad",
        problem: "must be redis://[user:password@]host[:port][/database] or " +
          "redis-sentinel://[user:password@]host[:port],…/name[/database][?sentinel=user:password] or " +
          "redis-cluster://[user:password@]host[:port],…, with rediss for TLS",
      };
  },
};

function isHost(text: string): boolean {
  if (!text.includes(":")) return /^[a-z0-9][a-z0-9._-]*$/i.test(text) && canBeHost(text);
  // An IPv6 address may name its zone, as in fe80::1%eth0.
  const address = text.replace(/%[\w.-]+$/, "");
  return /^[0-9a-f:.]+$/i.test(address) && canBeHost(`[${address}]`);
}

function canBeHost(text: string): boolean {
  return URL.canParse(`http://${text}/`);
}

/** A host name or an IP address without a port; brackets around IPv6 are taken off. */
export const host: ValueKind<string> = valueKind({
  unit: "host",
  must: "a host name or an IP address without a port (0.0.0.0 or :: for all)",
  schema: v.pipe(
    v.string(),
    v.transform((text) => text.replace(/^\[(.*)\]$/, "$1")),
    v.check(isHost),
  ),
});

function splitList(text: string): string[] {
  return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

/** As a browser spells it (RFC 6454, 6.1): lower case, no default port, no slash; never a wildcard. */
function toOrigin(text: string): string | undefined {
  return /^https?:\/\/[^/\\?#@*\s]+$/i.test(text) ? URL.parse(text)?.origin : undefined;
}

/** A comma-separated list of bare origins; `null` is none, since every sandboxed page sends it. */
export const origins: ValueKind<readonly string[]> = valueKind({
  unit: "list of origins",
  must: "bare origins like https://app.example, separated by commas (never null or *)",
  schema: v.pipe(
    v.string(),
    v.transform(splitList),
    v.array(v.pipe(v.string(), v.check((item) => toOrigin(item) !== undefined))),
    v.transform((items) => [...new Set(items.map((item) => toOrigin(item) as string))]),
  ),
});

/** A comma-separated list of patterns of channels, in which `*` matches any run of characters. */
export const channelPatterns: ValueKind<readonly string[]> = valueKind({
  unit: "list of patterns",
  must: "patterns of channels like news/*, separated by commas",
  schema: v.pipe(v.string(), v.transform(splitList), v.array(v.string()), v.minLength(1)),
});

function isAddressBlock(text: string): boolean {
  const [, address, bits = "0"] = /^([\da-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const family = isIP(address ?? "");
  return family > 0 && Number(bits) <= (family === 4 ? 32 : 128);
}

/** A comma-separated list of IP addresses and blocks of them. */
export const addressBlocks: ValueKind<readonly string[]> = valueKind({
  unit: "list of addresses",
  must: "IP addresses or CIDR blocks like 10.0.0.0/8, separated by commas",
  schema: v.pipe(
    v.string(),
    v.transform(splitList),
    v.array(v.pipe(v.string(), v.check(isAddressBlock))),
  ),
});

function toListen(text: string): Listen | undefined {
  const path = /^unix:(\/\P{Cc}+)$/u.exec(text)?.[1];
  if (path !== undefined) return { kind: "unix", path };
  const [, ipv6, name, digits] = /^tcp:(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? name;
  const port = Number(digits);
  return host !== undefined && isHost(host) && port <= MAX_PORT
    ? { kind: "tcp", host, port }
    : undefined;
}

/** The listener that Deno Deploy hands over in `DENO_SERVE_ADDRESS`: its tcp and unix forms. */
export const serveAddress: ValueKind<Listen> = valueKind({
  unit: "address",
  must: "tcp:host:port or unix:/path (vsock, tunnel and duplicate forms cannot be served)",
  schema: v.pipe(v.string(), v.transform(toListen), v.custom<Listen>((it) => it !== undefined)),
});
