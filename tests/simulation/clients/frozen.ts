/** A page whose script hangs after a while, and which answers control pings all the time. */

import type { ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

class FrozenClient extends ForeignClient {
  override readonly isWellBehaved = false;

  protected override onOpen(connection: Connection): void {
    super.onOpen(connection);
    const { script, simulation, random } = this;
    simulation.scheduler.after(random.spread(10_000, 120_000), () => {
      if (connection !== this.connection || simulation.isResting) return;
      connection.excuse("its script hangs", "frozen", "rate_limited");
      script.stall(random.spread(30_000, 300_000));
    });
  }
}

export const frozen: ClientKind = {
  weight: 1,
  create: (context) => new FrozenClient(context, JSON_DRIVER),
};
