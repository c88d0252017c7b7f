import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Api, withApi } from "../support/server/api.ts";

/** Every route of the API that needs a credential. */
const ADMIN = [
  "GET /api/v1/connections",
  "GET /api/v1/connections/x",
  "DELETE /api/v1/connections/x",
  "GET /api/v1/closed",
  "GET /api/v1/stats",
  "GET /api/v1/channels",
  "GET /api/v1/suspensions",
  "DELETE /api/v1/suspensions/x",
  "GET /api/v1/openapi.json",
  "GET /metrics",
];
const ANY_KEY = [
  "POST /api/v1/publish",
  "POST /api/v1/ws/unsubscribe",
  "GET /api/v1/ws/clients",
  "GET /api/v1/ws/stats",
  "POST /v1/socket-tickets",
];
const CHANGING = [...ADMIN, ...ANY_KEY].filter((route) => !route.startsWith("GET"));

async function statusOf(api: Api, route: string, headers: Record<string, string> = {}) {
  const [method, path] = route.split(" ");
  const response = await api.call(path, { method, headers });
  await response.body?.cancel();
  return response.status;
}

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

for (const route of ADMIN) {
  Deno.test(`${route} needs the right admin: 401 without a key, 403 with another key`, () =>
    withApi({ keys: true }, async (api) => {
      assertEquals(await statusOf(api, route), 401);
      assertEquals(await statusOf(api, route, bearer("root.x")), 401);
      assertEquals(await statusOf(api, route, bearer("news.s")), 403);
      const asAdmin = await statusOf(api, route, bearer("root.s"));
      assertEquals(asAdmin, route.endsWith("/x") ? 404 : 200);
    }));
}

for (const route of ANY_KEY) {
  Deno.test(`${route} needs a key, but not the right admin`, () =>
    withApi({ keys: true }, async (api) => {
      assertEquals(await statusOf(api, route), 401);
      const status = await statusOf(api, route, bearer("other.s"));
      assertEquals([200, 400].includes(status), true, `${status}`); // 400: there is no body
    }));
}

Deno.test("An open hub needs no key", () =>
  withApi({}, async (api) => {
    for (const route of [...ADMIN, ...ANY_KEY]) {
      assertEquals([200, 400, 404].includes(await statusOf(api, route)), true, route);
    }
  }));

Deno.test("A credential is accepted as bearer or X-Api-Key, in any case of the scheme, never in the URL", () =>
  withApi({ keys: true }, async (api) => {
    const route = "GET /api/v1/stats";
    for (
      const headers of [
        { Authorization: "bearer  root.s" },
        { "X-Api-Key": "root.s" },
        { ...bearer("root.s"), "X-Api-Key": "news.s" },
      ]
    ) {
      assertEquals(await statusOf(api, route, headers as Record<string, string>), 200);
    }
    assertEquals(await statusOf(api, route, { Authorization: "Basic root.s" }), 401);
    assertEquals(await statusOf(api, `${route}?access_token=root.s`), 401);
  }));

Deno.test("A 401 says how to authenticate, a 403 what is missing; neither repeats a credential", () =>
  withApi({ keys: true }, async (api) => {
    const response = await api.call("/api/v1/stats", { key: "root.wrong" });
    assertEquals(response.headers.get("WWW-Authenticate"), "Bearer");
    assertEquals(response.headers.get("Content-Type"), "application/problem+json");
    assertEquals((await response.text()).includes("wrong"), false);
    const { body } = await api.json("/api/v1/stats", { key: "news.s" });
    assertStringIncludes(body.detail, "admin");
  }));

for (const route of CHANGING) {
  Deno.test(`${route} rejects pages of foreign origins, on an open hub and with a valid key`, async () => {
    for (const keys of [false, true]) {
      await withApi({ keys }, async (api) => {
        const status = (Origin: string) => statusOf(api, route, { ...bearer("root.s"), Origin });
        for (const foreign of ["https://evil.example", "null", "http://localhost.evil.example"]) {
          assertEquals(await status(foreign), 403);
        }
        assertEquals(await status("http://localhost:3000") === 403, false);
      });
    }
  });
}

Deno.test("With ALLOWED_ORIGINS pages of these origins may make changes, and no others", () =>
  withApi({ allowedOrigins: ["https://app.example"] }, async (api) => {
    const publish = (Origin: string) =>
      api.call("/api/v1/publish", { body: { channel: "c", data: 1 }, headers: { Origin } })
        .then(async (response) => [response.status, await response.body?.cancel()][0]);
    assertEquals(await publish("https://app.example"), 200);
    assertEquals(await publish("http://localhost"), 403);
  }));

Deno.test("No response may be read by a foreign page, or be cached", () =>
  withApi({}, async (api) => {
    for (const path of ["/api/v1/stats", "/api/v1/nothing", "/api/v1/connections?limit=x"]) {
      const { headers, body } = await api.call(path, { headers: { Origin: "https://a.example" } });
      await body?.cancel();
      assertEquals(headers.get("Access-Control-Allow-Origin"), null);
      assertEquals(headers.get("Cache-Control"), "no-store");
    }
  }));
