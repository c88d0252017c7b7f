/**
 * Reads the outside of JSON: whether bytes are JSON, and where the members of the outermost object are.
 * What is inside of a member is checked and not interpreted, so it can be passed on as it came. Pure;
 * knows no format. The grammar is that of RFC 8259, held to `JSON.parse` by a fuzz test.
 *
 * It reads bytes, since an element of a `Uint8Array` costs half of a character of a string (measured:
 * 64 KiB of objects take 54 us instead of 109), and `JSON.parse` of them takes 149.
 *
 * @module
 */

/** Nested arrays and objects. No real message has more. */
const MAX_DEPTH = 500;

const [QUOTE, BACKSLASH, COMMA, COLON, MINUS, PLUS, DOT] = [...'"\\,:-+.'].map(codeOf);
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [..."[]{}"].map(codeOf);
const [ZERO, NINE, LOWER_A, LOWER_E, LOWER_F, LOWER_U] = [..."09aefu"].map(codeOf);
const [SPACE, TAB, LINE_FEED, CARRIAGE_RETURN] = [..." \t\n\r"].map(codeOf);
const [TRUE, FALSE, NULL] = ["true", "false", "null"].map(bytesOf);
/** What a backslash makes of one letter; `u` takes four digits more. */
const ESCAPES = new Set([...'"\\/bfnrt'].map(codeOf));
/** In ASCII lower and upper case differ in this bit. */
const LOWER_CASE = 0x20;
const BYTE_ORDER_MARK = bytesOf("\ufeff");
/** A longer text is not decoded as a whole: a member, once kept, would keep all of it in memory. */
const SHORT_BYTES = 512;
/** V8 copies a slice that is shorter. A longer one keeps the whole text, as long as it lives itself. */
const MIN_SLICE = 13;
/** What a member that is kept may keep beside itself, bytes. The history has so much to spare for it. */
const MAX_WASTE = 64;
/** No byte at all. */
const END = -1;
/** Instead of a position: the bytes are not JSON. */
const INVALID = -1;

/** The closing bracket of each container that is open. One for all scans, which do not overlap. */
const closing = new Uint8Array(MAX_DEPTH + 1);

/** Names are ASCII or escaped; a byte order mark is no white space. */
const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });

/** Whether bytes are one JSON text, nested at most 500 deep. UTF-8 inside of strings is not checked. */
export function isJson(bytes: Uint8Array): boolean {
  const end = valueEnd(bytes, 0, 0);
  return end !== INVALID && spaceEnd(bytes, end) === bytes.length;
}

/**
 * The elements of a JSON text that is an array, each with the white space around it.
 *
 * @returns undefined when it is no array
 */
export function elementsOf(bytes: Uint8Array): Uint8Array[] | undefined {
  let at = spaceEnd(bytes, 0);
  if (byteAt(bytes, at) !== OPEN_ARRAY || !isJson(bytes)) return undefined;
  const elements: Uint8Array[] = [];
  if (byteAt(bytes, spaceEnd(bytes, at + 1)) === CLOSE_ARRAY) return elements;
  while (byteAt(bytes, at) !== CLOSE_ARRAY) {
    const end = spaceEnd(bytes, valueEnd(bytes, at + 1, 1));
    elements.push(bytes.subarray(at + 1, end));
    at = end;
  }
  return elements;
}

/** What follows a byte order mark, which is no part of a JSON text. */
export function withoutByteOrderMark(bytes: Uint8Array): Uint8Array {
  return isAt(bytes, 0, BYTE_ORDER_MARK) ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
}

/** What a text is: an object, JSON that is no object, or not JSON or nested too deep. */
export type Scan = "object" | "other" | "invalid";

/**
 * Finds the known members of an object; the last one of a name counts, as for `JSON.parse`. Members with
 * other names are only counted, however often they are repeated. One scanner serves all frames of a
 * format without an allocation: what it found holds until the next scan.
 */
export class MemberScanner<Name extends string> {
  readonly #names: readonly Name[];
  readonly #nameBytes: readonly Uint8Array[];
  /** Start and end of each known member's value; both 0 where it is missing. */
  readonly #spans: Int32Array;
  #bytes: Uint8Array = new Uint8Array();
  /** All of it, if it is short: to decode it once costs less than each member by itself. */
  #text: string | undefined;
  #others = 0;
  #ambiguous: Name | undefined;

