/**
 * Tickets: valid for a short time and for one use, in place of the key that fetched them, since a URL
 * must not carry a key.
 *
 * @module
 */

import { clientOf } from "../base/subnet.ts";
import { createHash } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Store } from "../stores/store.ts";
import type { Claims, Grant } from "./grant.ts";
import { SlidingWindows } from "./sliding_window.ts";

export interface TicketsOptions {
  /** Where they are kept. */
  readonly store: Store;
  readonly clock: Clock;
  /** Makes what nobody can guess, another one at each call. */
  readonly newId: () => string;
  /** How long one is valid, ms. */
  readonly ttlMs: number;
  /** How many a key may fetch in any minute; 0 = no limit. */
  readonly perMinute: number;
}

/** The answer to a request for a ticket. */
export type TicketAnswer =
  | { readonly kind: "issued"; readonly ticket: string }
  /** Too many: the next is possible so many ms later. */
  | { readonly kind: "limited"; readonly retryAfterMs: number };

const COLLECTION = "tickets";
const WINDOW_MS = 60_000;

export class Tickets {
  readonly #options: TicketsOptions;
  readonly #fetched: SlidingWindows;

  /** Starts with what the store holds. */
  constructor(options: TicketsOptions) {
    this.#options = options;
    this.#fetched = new SlidingWindows(options.perMinute, WINDOW_MS);
  }

  /**
   * Makes a ticket.
   *
   * @param grant what it will stand for
   * @param address the caller's, by which requests are counted on an open hub, where there are no
   *   keys; empty (a unix socket) is exempt
   */
  async issue(grant: Grant, address: string): Promise<TicketAnswer> {
    const { store, clock, newId, ttlMs } = this.#options;
    const name = grant.keyId ?? (address === "" ? undefined : `address ${clientOf(address)}`);
    const retryAfterMs = name === undefined ? 0 : this.#take(name, clock.now());
    if (retryAfterMs > 0) return { kind: "limited", retryAfterMs };
    const ticket = newId();
    const { rights: _, ...claims } = grant;
    const expiresAtMs = clock.wall() + ttlMs;
    await store.put(COLLECTION, { id: nameOf(ticket), value: claims, expiresAtMs });
    return { kind: "issued", ticket };
  }

  /** Uses a ticket up: the claims that it stood for, or undefined when it is not valid (any more). */
  async redeem(ticket: string): Promise<Claims | undefined> {
    const entry = await this.#options.store.take(COLLECTION, nameOf(ticket));
    return entry?.value as Claims | undefined; // no other module writes this collection
  }

  /** Counts one ticket. @returns how long to wait, ms; 0 when it may be issued */
  #take(name: string, nowMs: number): number {
    if (this.#options.perMinute === 0 || this.#fetched.take(name, nowMs)) return 0;
    return this.#fetched.waitMs(name, nowMs);
  }
}

/** Stored by its hash: a reader of the database finds no ticket there. */
function nameOf(ticket: string): string {
  return createHash("sha256").update(ticket).digest("hex");
}
