/**
 * All kinds of clients, faults and invariants. A new one is a file and a line here; the names are those
 * that plans and reports use.
 *
 * @module
 */

import { eventPublisher } from "./clients/event_publisher.ts";
import { eventsHub } from "./clients/events_hub.ts";
import { flood } from "./clients/flood.ts";
import { frozen } from "./clients/frozen.ts";
import { infoway } from "./clients/infoway.ts";
import { json } from "./clients/json.ts";
import { heartless } from "./clients/heartless.ts";
import { lazy } from "./clients/lazy.ts";
import { member } from "./clients/member.ts";
import { pinger } from "./clients/pinger.ts";
import { resumer } from "./clients/resumer.ts";
import { rude } from "./clients/rude.ts";
import { sdk } from "./clients/sdk.ts";
import { silent } from "./clients/silent.ts";
import { slow } from "./clients/slow.ts";
import { stripped } from "./clients/stripped.ts";
import { talo } from "./clients/talo.ts";
import { tank } from "./clients/tank.ts";
import { token } from "./clients/token.ts";
import { trespasser } from "./clients/trespasser.ts";
import type { ClientKind } from "./core/client.ts";
import type { Fault } from "./core/fault.ts";
import type { Invariant } from "./core/simulation.ts";
import { burst } from "./faults/burst.ts";
import { busyReturn } from "./faults/busy_return.ts";
import { timedStall } from "./faults/timed_stall.ts";
import { clientStall } from "./faults/client_stall.ts";
import { clockStep } from "./faults/clock_step.ts";
import { crash } from "./faults/crash.ts";
import { cut } from "./faults/cut.ts";
import { cutOneWay } from "./faults/cut_one_way.ts";
import { enginePause } from "./faults/engine_pause.ts";
import { engineAway } from "./faults/engine_away.ts";
import { forget } from "./faults/forget.ts";
import { jam } from "./faults/jam.ts";
import { linkStall } from "./faults/link_stall.ts";
import { longStall } from "./faults/long_stall.ts";
import { nodeStall } from "./faults/node_stall.ts";
import { nodeStalls } from "./faults/node_stalls.ts";
import { offline } from "./faults/offline.ts";
import { reset } from "./faults/reset.ts";
import { restart } from "./faults/restart.ts";
import { slowReader } from "./faults/slow_reader.ts";
import { slowWay } from "./faults/slow_way.ts";
import { commandsLost } from "./faults/commands_lost.ts";
import { deafChannel } from "./faults/deaf_channel.ts";
import { nodeKilled } from "./faults/node_killed.ts";
import { leaseStall } from "./faults/lease_stall.ts";
import { pubSub } from "./faults/pub_sub.ts";
import { redisFull } from "./faults/redis_full.ts";
import { redisPartition } from "./faults/redis_partition.ts";
import { redisPause } from "./faults/redis_pause.ts";
import { redisRestart } from "./faults/redis_restart.ts";
import { redisScripts } from "./faults/redis_scripts.ts";
import { redisSilent } from "./faults/redis_silent.ts";
import { rollingRestart } from "./faults/rolling_restart.ts";
import { textsLate } from "./faults/texts_late.ts";
import { textsLost } from "./faults/texts_lost.ts";
import { answers } from "./invariants/answers.ts";
import { limits } from "./invariants/limits.ts";
import { tokenEnds } from "./invariants/token_ends.ts";
import { library } from "./invariants/library.ts";
import { bounds } from "./invariants/bounds.ts";
import { closeOnce } from "./invariants/close_once.ts";
import { counts } from "./invariants/counts.ts";
import { deadInTime } from "./invariants/dead_in_time.ts";
import { drain } from "./invariants/drain.ts";
import { inTime } from "./invariants/in_time.ts";
import { members } from "./invariants/members.ts";
import { noErrors } from "./invariants/no_errors.ts";
import { noFalseKill } from "./invariants/no_false_kill.ts";
import { nodes } from "./invariants/nodes.ts";
import { nothingLeft } from "./invariants/nothing_left.ts";
import { pings } from "./invariants/pings.ts";
import { subscriptions } from "./invariants/subscriptions.ts";

/** By their names. */
export const CLIENT_KINDS: Readonly<Record<string, ClientKind>> = {
  "sdk": sdk,
  "json": json,
  "resumer": resumer,
  "token": token,
  "publisher": eventPublisher,
  "events-hub": eventsHub,
  "infoway": infoway,
  "tank": tank,
  "talo": talo,
  "trespasser": trespasser,
  "silent": silent,
  "frozen": frozen,
  "stripped": stripped,
  "pinger": pinger,
  "member": member,
  "lazy": lazy,
  "heartless": heartless,
  "slow": slow,
  "flood": flood,
  "rude": rude,
};

/** By their names. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  "cut": cut,
  "cut one way": cutOneWay,
  "reset": reset,
  "link stall": linkStall,
  "slow way": slowWay,
  "slow reader": slowReader,
  "client stall": clientStall,
  "clock step": clockStep,
  "node stall": nodeStall,
  "node stalls": nodeStalls,
  "long stall": longStall,
  "restart": restart,
  "crash": crash,
  "offline": offline,
  "burst": burst,
  "jam": jam,
  "busy return": busyReturn,
  "timed stall": timedStall,
  "forget": forget,
  "engine away": engineAway,
  "engine pause": enginePause,
  "commands lost": commandsLost,
  "deaf channel": deafChannel,
  "lease stall": leaseStall,
  "node killed": nodeKilled,
  "pub/sub": pubSub,
  "redis full": redisFull,
  "redis partition": redisPartition,
  "redis pause": redisPause,
  "redis restart": redisRestart,
  "redis scripts": redisScripts,
  "redis silent": redisSilent,
  "rolling restart": rollingRestart,
  "texts late": textsLate,
  "texts lost": textsLost,
};

/** In the order in which they are asked. */
export const INVARIANTS: readonly Invariant[] = [
  noErrors,
  closeOnce,
  noFalseKill,
  deadInTime,
  pings,
  counts,
  members,
  bounds,
  drain,
  subscriptions,
  inTime,
  nodes,
  nothingLeft,
  answers,
  limits,
  tokenEnds,
  library,
];
