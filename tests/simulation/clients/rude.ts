/** A client that sends, after a while, what is no valid frame: tests/integration/bad_frames_test.ts. */

import type { ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

/** What the parser makes of them. */
const BAD = [
  { fault: "bad_frame", code: 1002 }, // reserved bits or opcodes, no mask, fragmented control frames
  { fault: "bad_frame", code: 1007 }, // no UTF-8
  { fault: "message_too_big", code: 1009 },
  { fault: "rate_limited", code: 1008 }, // more frames than a message has
] as const;

class RudeClient extends ForeignClient {
  override readonly isWellBehaved = false;

  protected override onOpen(connection: Connection): void {
    super.onOpen(connection);
    connection.excuse("others with its key are rude, too", "key_suspended");
    this.simulation.scheduler.after(this.random.spread(1_000, 90_000), () => {
      if (connection !== this.connection || this.simulation.isResting) return;
      const bad = this.random.pick(BAD);
      connection.impair("it sends a bad frame", bad.fault, "key_suspended", "client_close");
      connection.send({ kind: "bad", ...bad });
    });
  }
}

export const rude: ClientKind = {
  weight: 1,
  create: (context) => new RudeClient(context, JSON_DRIVER, { key: "flood", publishes: false }),
};
