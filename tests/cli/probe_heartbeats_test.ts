import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { HEARTBEATS } from "../../server/cli/probe_heartbeats.ts";
import { PROFILE_NAMES } from "../../server/timing_options.ts";

Deno.test("HEARTBEATS: hear() takes any text, and no text that is no heartbeat for one", () => {
  for (const name of PROFILE_NAMES) {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assertEquals(HEARTBEATS[name].hear(text, 1), undefined, name);
    }));
  }
});

Deno.test("HEARTBEATS: events-hub follows health, and keeps what was asked for", () => {
  const typesOf = (query: string) => {
    const url = new URL(`ws://localhost/api/v1/ws/subscribe${query}`);
    const note = HEARTBEATS["events-hub"].prepare!(url);
    return [url.searchParams.get("event_types"), note !== undefined];
  };
  assertEquals(typesOf(""), ["health", true]);
  assertEquals(typesOf("?event_types=pdfm,stats"), ["pdfm,stats,health", true]);
  assertEquals(typesOf("?event_types=pdfm,%20Health"), ["pdfm, Health", false]);
});
