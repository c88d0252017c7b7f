/**
 * How the probe writes what strangers chose: nothing that a terminal would obey, nothing that may be
 * a credential. Pure.
 *
 * @module
 */

/** Longer names of subprotocols may be credentials. */
const MAX_SUBPROTOCOL_LENGTH = 32;
const SHOWN_LENGTH = 8;

/** Text without control characters, marks of direction and the like: those as `\u{…}`. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** A URL without its credentials: neither user and password nor what the query says. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === "" ? "" : "?…"}`;
}

/** A subprotocol; browsers' clients send credentials as one, and some servers choose just that. */
export function shownSubprotocol(name: string): string {
  const shown = name.replace(/(bearer\.).+/i, "$1…");
  return printable(
    shown.length <= MAX_SUBPROTOCOL_LENGTH ? shown : `${shown.slice(0, SHOWN_LENGTH)}…`,
  );
}

/** ms, to the hundredth. */
export function milliseconds(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}

/** s, to the hundredth. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
