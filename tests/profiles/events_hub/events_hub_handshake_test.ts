import { assert, assertEquals } from "@std/assert";
import { eventsHubProfile } from "../../../server/profiles/events_hub/events_hub.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { RULES } from "../../support/fakes/world.ts";

const profile = eventsHubProfile({ timing: RULES, newId: () => crypto.randomUUID() });

Deno.test("matches() the system's own path alone", () => {
  const matches = (url: string) => profile.matches(parseTarget(url)!);
  assert(matches("/api/v1/ws/subscribe"));
  assert(matches("/api/v1/ws/subscribe/"));
  assert(matches("/api/v1/ws/subscribe?event_types=pdfm"));
  for (const url of ["/api/v1/ws", "/ws", "/", "/api/v1/ws/clients"]) {
    assert(!matches(url), url);
  }
});

/** What a request with these headers and this query presents. */
function presented(headers: Record<string, string>, query = "") {
  const header = (name: string) => headers[name];
  return profile.credential({ ...parseTarget(`/${query}`)!, header, subprotocols: [] });
}

Deno.test("credential() is found in its four places", () => {
  const token = { kind: "token", token: "k.s" } as const;
  assertEquals(presented({ authorization: "Bearer k.s" }), token);
  assertEquals(presented({ authorization: "bearer  k.s" }), token);
  assertEquals(presented({}, "?access_token=k.s"), token);
  assertEquals(presented({}, "?authorization=k.s"), token);
  assertEquals(presented({}, "?authorization=Bearer%20k.s"), token);
  assertEquals(presented({}, "?authorization=Bearer+k.s"), token);
  assertEquals(presented({ "x-api-key": btoa("k:s") }), { kind: "pair", id: "k", secret: "s" });
  assertEquals(presented({ "x-api-key": btoa("k:s:t") }), { kind: "pair", id: "k", secret: "s:t" });
});

Deno.test("credential() that has not the form is none", () => {
  for (const apiKey of ["k.s", "k:s", "*", btoa("ks"), btoa(":s"), btoa("k:"), ""]) {
    assertEquals(presented({ "x-api-key": apiKey }), { kind: "none" }, apiKey);
  }
  for (const authorization of ["Basic azpz", "k.s", "Bearer", "Bearer ", ""]) {
    assertEquals(presented({ authorization }), { kind: "none" }, authorization);
  }
  assertEquals(presented({}), { kind: "none" });
  assertEquals(presented({}, "?access_token=&authorization=Bearer%20"), { kind: "none" });
});

Deno.test("credential() in both headers cannot be read", () => {
  const both = presented({ authorization: "Bearer k.s", "x-api-key": btoa("k:s") });
  assertEquals(both.kind, "unreadable");
});

Deno.test("refuse() speaks as the system does", () => {
  const refusal = (form: Parameters<typeof profile.rejectionOf>[0]) => {
    const answer = profile.rejectionOf(form);
    assert(answer.kind === "http");
    assertEquals(answer.headers["Content-Type"], "application/json");
    return [answer.status, answer.body];
  };
  const detail = "why";
  assertEquals(refusal({ kind: "unauthorized", presented: { kind: "none" }, detail }), [
    401,
    '{"error":"unauthorized_client",' +
    '"error_description":"API key must be in format base64(key:secret)"}',
  ]);
  const wrong = { kind: "token", token: "k.s" } as const;
  assertEquals(refusal({ kind: "unauthorized", presented: wrong, detail }), [
    401,
    '{"error":"unauthorized_client","error_description":"why"}',
  ]);
  const texts = {
    invalid: "Invalid API key",
    suspended: "Api Key has been revoked",
    expired: "Api Key has expired",
  };
  for (const [fault, text] of Object.entries(texts) as [keyof typeof texts, string][]) {
    assertEquals(refusal({ kind: "unauthorized", presented: wrong, detail, fault }), [
      401,
      `{"error":"unauthorized_client","error_description":"${text}"}`,
    ]);
  }
  assertEquals(refusal({ kind: "too_many_for_key", detail }), [
    429,
    '{"error":"too_many_connections","error_description":"why"}',
  ]);
});
