/** A client of the json system without the library: answers app pings, publishes with ids. */

import type { ClientKind } from "../core/client.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

export const json: ClientKind = {
  weight: 5,
  create: (context) =>
    new ForeignClient(context, JSON_DRIVER, {
      key: context.random.pick(["all", "all", "admin", "reader"]),
    }),
};
