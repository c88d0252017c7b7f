/** A peer of any system that connects and then never says anything, not even a pong. */

import { type ClientKind, SimClient } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { credentialOf } from "../core/keys.ts";

class SilentClient extends SimClient {
  readonly isWellBehaved = false;

  start(): void {
    const isKeyed = this.simulation.config.auth.keys.length > 0;
    const headers = isKeyed ? { "x-api-key": credentialOf("all") } : undefined;
    const pair = { "x-api-key": btoa("all:secret-of-all") };
    const { url, headers: own } = this.random.pick([
      { url: "/ws", headers },
      { url: "/api/v1/ws/subscribe", headers: isKeyed ? pair : undefined },
      { url: "/ws?business=crypto", headers },
      { url: "/ws?user_id=silent", headers },
      { url: isKeyed ? "/ws/talo" : "/?ticket=t", headers },
    ]);
    this.dial(url, own);
    this.connection!.impair("it is silent", "stale", "missed_heartbeats");
  }

  close(): void {
    this.connection?.reset("its process has ended");
  }

  protected override onPing(): void {}
  protected override onCloseFrame(_connection: Connection): void {}
}

export const silent: ClientKind = { weight: 2, create: (context) => new SilentClient(context) };
