import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { OPEN_GRANT } from "../../server/auth/grant.ts";
import { eventsHubProfile } from "../../server/profiles/events_hub/events_hub.ts";
import { infowayProfile } from "../../server/profiles/infoway/infoway.ts";
import { jsonProfile } from "../../server/profiles/json/json.ts";
import type { Profile } from "../../server/profiles/profile.ts";
import { taloProfile } from "../../server/profiles/talo/talo.ts";
import { RULES } from "../support/fakes/world.ts";
import { almostJson } from "../support/json_texts.ts";
import { MAX_BYTES, withApi } from "../support/server/api.ts";

const timing = RULES;
const limits = { messagesPerMinute: 0, messagesPerMinuteIdentified: 0 };

/** A profile, and what its answer to a text that is not JSON has in it. */
const PROFILES: readonly (readonly [Profile, string])[] = [
  [jsonProfile({ timing, echo: false }), '"code":"bad_json"'],
  [jsonProfile({ timing, echo: true }), '"code":"bad_json"'],
  [
    eventsHubProfile({ timing, newId: () => crypto.randomUUID() }),
    '"body":{"error":"invalid message: not JSON"}',
  ],
  [infowayProfile({ timing, maxMessagesPerMinute: 0 }), '{"traceId":"","code":515,'],
  [taloProfile({ timing, isKey: () => true, ...limits }), '"errorCode":"ROUTING_ERROR"'],
];

/** Whether `JSON.parse` refuses it. A byte order mark is taken off before it would see one. */
function isInvalid(text: string): boolean {
  try {
    return JSON.parse(text), false;
  } catch {
    return !text.startsWith("\ufeff");
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("Every profile refuses what JSON.parse refuses, as not JSON", () => {
  const times = { nowMs: 0, wallMs: 0 };
  for (const [profile, answer] of PROFILES) {
    const session = profile.open({
      clientId: "c",
      target: { path: "/", query: new URLSearchParams() },
      rights: OPEN_GRANT.rights,
      wallMs: 0,
    });
    const check = (text: string) => {
      const inbound = session.decode(bytes(text), times);
      assert(inbound.kind === "malformed" && inbound.text?.includes(answer), profile.name);
    };
    fc.assert(fc.property(almostJson.filter(isInvalid), check), { numRuns: 1_000 });
  }
});

Deno.test("POST /api/v1/publish refuses what JSON.parse refuses, as no JSON", () =>
  withApi({}, async (api) => {
    const bodies = almostJson.map((text) => `{"channel":"c","data":${text}}`)
      .filter((body) => isInvalid(body) && bytes(body).length <= MAX_BYTES);
    const property = fc.asyncProperty(bodies, async (body) => {
      const { status, body: problem } = await api.json("/api/v1/publish", { method: "POST", body });
      const detail = "the body is no JSON in UTF-8, or nested too deep";
      assertEquals([status, problem.detail], [400, detail], body);
    });
    await fc.assert(property, { numRuns: 500 });
  }));
