/**
 * Asks for the admin key.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Refused } from "./api.ts";
import { byId } from "./dom.ts";

/** Asks until something is typed; cannot be passed over. @param hadKey whether one was refused */
export function askForKey(refused: Refused, { hadKey }: { hadKey: boolean }): Promise<string> {
  const dialog = byId("key", HTMLDialogElement);
  const input = byId("key-text", HTMLInputElement);
  byId("key-wrong", HTMLElement).textContent = hadKey ? wrongWith(refused) : "";
  input.value = "";
  if (!dialog.open) dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => {
      const key = input.value.trim();
      input.value = "";
      if (key === "") return dialog.showModal();
      resolve(key);
    };
  });
}

function wrongWith({ status, message }: Refused): string {
  if (status === 403) return "This key is valid, but has not the right admin: use one that has.";
  return `This key was refused: ${message}.`;
}
