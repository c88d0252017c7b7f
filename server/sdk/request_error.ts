/**
 * Creates the error with which the promise of a request is rejected.
 *
 * @module
 */

import type { RequestError } from "./events.ts";

/** An error with a code. */
export function requestError(code: string, message: string): RequestError {
  return Object.assign(new Error(message), { code });
}
