/**
 * Each connection ends once, for one reason that is true of it, with the code and the cause that belong
 * to that reason.
 *
 * @module
 */

import type { Invariant } from "../core/simulation.ts";

/** The close codes by reason, as README has them; others send no close frame. */
const CODES: Readonly<Record<string, readonly number[]>> = {
  frozen: [4000],
  slow_consumer: [1013],
  overload: [1013],
  message_too_big: [1009],
  bad_frame: [1002, 1007],
  rate_limited: [1008],
  key_suspended: [1008],
  token_expired: [1008],
  drain: [1012],
  admin: [1000],
};

const CAUSES: Readonly<Record<string, readonly string[]>> = {
  client_close: ["client close", "server stall", "proxy idle cut"],
  network_error: ["network", "server stall", "proxy idle cut"],
  stale: ["network", "client fault", "frozen"],
  missed_heartbeats: ["network", "client fault", "frozen"],
  frozen: ["frozen"],
  write_timeout: ["slow consumer"],
  slow_consumer: ["slow consumer"],
  overload: ["slow consumer"],
  message_too_big: ["client fault"],
  bad_frame: ["client fault"],
  rate_limited: ["rate"],
  key_suspended: ["rate"],
  token_expired: ["auth"],
  drain: ["drain"],
  admin: ["admin"],
};

/** A stall of the node that clients notice, and for how long it is the cause of ends, ms. */
const [LONG_STALL_MS, STALL_CAUSE_MS] = [1_000, 10_000];
/** How much of a stall the node may not notice, and how much later than it. */
const MARGIN_MS = 400;

/** A client of a node that drains waits no longer for its slot, ms. */
const MAX_SLOT_MS = 60_000;

export const closeOnce: Invariant = {
  name: "close once",
  watch: (simulation) => ({
    on(happening) {
      if (happening.kind !== "closed") return;
      const { connection, isFirst, node } = happening;
      const { truth, label } = connection;
      const { reason, cause } = truth.logged!;
      const find = (what: string) => simulation.find("close once", `${label} ${what}`, [label]);
      if (!isFirst) find(`ends a second time, for ${reason}`);
      if (!truth.excuses.has(reason)) {
        find(`ends for ${reason}, which is not true of it: ${[...truth.excuses.keys()]}`);
      }
      if (!CAUSES[reason].includes(cause)) find(`ends for ${reason} because of ${cause}`);
      if (reason === "client_close" || reason === "network_error") {
        const agoMs = (fromMs: number) => simulation.nowMs - fromMs;
        const stalls = node.process.stalls.map(({ fromMs, toMs }) => ({ ms: toMs - fromMs, toMs }));
        const isSure = stalls.some(({ ms, toMs }) =>
          ms > LONG_STALL_MS + MARGIN_MS && agoMs(toMs) < STALL_CAUSE_MS - MARGIN_MS &&
          agoMs(toMs) > MARGIN_MS
        );
        const isPossible = stalls.some(({ ms, toMs }) =>
          ms > LONG_STALL_MS - MARGIN_MS && agoMs(toMs) < STALL_CAUSE_MS + MARGIN_MS
        );
        if (isSure && cause !== "server stall") find(`ends after a stall because of ${cause}`);
        if (!isPossible && cause === "server stall") find("ends because of a stall that was none");
      }
      const { closeSent } = truth;
      const codes = closeSent?.isAnswer ? undefined : CODES[reason];
      if (closeSent !== undefined && codes !== undefined && !codes.includes(closeSent.code)) {
        find(`ends for ${reason} with ${closeSent.code}`);
      }
      const hasHint = closeSent !== undefined && codes !== undefined && closeSent.reason !== "" &&
        truth.profile !== "infoway" && truth.profile !== "talo";
      if (hasHint && !closeSent.reason.startsWith(`${reason}: `)) {
        find(`ends for ${reason} and says ${closeSent.reason}`);
      }
      const afterMs = Number(/afterMs=(\d+)$/.exec(closeSent?.reason ?? "")?.[1]);
      if (reason === "drain" && hasHint && !(afterMs >= 1 && afterMs <= MAX_SLOT_MS)) {
        find(`may return after ${afterMs} ms`);
      }
    },
    atEnd() {
      for (const { truth, label, node } of simulation.connections) {
        const isOver = truth.id === undefined || truth.logged !== undefined;
        if (isOver || (!node.process.isAlive && node.drainMs?.toMs === undefined)) continue;
        simulation.find("close once", `${label} has not ended`, [label]);
      }
    },
  }),
};
