/**
 * JSON from untrusted peers, read without exceptions.
 *
 * @module
 */

/** A JSON object; its fields may be anything. */
export type Fields = Record<string, unknown>;

/** Whether a JSON value is an object, neither null nor an array. */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a text, or undefined when it is not JSON or nested too deep. Never throws. */
export function parseJson(text: string): unknown {
  if (!mayBeJson(text.trim()) || isTooDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Nested arrays and objects. No real message has more. */
const MAX_DEPTH = 500;

/**
 * JSON.parse accepts any depth, JSON.stringify overflows the stack at a few thousand levels (when an
 * object with integer keys is inside): a value that could not be serialised again is not accepted.
 */
function isTooDeep(text: string): boolean {
  if (text.length < 2 * MAX_DEPTH) return false;
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) {
      quoted = true;
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return true;
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      depth--;
    }
  }
  return false;
}

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\[]{}'].map((
  mark,
) => mark.charCodeAt(0));

/**
 * Whether the first and last character allow a text to be JSON. JSON.parse takes 6 µs to throw, and 64
 * flooding clients send 128 000 frames before they exceed their limit: with JSON.parse alone, closing
 * them all took 2 s, with this check 0.9 s (tests/integration/flood_test.ts).
 */
function mayBeJson(trimmed: string): boolean {
  const last = trimmed.at(-1);
  switch (trimmed[0]) {
    case "{":
      return last === "}";
    case "[":
      return last === "]";
    case '"':
      return last === '"' && trimmed.length > 1;
    case "t":
    case "f":
    case "n":
      return trimmed === "true" || trimmed === "false" || trimmed === "null";
    default:
      return last !== undefined && last >= "0" && last <= "9";
  }
}
