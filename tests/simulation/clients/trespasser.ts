/** A client whose key gives it only some channels, and which asks for all of them. */

import type { ClientKind } from "../core/client.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

export const trespasser: ClientKind = {
  weight: 2,
  create: (context) =>
    new ForeignClient(context, JSON_DRIVER, { key: context.random.pick(["half", "reader"]) }),
};