  /** @param names the members that the format knows, without characters that JSON escapes */
  constructor(names: readonly Name[]) {
    this.#names = names;
    this.#nameBytes = names.map(bytesOf);
    this.#spans = new Int32Array(2 * names.length);
  }

  /** How many members with other names there were. */
  get others(): number {
    return this.#others;
  }

  /**
   * A known member that is written twice, or with an escape in its name. Readers do not agree on such an
   * object: some take the first, some the last, some compare names before unescaping.
   */
  get ambiguous(): Name | undefined {
    return this.#ambiguous;
  }

  /** Reads a text. The bytes must not change until the next one. */
  scan(bytes: Uint8Array): Scan {
    this.#bytes = bytes;
    this.#text = undefined;
    this.#spans.fill(0);
    this.#others = 0;
    this.#ambiguous = undefined;
    const start = spaceEnd(bytes, 0);
    if (byteAt(bytes, start) !== OPEN_OBJECT) return isJson(bytes) ? "other" : "invalid";
    const end = this.#objectEnd(start);
    if (end === INVALID || spaceEnd(bytes, end) !== bytes.length) return "invalid";
    return "object";
  }

  /** The JSON text of a known member, as it was written; undefined where there is none. */
  textOf(name: Name): string | undefined {
    const at = 2 * this.#names.indexOf(name);
    const [start, end] = [this.#spans[at], this.#spans[at + 1]];
    if (end === 0) return undefined;
    const bytes = this.#bytes;
    if (bytes.length <= SHORT_BYTES) {
      this.#text ??= TEXT.decode(bytes);
      // As long as the bytes, it has one character for each of them.
      if (this.#text.length === bytes.length) return this.#text.slice(start, end);
    }
    return TEXT.decode(bytes.subarray(start, end));
  }

  /** As `textOf()`, for a member that is kept: the rest of the text is not kept in memory with it. */
  keptTextOf(name: Name): string | undefined {
    const at = 2 * this.#names.indexOf(name);
    const [start, end] = [this.#spans[at], this.#spans[at + 1]];
    const length = end - start;
    const mayBeSlice = length < MIN_SLICE || this.#bytes.length - length <= MAX_WASTE;
    return mayBeSlice ? this.textOf(name) : TEXT.decode(this.#bytes.subarray(start, end));
  }

  /** @param start of the object @returns the end of it */
  #objectEnd(start: number): number {
    const bytes = this.#bytes;
    let at = spaceEnd(bytes, start + 1);
    if (byteAt(bytes, at) === CLOSE_OBJECT) return at + 1;
    for (;;) {
      const nameStart = at + 1;
      const nameEnd = stringEnd(bytes, at) - 1;
      if (nameEnd < 0) return INVALID;
      at = colonEnd(bytes, nameEnd + 1);
      if (at === INVALID) return INVALID;
      const valueStart = spaceEnd(bytes, at);
      at = valueEnd(bytes, valueStart, 1);
      if (at === INVALID) return INVALID;
      this.#note(nameStart, nameEnd, valueStart, at);
      at = spaceEnd(bytes, at);
      const code = byteAt(bytes, at);
      if (code === CLOSE_OBJECT) return at + 1;
      if (code !== COMMA) return INVALID;
      at = spaceEnd(bytes, at + 1);
    }
  }

  #note(nameStart: number, nameEnd: number, start: number, end: number): void {
    const plain = this.#indexOf(nameStart, nameEnd);
    const index = plain >= 0 ? plain : this.#indexOfEscaped(nameStart, nameEnd);
    if (index < 0) {
      this.#others++;
      return;
    }
    const isRepeated = this.#spans[2 * index + 1] !== 0;
    if (plain < 0 || isRepeated) this.#ambiguous ??= this.#names[index];
    this.#spans[2 * index] = start;
    this.#spans[2 * index + 1] = end;
  }

  #indexOf(start: number, end: number): number {
    const names = this.#nameBytes;
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name.length === end - start && isAt(this.#bytes, start, name)) return i;
    }
    return -1;
  }

  #indexOfEscaped(start: number, end: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (at < end && bytes[at] !== BACKSLASH) at++;
    if (at === end) return -1;
    return this.#names.indexOf(JSON.parse(`"${TEXT.decode(bytes.subarray(start, end))}"`));
  }
}

