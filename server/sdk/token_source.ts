/**
 * The tokens of the option `token`: asks for one before each attempt and when the hub announces the
 * end of the present one, and asks again after a wait when that fails. Owns the wait; knows no socket.
 * Must not put a token into a text that is shown.
 *
 * @module
 */

import { backoffMs } from "./backoff.ts";
import { platform } from "./platform.ts";
import type { Settings } from "./settings.ts";
import type { After } from "./timers.ts";

/** What a source needs. */
export interface TokenSourceOptions {
  /** The option `token`, and the base of the backoff. */
  readonly settings: Settings;
  /** Sets the timer. */
  readonly after: After;
  /** Presents a token on the open connection. */
  readonly present: (token: string) => void;
}

/** The hub checks one token a second, ms. */
const MIN_WAIT_MS = 1_000;

/** What a subprotocol may consist of (RFC 9110 5.6.2), as far as credentials need it. */
const TOKEN = /^[\w.~+-]+$/;

/** Asks for tokens. */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  #failures = 0;
  #cancel = () => {};

  /** Asks for nothing yet. */
  constructor(options: TokenSourceOptions) {
    this.#options = options;
  }

  /** The subprotocols of an attempt. Rejects if there is no token. */
  async protocols(): Promise<string[]> {
    const { protocols } = this.#options.settings;
    const token = await this.#ask();
    return [...new Set(["systole", `systole.bearer.${token}`].concat(protocols))];
  }

  /** The hub wants a new token. */
  renew(): void {
    this.#failures = 0;
    this.#refresh();
  }

  /** The hub has answered a new token. */
  answered(isAccepted: boolean): void {
    if (isAccepted) this.stop();
    else this.#retry("the hub refused it");
  }

  /** The connection is closed: what it waits for is ignored. */
  stop(): void {
    this.#cancel();
  }

  #refresh(): void {
    const { present } = this.#options;
    let isCurrent = true;
    this.#cancel();
    this.#cancel = () => isCurrent = false;
    this.#ask().then(
      (token) => isCurrent && present(token),
      (error) => isCurrent && this.#retry(error),
    );
  }

  #retry(reason: unknown): void {
    const { settings, after } = this.#options;
    const wait = backoffMs(++this.#failures, settings.reconnectInterval, platform.random());
    settings.debug(`no token, again in ${Math.round(MIN_WAIT_MS + wait)} ms: ${reason}`);
    this.#cancel();
    this.#cancel = after(MIN_WAIT_MS + wait, () => this.#refresh());
  }

  async #ask(): Promise<string> {
    const token = await this.#options.settings.token!();
    if (!TOKEN.test(token)) throw new TypeError("the token is not one");
    return token;
  }
}
