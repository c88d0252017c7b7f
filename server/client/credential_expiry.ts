/**
 * When the credential of a connection ends, and when a client that can refresh it is asked to. Pure;
 * time is an argument: wall-clock ms, as in the credential.
 *
 * @module
 */

import type { Claims } from "../auth/grant.ts";
import { subjectOf } from "../auth/tokens.ts";

/** What it must know of a credential. */
export type Expiring = Pick<Claims, "keyId" | "expiresAtMs">;

/** The announcement comes when this part of what was left of the token is left, */
const ANNOUNCED_PART = 1 / 3;
/** but not earlier before its end than this, ms. */
const MAX_ANNOUNCED_MS = 30_000;

/** Whether a credential is a token: keys are not refreshed. */
export function isToken({ keyId }: Expiring): boolean {
  return subjectOf(keyId) !== undefined;
}

export class CredentialExpiry {
  #expiresAtMs = Infinity;
  /** Infinity once it is announced, and for what cannot be refreshed. */
  #announceAtMs = Infinity;

  constructor(credential: Expiring, nowMs: number) {
    this.renew(credential, nowMs);
  }

  /** When the credential ends. */
  get expiresAtMs(): number {
    return this.#expiresAtMs;
  }

  /** When the next thing is to be done about it; Infinity: never. */
  get dueMs(): number {
    return Math.min(this.#expiresAtMs, this.#announceAtMs);
  }

  /** Whether the end of the present token has been announced. */
  get isAnnounced(): boolean {
    return this.#expiresAtMs < Infinity && this.#announceAtMs === Infinity;
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.#expiresAtMs;
  }

  /** Once for each token. @returns how long until its end, ms, when it is time to announce it */
  announce(nowMs: number): number | undefined {
    if (nowMs < this.#announceAtMs) return undefined;
    this.#announceAtMs = Infinity;
    return Math.floor(this.#expiresAtMs - nowMs); // `exp` may have decimals
  }

  /** Another credential takes its place. */
  renew(credential: Expiring, nowMs: number): void {
    const { expiresAtMs = Infinity } = credential;
    this.#expiresAtMs = expiresAtMs;
    if (!isToken(credential)) return;
    const leftMs = expiresAtMs - nowMs;
    this.#announceAtMs = expiresAtMs - Math.min(MAX_ANNOUNCED_MS, leftMs * ANNOUNCED_PART);
  }
}
