/** A client behind a proxy that drops control frames: its answers to app pings alone keep it alive. */

import type { ClientKind } from "../core/client.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

class StrippedClient extends ForeignClient {
  protected override onPing(): void {}
}

export const stripped: ClientKind = {
  weight: 1,
  create: (context) => new StrippedClient(context, JSON_DRIVER),
};
