/**
 * New tokens on a living connection: checks what a client sends in a `refresh`, gives the connection
 * its rights and its end, and answers. A token that is not accepted changes nothing: the last one
 * holds. No answer and no log line repeats a token.
 *
 * @module
 */

import type { Authenticator } from "../auth/authenticator.ts";
import type { Grant } from "../auth/grant.ts";
import type { Clock } from "../base/clock.ts";
import type { Hub } from "../hub.ts";
import type { Logger } from "../logging/logging.ts";
import type { RefreshError, RefreshRequest } from "../message.ts";
import type { Connection } from "./connection.ts";
import { type CredentialExpiry, isToken } from "./credential_expiry.ts";

export interface TokenRefreshOptions {
  readonly clock: Clock;
  readonly hub: Hub;
  readonly authenticator: Pick<Authenticator, "check">;
  readonly log: Logger;
}

/** A connection whose token can be replaced. */
export interface Renewable extends Connection {
  /** From now on this grant holds. */
  renew(grant: Grant): void;
}

/** Why a token is not accepted, for the client. */
interface Refusal {
  readonly code: RefreshError;
  readonly message: string;
  readonly afterMs?: number;
}

/** From one check to the next: a signature costs more than a frame. */
const MIN_PERIOD_MS = 1_000;

export class TokenRefresh {
  readonly #connection: Renewable;
  readonly #expiry: CredentialExpiry;
  readonly #options: TokenRefreshOptions;
  #nextMs = -Infinity;
  #isChecking = false;
  /** The end of the token whose announcement has been answered. */
  #answeredMs = NaN;

  /** @param expiry of the connection's credential */
  constructor(connection: Renewable, expiry: CredentialExpiry, options: TokenRefreshOptions) {
    this.#connection = connection;
    this.#expiry = expiry;
    this.#options = options;
  }

  /** Checks a token and answers, in the order of the checks. Never rejects. */
  async check({ token, ref }: RefreshRequest): Promise<void> {
    const { hub, authenticator } = this.#options;
    const connection = this.#connection;
    const refusal = this.#mayNotCheck();
    if (refusal !== undefined) return this.#refuse(refusal, ref);
    this.#isChecking = true;
    const result = await authenticator.check({ kind: "token", token });
    this.#isChecking = false;
    if (connection.closing) return;
    if (result.kind === "rejected") {
      return this.#refuse({ code: "unauthorized", message: result.detail }, ref);
    }
    const { grant } = result;
    const mismatch = this.#mismatch(grant);
    if (mismatch !== undefined) return this.#refuse(mismatch, ref);
    // In one turn: no request that the old rights allow comes behind the command.
    connection.renew(grant);
    const expiresAt = Math.floor(this.#expiry.expiresAtMs);
    const ack = connection.session.notify({ kind: "refreshed", expiresAt });
    const { rights } = grant;
    const maySubscribe = (channel: string) => rights.maySubscribe(channel);
    const command = { kind: "restrict", maySubscribe, ack } as const;
    hub.tell({ kind: "command", subscriber: connection, command });
  }

  /** The first refresh that answers an `expiring` is never too early. */
  #mayNotCheck(): Refusal | undefined {
    const expiry = this.#expiry;
    if (!isToken(this.#connection)) {
      return { code: "forbidden", message: "this connection was not opened with a token" };
    }
    const nowMs = this.#options.clock.now();
    const isAnswer = expiry.isAnnounced && this.#answeredMs !== expiry.expiresAtMs;
    if (this.#isChecking || (!isAnswer && nowMs < this.#nextMs)) {
      const afterMs = Math.ceil(Math.max(0, this.#nextMs - nowMs));
      return { code: "too_many_refreshes", message: "one refresh a second", afterMs };
    }
    if (isAnswer) this.#answeredMs = expiry.expiresAtMs;
    this.#nextMs = nowMs + MIN_PERIOD_MS;
  }

  #mismatch({ keyId, expiresAtMs = Infinity }: Grant): Refusal | undefined {
    if (keyId !== this.#connection.keyId) {
      return { code: "forbidden", message: "the token is not one of this connection's sub" };
    }
    if (expiresAtMs <= this.#expiry.expiresAtMs) {
      return { code: "bad_message", message: "the token must end later than the present one" };
    }
  }

  #refuse({ code, message, afterMs }: Refusal, ref: string | undefined): void {
    const { hub, log } = this.#options;
    const { id, session, counts } = this.#connection;
    if (code === "forbidden" || code === "unauthorized") {
      counts.denied++;
      log.info("token refused", { id, code });
    }
    const text = session.notify({ kind: "error", code, message, id: ref, afterMs });
    if (text === undefined) return;
    hub.tell({ kind: "command", subscriber: this.#connection, command: { kind: "reply", text } });
  }
}
