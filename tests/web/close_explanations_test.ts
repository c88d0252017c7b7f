import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { closeCauseOf } from "../../server/diagnosis/close_cause.ts";
import { CLOSE_REASONS, REASON_NAMES } from "../../server/close_codes.ts";
import { CAUSES } from "../../server/web/palette.ts";
import { whyEnded } from "../../server/web/close_explanations.ts";

const END = { seconds: 3_700, silentSeconds: 60, health: "healthy" };

Deno.test("whyEnded() has one sentence for each reason, and none for two", () => {
  const sentences = REASON_NAMES.map((reason) =>
    whyEnded({ ...END, reason, cause: CLOSE_REASONS[reason].cause })
  );
  assertEquals(new Set(sentences).size, REASON_NAMES.length);
  for (const sentence of sentences) assertMatch(sentence, /^[A-Z].{20,}\.$/);
  const sentence = whyEnded({ ...END, reason: "client_close", cause: "client close" });
  assertEquals(sentence, "The client closed the connection after 1 h 1 min.");
});

Deno.test("whyEnded() tells what a cause knows better than the reason", () => {
  const of = (cause: string) => whyEnded({ ...END, reason: "network_error", cause });
  assertStringIncludes(of("server stall"), "this server had stalled");
  assertStringIncludes(of("proxy idle cut"), "after 1 min without a byte");
  const frozen = whyEnded({ ...END, reason: "stale", cause: "frozen" });
  assertStringIncludes(frozen, "the network still answered");
  const talker = whyEnded({ ...END, reason: "stale", cause: "client fault" });
  assertStringIncludes(talker, "It sent frames to the end");
});

Deno.test("whyEnded() tells of bad health before the end, and of a reason that it does not know", () => {
  const poor = whyEnded({ ...END, reason: "stale", cause: "network", health: "poor" });
  assertMatch(poor, /had been poor before\.$/);
  const unknown = { ...END, reason: "bored" as "stale", cause: "tedium" };
  assertEquals(whyEnded(unknown), "It ended: bored, tedium.");
});

Deno.test("Each cause of death has a colour of its own on the page", () => {
  const told = (["nothing", "transport", "application"] as const).flatMap((lastActiveLayer) =>
    REASON_NAMES.map((reason) =>
      closeCauseOf({
        reason,
        sinceLongStallMs: Infinity,
        lastActiveLayer,
        wasCut: lastActiveLayer !== "nothing",
      })
    )
  );
  const causes = [...new Set([...told, "server stall"])];
  assert(causes.includes("frozen") && causes.includes("proxy idle cut"));
  assertEquals(Object.keys(CAUSES).sort(), causes.sort());
  assertEquals(new Set(Object.values(CAUSES)).size, causes.length);
});
