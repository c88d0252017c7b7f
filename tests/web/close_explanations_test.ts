import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { closeCauseOf } from "../../server/diagnosis/close_cause.ts";
import { CLOSE_REASONS, REASON_NAMES } from "../../server/close_codes.ts";
import { CAUSES } from "../../server/web/palette.ts";
import { explainClose, explainLostNode } from "../../server/web/close_explanations.ts";

const END = { seconds: 3_700, silentSeconds: 60, health: "healthy" };

Deno.test("explainClose() has a different sentence for each reason", () => {
  const sentences = REASON_NAMES.map((reason) =>
    explainClose({ ...END, reason, cause: CLOSE_REASONS[reason].cause })
  );
  assertEquals(new Set(sentences).size, REASON_NAMES.length);
  for (const sentence of sentences) assertMatch(sentence, /^[A-Z].{20,}\.$/);
  const left = explainClose({ ...END, reason: "client_close", cause: "client close" });
  assertEquals(left, "The client closed the connection after 1 h 1 min.");
});

Deno.test("explainClose() prefers the cause where it says more than the reason", () => {
  const of = (cause: string) => explainClose({ ...END, reason: "network_error", cause });
  assertStringIncludes(of("server stall"), "the event loop of this server stalled");
  assertStringIncludes(of("proxy idle cut"), "after 1 min without a byte");
  const frozen = explainClose({ ...END, reason: "stale", cause: "frozen" });
  assertStringIncludes(frozen, "the network still answered");
  const silent = explainClose({ ...END, reason: "stale", cause: "client fault" });
  assertStringIncludes(silent, "sent data to the end");
});

Deno.test("explainClose() mentions bad health before the close, and handles an unknown reason", () => {
  const poor = explainClose({ ...END, reason: "stale", cause: "network", health: "poor" });
  assertMatch(poor, /had been poor before\.$/);
  const unknown = { ...END, reason: "bored" as "stale", cause: "tedium" };
  assertEquals(explainClose(unknown), "It closed: bored, tedium.");
});

Deno.test("Each close cause has its own colour on the page", () => {
  const known = (["nothing", "transport", "application"] as const).flatMap((lastActiveLayer) =>
    REASON_NAMES.map((reason) =>
      closeCauseOf({
        reason,
        sinceLongStallMs: Infinity,
        lastActiveLayer,
        wasCut: lastActiveLayer !== "nothing",
      })
    )
  );
  const causes = [...new Set([...known, "server stall", "node lost"])];
  assert(causes.includes("frozen") && causes.includes("proxy idle cut"));
  assertEquals(Object.keys(CAUSES).sort(), causes.sort());
  assertEquals(new Set(Object.values(CAUSES)).size, causes.length);
});

Deno.test("explainLostNode() names the process and how many connections it had", () => {
  const lost = { node: "a1", cause: "node lost", closedMs: 1 };
  assertMatch(
    explainLostNode({ ...lost, connections: 1 }),
    /^Process a1 .*; it had 1 connection\.$/,
  );
  assertMatch(explainLostNode({ ...lost, connections: 20 }), /; it had 20 connections\.$/);
});
