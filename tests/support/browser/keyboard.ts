/**
 * Keys as the DevTools protocol wants them: a name for the page and the number that makes the
 * browser act on it (move the focus, press a button, scroll).
 *
 * @module
 */

/** A key. */
export interface Key {
  readonly key: string;
  readonly code: string;
  readonly windowsVirtualKeyCode: number;
  /** What it writes, if anything. */
  readonly text?: string;
}

/** Bits of the keys that change others. */
export const MODIFIERS: Readonly<Record<string, number>> = {
  Alt: 1,
  Control: 2,
  Meta: 4,
  Shift: 8,
};

const NUMBERS: Readonly<Record<string, number>> = {
  Backspace: 8,
  Tab: 9,
  Enter: 13,
  Escape: 27,
  PageUp: 33,
  PageDown: 34,
  End: 35,
  Home: 36,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
  Delete: 46,
};

/**
 * A key by its name, as `KeyboardEvent.key` has it; `Space` for a blank.
 *
 * @throws {TypeError} for a name that is not known here
 */
export function keyNamed(name: string): Key {
  if (name === "Enter") return { ...named(name), text: "\r" };
  if (name === "Space") return { key: " ", code: name, windowsVirtualKeyCode: 32, text: " " };
  if (name in NUMBERS) return named(name);
  if ([...name].length !== 1) throw new TypeError(`Cannot press ${name}: add it to keyboard.ts`);
  const capital = name.toUpperCase();
  const code = /[A-Z]/.test(capital) ? `Key${capital}` : /\d/.test(name) ? `Digit${name}` : "";
  return { key: name, code, windowsVirtualKeyCode: capital.charCodeAt(0), text: name };
}

function named(name: string): Key {
  return { key: name, code: name, windowsVirtualKeyCode: NUMBERS[name] };
}
