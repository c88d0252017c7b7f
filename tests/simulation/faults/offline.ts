/** A page loses its network for a while, and is told of it or not. */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { SdkClient } from "../clients/sdk.ts";
import type { Fault } from "../core/fault.ts";

export const offline: Fault = {
  weight: 3,
  begin(simulation, random) {
    const pages = simulation.clients.filter((each) => each instanceof SdkClient);
    if (pages.length === 0) return undefined;
    const page = random.pick(pages);
    const isTold = random.chance(0.6);
    const ms = random.spread(500, 60_000);
    const { connection } = page;
    if (isTold) page.setOnline(false);
    page.isOffline = true;
    connection?.impair("its network is gone", ...UNHEARD, ...UNREAD);
    if (connection !== undefined) connection.up.isCut = connection.down.isCut = true;
    simulation.scheduler.after(ms, () => {
      page.isOffline = false;
      if (isTold) page.setOnline(true);
      else if (random.chance(0.5)) page.show();
    });
    return `${page.name} for ${Math.round(ms)} ms${isTold ? ", told" : ""}`;
  },
};
