/** A peer that answers nothing and sends control pings of its own: that is enough in the json system. */

import { type ClientKind, SimClient } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { credentialOf } from "../core/keys.ts";

class PingerClient extends SimClient {
  readonly isWellBehaved = true;
  readonly key = this.simulation.config.auth.keys.length > 0 ? "reader" : undefined;

  start(): void {
    const { key } = this;
    this.dial("/ws", key === undefined ? undefined : { "x-api-key": credentialOf(key) });
    this.connection!.excuse("it answers no app ping", "frozen");
  }

  close(): void {
    this.connection?.send({ kind: "close", code: 1000, reason: "" });
  }

  protected override onOpen(connection: Connection): void {
    const { pongWaitMs } = this.simulation.config.timing.json;
    const beat = () => {
      if (!connection.isOpen) return;
      connection.send({ kind: "ping", payload: new Uint8Array(4) });
      this.script.after(pongWaitMs / 3, beat);
    };
    beat();
  }

  protected override onPing(): void {}
}

export const pinger: ClientKind = { weight: 1, create: (context) => new PingerClient(context) };
