import { assertEquals, assertStringIncludes } from "@std/assert";
import { withApi } from "../support/server/api.ts";

const PATH = "/v1/socket-tickets";
const post = { method: "POST" };

for (const [way, value] of [["Authorization", "Bearer news.s"], ["X-Api-Key", "news.s"]]) {
  Deno.test(`POST /v1/socket-tickets issues a ticket for a key in ${way}`, () =>
    withApi({ keys: true }, async (api) => {
      const response = await api.call(PATH, {
        ...post,
        headers: { [way]: value },
        peer: "192.0.2.9",
      });
      assertEquals([response.status, await response.text()], [200, '{"ticket":"t-1"}']);
      assertEquals(response.headers.get("Cache-Control"), "no-store");
      assertEquals(api.ticketCalls, [["news", "192.0.2.9"]]);
    }));
}

const PREFLIGHT = {
  method: "OPTIONS",
  headers: {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
  },
};

Deno.test("A page of an allowed origin may fetch a ticket, and may read Retry-After", () =>
  withApi({ keys: true, allowedOrigins: ["https://app.example"] }, async (api) => {
    const origin = { Origin: "https://app.example" };
    const preflight = { ...PREFLIGHT, headers: { ...PREFLIGHT.headers, ...origin } };
    const { status, headers } = await api.call(PATH, preflight);
    assertEquals([status, headers.get("Access-Control-Allow-Origin")], [204, origin.Origin]);
    assertEquals(headers.get("Access-Control-Allow-Methods"), "POST");
    const allowed = headers.get("Access-Control-Allow-Headers")?.toLowerCase();
    assertEquals(allowed, "authorization,x-api-key");
    assertEquals(headers.get("Access-Control-Allow-Credentials"), null);
    for (const answered of [{ key: "news.s" }, { key: "news.x" }]) {
      const response = await api.call(PATH, { ...post, ...answered, headers: origin });
      assertEquals(response.headers.get("Access-Control-Allow-Origin"), origin.Origin);
      assertEquals(response.headers.get("Access-Control-Expose-Headers"), "Retry-After");
      assertStringIncludes(response.headers.get("Vary") ?? "", "Origin");
      await response.body?.cancel();
    }
  }));

Deno.test("A page of a foreign origin may neither fetch a ticket nor read the error", () =>
  withApi({ allowedOrigins: ["https://app.example"] }, async (api) => {
    for (const Origin of ["https://evil.example", "http://localhost:3000", "null"]) {
      for (const call of [PREFLIGHT, post]) {
        const headers = { ...PREFLIGHT.headers, Origin };
        const response = await api.call(PATH, { ...call, headers });
        const shared = response.headers.get("Access-Control-Allow-Origin");
        assertEquals([response.status, shared], [403, null]);
        await response.body?.cancel();
      }
    }
    assertEquals(api.ticketCalls, []);
  }));

Deno.test("A page that may open a WebSocket may fetch a ticket", () =>
  withApi({}, async (api) => {
    for (const Origin of ["http://localhost:3000", "http://localhost"]) {
      const { body, headers } = await api.call(PATH, { ...post, headers: { Origin } });
      await body?.cancel();
      assertEquals(headers.get("Access-Control-Allow-Origin"), Origin);
    }
  }));

for (
  const [what, headers] of [
    ["no credential", {}],
    ["a wrong key", { Authorization: "Bearer news.x" }],
    ["another scheme", { Authorization: "Basic news.s" }],
    ["a wrong key in the other header", { "X-Api-Key": "news.x" }],
  ] as const
) {
  Deno.test(`POST /v1/socket-tickets with ${what} is rejected with 401 and issues none`, () =>
    withApi({ keys: true }, async (api) => {
      const response = await api.call(PATH, { ...post, headers });
      assertEquals([response.status, response.headers.get("WWW-Authenticate")], [401, "Bearer"]);
      await response.body?.cancel();
      assertEquals(api.ticketCalls, []);
    }));
}

Deno.test("POST /v1/socket-tickets on an open hub issues one to every caller, counted by address", () =>
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

Deno.test("POST /v1/socket-tickets beyond the limit is 429 with Retry-After in whole seconds", () =>
  withApi({}, async (api) => {
    api.ticket = { kind: "limited", retryAfterMs: 2_001 };
    const response = await api.call(PATH, post);
    assertEquals([response.status, response.headers.get("Retry-After")], [429, "3"]);
    await response.body?.cancel();
  }));

Deno.test("An exception in a route is logged, and is 500 without details for the caller", () =>
  withApi({}, async (api) => {
    api.ticket = new Error("the database is gone");
    const { status, body } = await api.json(PATH, post);
    assertEquals([status, JSON.stringify(body).includes("database")], [500, false]);
    const line = api.world.log.find(({ level }) => level === "error");
    assertEquals(line?.properties.error, api.ticket);
  }));
