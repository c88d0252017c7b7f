/**
 * Formats untrusted text and numbers for the output: without control characters and without anything
 * that may be a credential. Pure.
 *
 * @module
 */

/** A longer subprotocol may be a credential. */
const MAX_SUBPROTOCOL_LENGTH = 32;
const SHOWN_LENGTH = 8;

/** The text with control and other invisible characters as `\u{…}`. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** A URL without user, password and query, which may be credentials. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === "" ? "" : "?…"}`;
}

/** A subprotocol without credentials: browser clients send them as subprotocols, and a server may choose one. */
export function shownSubprotocol(name: string): string {
  const shown = name.replace(/(bearer\.).+/i, "$1…");
  return printable(
    shown.length <= MAX_SUBPROTOCOL_LENGTH ? shown : `${shown.slice(0, SHOWN_LENGTH)}…`,
  );
}

/** A time in ms, with two decimals. */
export function milliseconds(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}

/** A time in s, with two decimals. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
