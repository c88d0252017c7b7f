/**
 * A client that says a lot, and nothing that its system counts as a sign of life.
 *
 * @module
 */

import { type ClientKind, SimClient } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { credentialOf } from "../core/keys.ts";

const SYSTEMS = [
  { url: "/ws?business=crypto", says: '{"code":10000,"trace":"t","data":{"codes":"BTC"}}' },
  { url: "/ws/talo", says: '{"req":"v1.nothing","data":{}}' },
] as const;

/** Below the limits of both systems, ms. */
const EVERY_MS = 4_000;

class HeartlessClient extends SimClient {
  readonly isWellBehaved = false;
  readonly #system = this.random.pick(SYSTEMS);

  start(): void {
    const isKeyed = this.simulation.config.auth.keys.length > 0;
    this.dial(this.#system.url, isKeyed ? { "x-api-key": credentialOf("all") } : undefined);
    this.connection!.impair("it has no heartbeat", "stale");
  }

  close(): void {
    this.connection?.reset("its process has ended");
  }

  protected override onOpen(connection: Connection): void {
    const speak = () => {
      if (!connection.isOpen) return;
      this.sendText(connection, this.#system.says);
      this.script.after(EVERY_MS, speak);
    };
    speak();
  }

  protected override onPing(): void {}
}

export const heartless: ClientKind = {
  weight: 2,
  create: (context) => new HeartlessClient(context),
};
