/** A connection to Redis carries nothing any more, and neither side is told. */

import { moveMembers } from "../clients/member.ts";
import { anySessions, type Fault } from "../core/fault.ts";

/** After so long its node has ended it, ms. */
const NOTICED_MS = 8_000;

/** Members move in the beginning, ms. */
const MOVED_MS = 3_000;

export const redisSilent: Fault = {
  weight: 3,
  isOfNodes: true,
  begin(simulation, random) {
    const redis = simulation.redis!;
    if (random.chance(0.5)) moveMembers(simulation, random, MOVED_MS);
    const kind = random.pick(["commands", "texts"] as const);
    const sessions = anySessions(simulation, redis, { random, kind });
    for (const session of sessions) redis.silence(session);
    simulation.redisTruth.cut(sessions.map(({ process }) => process), NOTICED_MS);
    return sessions.map(({ owner }) => owner).join() || undefined;
  },
};
