/**
 * Asks for the admin key.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Refused } from "./api.ts";
import { byId } from "./dom.ts";

/** What a key, as a part of an HTTP header, can hold. */
const POSSIBLE = /^[\x21-\x7e]+$/;

/** Asks until something is typed that can be a key; cannot be passed over. @param hadKey whether one was refused */
export function askForKey(refused: Refused, { hadKey }: { hadKey: boolean }): Promise<string> {
  const dialog = byId("key", HTMLDialogElement);
  const input = byId("key-text", HTMLInputElement);
  const wrong = byId("key-wrong", HTMLElement);
  wrong.textContent = hadKey ? wrongWith(refused) : "";
  input.value = "";
  if (!dialog.open) dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => {
      const key = input.value.trim();
      input.value = "";
      if (POSSIBLE.test(key)) return resolve(key);
      if (key !== "") wrong.textContent = strangeIn(key);
      dialog.showModal();
    };
  });
}

function wrongWith({ status, message }: Refused): string {
  if (status === 403) return "This key is valid, but has not the right admin: use one that has.";
  return `This key was refused: ${message}.`;
}

/** Often a dash or a space that a text program has put there. */
function strangeIn(key: string): string {
  const strange = [...key].find((character) => !POSSIBLE.test(character))!;
  const isSeen = /[\p{L}\p{N}\p{P}\p{S}]/u.test(strange);
  const what = isSeen ? `“${strange}”` : "a space, or something as invisible,";
  return `This cannot be a key: it has ${what} in it. Copy it anew from where it was made.`;
}
