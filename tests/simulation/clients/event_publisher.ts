/** A client of the json system that publishes for those of the other systems. */

import type { ClientKind } from "../core/client.ts";
import { ForeignClient } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";

const CHANNELS = [
  "global",
  "stats",
  "auth",
  "trade/BTC",
  "depth/ETH",
  "channels/7",
  "channels/8",
  "news",
  "score",
];

export const eventPublisher: ClientKind = {
  weight: 3,
  create: (context) => new ForeignClient(context, { ...JSON_DRIVER, channels: CHANNELS }),
};
