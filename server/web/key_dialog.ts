/**
 * The dialog that requests the admin key.
 *
 * @module
 */

/// <reference lib="dom" />

import type { AuthError } from "./api.ts";
import { byId } from "./dom.ts";

/** The characters that a key can have in an HTTP header. */
const VALID = /^[\x21-\x7e]+$/;

/**
 * Stays open until the input can be a key; cannot be dismissed.
 *
 * @param hadKey whether a key was sent and rejected
 */
export function requestKey(error: AuthError, { hadKey }: { hadKey: boolean }): Promise<string> {
  const dialog = byId("key", HTMLDialogElement);
  const input = byId("key-text", HTMLInputElement);
  const message = byId("key-error", HTMLElement);
  message.textContent = hadKey ? messageOf(error) : "";
  input.value = "";
  if (!dialog.open) dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => {
      const key = input.value.trim();
      input.value = "";
      if (VALID.test(key)) return resolve(key);
      if (key !== "") message.textContent = invalidCharacterIn(key);
      dialog.showModal();
    };
  });
}

function messageOf({ status, message }: AuthError): string {
  if (status === 403) return "This key is valid, but does not have the right admin.";
  return `This key was rejected: ${message}.`;
}

/** Usually a dash or a space that a text editor has inserted. */
function invalidCharacterIn(key: string): string {
  const character = [...key].find((each) => !VALID.test(each))!;
  const isVisible = /[\p{L}\p{N}\p{P}\p{S}]/u.test(character);
  const what = isVisible ? `“${character}”` : "a space or another invisible character";
  return `This cannot be a key: it contains ${what}. Copy it again.`;
}
