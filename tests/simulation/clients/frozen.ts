/** A page whose script hangs after a while, and which answers control pings all the time. */

import type { ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient, type Heard } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

class FrozenClient extends ForeignClient {
  override readonly isWellBehaved = false;
  readonly #hasAnswered = new WeakSet<Connection>();

  protected override onHeard(connection: Connection, heard: Heard): void {
    super.onHeard(connection, heard);
    if (heard.kind !== "ping") return;
    // The answer is on its way.
    const { delayMs, jitterMs } = this.way;
    this.simulation.scheduler.after(
      delayMs + jitterMs + 1,
      () => this.#hasAnswered.add(connection),
    );
  }

  protected override onOpen(connection: Connection): void {
    super.onOpen(connection);
    const { script, simulation, random } = this;
    simulation.scheduler.after(random.spread(10_000, 120_000), () => {
      if (connection !== this.connection || simulation.isResting) return;
      connection.excuse("its script hangs", "frozen", "rate_limited");
      const ms = random.spread(30_000, 300_000);
      if (!script.stall(ms)) return;
      // Before it has answered once, it may be a library that answers no app pings.
      if (this.#hasAnswered.has(connection)) connection.truth.frozenSinceMs = simulation.nowMs;
      simulation.scheduler.after(ms, () => connection.truth.frozenSinceMs = undefined);
    });
  }
}

export const frozen: ClientKind = {
  weight: 2,
  create: (context) => new FrozenClient(context, JSON_DRIVER),
};
