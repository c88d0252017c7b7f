/**
 * A client of the json system with a token that ends soon: it sends a new one in time, sometimes with
 * fewer rights, or it does not and is to be closed.
 *
 * @module
 */

import type { ClientContext, ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER, ROOMS } from "../core/json_frames.ts";
import { matchesOne } from "../core/keys.ts";
import { signToken } from "../core/tokens.ts";

const ALL = { publish: ["*"], subscribe: ["*"] };

class TokenClient extends ForeignClient {
  readonly #lifeMs: number;
  readonly #refreshes: boolean;
  /** What its newest token gives. */
  #rights = ALL;
  #expiresMs = Infinity;
  /** What the node has confirmed. */
  #confirmed = ALL;

  constructor(context: ClientContext) {
    super(context, JSON_DRIVER, { publishes: false });
    this.#lifeMs = this.random.between(8_000, 120_000);
    this.#refreshes = this.random.chance(0.7);
  }

  override get credential(): string | undefined {
    return this.key && this.#token();
  }

  override connect(): void {
    this.#rights = this.#confirmed = ALL;
    super.connect();
    this.#expires(this.connection);
  }

  protected override onText(connection: Connection, text: string): void {
    const { type, expiresAt, channel } = JSON.parse(text);
    if (type === "expiring" && this.#refreshes) this.#refresh(connection);
    if (type === "refreshed") {
      connection.truth.expiry = { fromMs: expiresAt, toMs: Math.max(expiresAt, this.#expiresMs) };
    }
    if (type === "refreshed") this.#confirmed = this.#rights;
    if (type === "message" && !matchesOne(this.#confirmed.subscribe, channel)) {
      this.simulation.find("rights", `${this.name} hears ${channel} with its new token`, [
        connection,
      ]);
    }
    if (type === "unsubscribed") this.left(channel);
    super.onText(connection, text);
  }

  #refresh(connection: Connection): void {
    const { random } = this;
    this.#rights = random.chance(0.5) ? ALL : { publish: [], subscribe: [random.pick(ROOMS)] };
    const token = this.#token();
    const { expiry } = connection.truth;
    if (expiry !== undefined) {
      const toMs = Math.max(expiry.toMs, this.#expiresMs);
      connection.truth.expiry = { ...expiry, toMs }; // the node may refuse the new one
    }
    this.sendText(connection, JSON.stringify({ type: "refresh", token, id: "r" }));
  }

  #token(): string {
    const wallMs = this.simulation.node.process.wall();
    this.#expiresMs = wallMs + this.#lifeMs;
    return signToken(`user${this.index}`, this.#expiresMs, this.#rights);
  }

  #expires(connection: Connection | undefined): void {
    if (this.key === undefined || connection === undefined) return;
    connection.truth.expiry = { fromMs: this.#expiresMs, toMs: this.#expiresMs };
    connection.excuse("its token ends", "token_expired");
  }
}

export const token: ClientKind = { weight: 2, create: (context) => new TokenClient(context) };
