/** A client that reads more slowly than its rooms speak, or stops reading at all for a while. */

import type { ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

class SlowClient extends ForeignClient {
  override readonly isWellBehaved = false;

  protected override onOpen(connection: Connection): void {
    super.onOpen(connection);
    const { simulation, random } = this;
    connection.impair(
      "it reads slowly",
      ...["slow_consumer", "overload", "write_timeout"] as const,
      ...["stale", "missed_heartbeats", "frozen"] as const, // what it does not read, it does not answer
    );
    connection.down.readBytesPerMs = random.pick([0.05, 0.5, 5]);
    simulation.scheduler.after(random.spread(1_000, 60_000), () => {
      if (simulation.isResting || connection !== this.connection) return;
      connection.down.pause();
      simulation.scheduler.after(random.spread(1_000, 60_000), () => connection.down.resume());
    });
  }
}

export const slow: ClientKind = {
  weight: 1,
  create: (context) => new SlowClient(context, JSON_DRIVER),
};