/**
 * The end of the value that begins at a position, after white space.
 *
 * @param outside how many containers are open around it
 */
function valueEnd(bytes: Uint8Array, start: number, outside: number): number {
  let depth = outside;
  let at = start;
  for (;;) {
    at = spaceEnd(bytes, at);
    const code = byteAt(bytes, at);
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (depth === MAX_DEPTH) return INVALID;
      const close = code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
      at = spaceEnd(bytes, at + 1);
      if (byteAt(bytes, at) !== close) {
        closing[++depth] = close;
        if (close === CLOSE_OBJECT) at = nameEnd(bytes, at);
        if (at === INVALID) return INVALID;
        continue;
      }
      at++;
    } else {
      at = scalarEnd(bytes, at);
      if (at === INVALID) return INVALID;
    }
    // After a value: the ends of its containers, and then the next one.
    for (;;) {
      if (depth === outside) return at;
      at = spaceEnd(bytes, at);
      const after = byteAt(bytes, at++);
      if (after === COMMA) break;
      if (after !== closing[depth]) return INVALID;
      depth--;
    }
    if (closing[depth] === CLOSE_OBJECT) at = nameEnd(bytes, spaceEnd(bytes, at));
    if (at === INVALID) return INVALID;
  }
}

/** The end of a member's name and its colon. */
function nameEnd(bytes: Uint8Array, start: number): number {
  const end = stringEnd(bytes, start);
  return end === INVALID ? INVALID : colonEnd(bytes, end);
}

/** The end of a colon, with the white space before it. */
function colonEnd(bytes: Uint8Array, start: number): number {
  const at = spaceEnd(bytes, start);
  return byteAt(bytes, at) === COLON ? at + 1 : INVALID;
}

function scalarEnd(bytes: Uint8Array, start: number): number {
  const code = byteAt(bytes, start);
  if (code === QUOTE) return stringEnd(bytes, start);
  if (code === MINUS || isDigit(code)) return numberEnd(bytes, start);
  for (const word of [TRUE, FALSE, NULL]) {
    if (code === word[0]) return isAt(bytes, start, word) ? start + word.length : INVALID;
  }
  return INVALID;
}

/** The end of a string, quotes included. */
function stringEnd(bytes: Uint8Array, start: number): number {
  if (byteAt(bytes, start) !== QUOTE) return INVALID;
  let at = start + 1;
  while (at < bytes.length) {
    const code = bytes[at++];
    if (code > BACKSLASH) continue; // most letters
    if (code === QUOTE) return at;
    if (code < SPACE) return INVALID;
    if (code !== BACKSLASH) continue;
    const escape = byteAt(bytes, at++);
    if (ESCAPES.has(escape)) continue;
    if (escape !== LOWER_U) return INVALID;
    for (const end = at + 4; at < end; at++) {
      if (!isHexDigit(byteAt(bytes, at))) return INVALID;
    }
  }
  return INVALID;
}

function numberEnd(bytes: Uint8Array, start: number): number {
  let at = byteAt(bytes, start) === MINUS ? start + 1 : start;
  at = byteAt(bytes, at) === ZERO ? at + 1 : digitsEnd(bytes, at);
  if (at === INVALID) return INVALID;
  if (byteAt(bytes, at) === DOT) at = digitsEnd(bytes, at + 1);
  if (at === INVALID || (byteAt(bytes, at) | LOWER_CASE) !== LOWER_E) return at;
  const sign = byteAt(bytes, ++at);
  return digitsEnd(bytes, sign === PLUS || sign === MINUS ? at + 1 : at);
}

/** The end of at least one digit. */
function digitsEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && isDigit(bytes[at])) at++;
  return at === start ? INVALID : at;
}

function spaceEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}

function isSpace(code: number): boolean {
  return code <= SPACE &&
    (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function isHexDigit(code: number): boolean {
  const lower = code | LOWER_CASE;
  return isDigit(code) || (lower >= LOWER_A && lower <= LOWER_F);
}

/** Whether these bytes stand at a position. */
function isAt(bytes: Uint8Array, start: number, expected: Uint8Array): boolean {
  if (start + expected.length > bytes.length) return false;
  for (let i = 0; i < expected.length; i++) {
    if (bytes[start + i] !== expected[i]) return false;
  }
  return true;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return at < bytes.length ? bytes[at] : END;
}

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
