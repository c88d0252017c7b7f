/** A client that sends far more than it may, now and then: frames, control pings or broken messages. */

import type { ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

const NOTHING = new Uint8Array();

class FloodClient extends ForeignClient {
  override readonly isWellBehaved = false;

  protected override onOpen(connection: Connection): void {
    super.onOpen(connection);
    connection.impair(
      "it floods",
      "rate_limited",
      "key_suspended",
      "slow_consumer",
      "write_timeout",
    );
    this.simulation.scheduler.after(
      this.random.spread(2_000, 60_000),
      () => this.#flood(connection),
    );
  }

  #flood(connection: Connection): void {
    const { maxMessagesPerSecond } = this.simulation.config.limits;
    if (connection !== this.connection || this.simulation.isResting) return;
    const text = this.random.pick(['{"type":"ping"}', "{", "ping"]);
    this.simulation.note(this.name, `floods with ${text}`);
    for (let i = 0; i < 4 * maxMessagesPerSecond + 40; i++) {
      if (text === "ping") connection.send({ kind: "ping", payload: NOTHING });
      else this.sendText(connection, text);
    }
    connection.truth.floodedMs = this.simulation.nowMs;
  }
}

export const flood: ClientKind = {
  weight: 1,
  create: (context) => new FloodClient(context, JSON_DRIVER, { key: "flood", publishes: false }),
};
