import { assertEquals } from "@std/assert";
import { withApi } from "../support/api.ts";

const PATH = "/v1/socket-tickets";
const post = { method: "POST" };

Deno.test("POST /v1/socket-tickets gives a ticket for the key that comes as bearer", () =>
  withApi({ keys: true }, async (api) => {
    const response = await api.call(PATH, { ...post, key: "news.s", peer: "192.0.2.9" });
    assertEquals([response.status, await response.text()], [200, '{"ticket":"t-1"}']);
    assertEquals(response.headers.get("Cache-Control"), "no-store");
    assertEquals(api.ticketCalls, [["news", "192.0.2.9"]]);
  }));

for (
  const [what, headers] of [
    ["no credential", {}],
    ["a wrong key", { Authorization: "Bearer news.x" }],
    ["another scheme", { Authorization: "Basic news.s" }],
    ["a key in another header", { "X-Api-Key": "news.s" }],
  ] as const
) {
  Deno.test(`POST /v1/socket-tickets with ${what} is refused with 401 and asks nobody`, () =>
    withApi({ keys: true }, async (api) => {
      const response = await api.call(PATH, { ...post, headers });
      assertEquals([response.status, response.headers.get("WWW-Authenticate")], [401, "Bearer"]);
      await response.body?.cancel();
      assertEquals(api.ticketCalls, []);
    }));
}

Deno.test("POST /v1/socket-tickets on an open hub gives everybody one, counted by address", () =>
  withApi({}, async (api) => {
    const forwarded = { "X-Forwarded-For": "192.0.2.7" };
    const all: Record<string, string>[] = [{}, { Authorization: "Bearer any" }, forwarded];
    for (const headers of all) {
      const { status } = await api.json(PATH, { ...post, headers, peer: "192.0.2.8" });
      assertEquals(status, 200);
    }
    assertEquals(api.ticketCalls, [
      [undefined, "192.0.2.8"],
      [undefined, "192.0.2.8"],
      [undefined, "192.0.2.7"],
    ]);
  }));

Deno.test("POST /v1/socket-tickets beyond the limit says 429 and, in whole seconds, when", () =>
  withApi({}, async (api) => {
    api.ticket = { kind: "limited", retryAfterMs: 2_001 };
    const response = await api.call(PATH, post);
    assertEquals([response.status, response.headers.get("Retry-After")], [429, "3"]);
    await response.body?.cancel();
  }));

Deno.test("A fault behind a route is told in the log, and to the caller as 500 without details", () =>
  withApi({}, async (api) => {
    api.ticket = new Error("the database is gone");
    const { status, body } = await api.json(PATH, post);
    assertEquals([status, JSON.stringify(body).includes("database")], [500, false]);
    const told = api.world.log.find(({ level }) => level === "error");
    assertEquals(told?.properties.error, api.ticket);
  }));
