import { assertEquals } from "@std/assert";
import { type Call, withApi } from "../support/server/api.ts";

for (
  const [request, status, allow] of [
    ["GET /", 200],
    ["GET /healthz", 200],
    ["HEAD /healthz", 200],
    ["GET /metrics", 200],
    ["POST /", 405, "GET"],
    ["POST /metrics", 405, "GET"],
    ["GET /api/v1/publish", 405, "POST"],
    ["PUT /api/v1/connections/x", 405, "GET, DELETE"],
    ["PATCH /api/v1/suspensions/x", 405, "DELETE"],
    ["OPTIONS /v1/socket-tickets", 405, "POST"],
    ["GET /ws", 426],
    ["GET /api/v1/ws/subscribe", 426],
    ["POST /ws", 405, "GET"],
    ["GET /nothing", 404],
    ["GET /api/v1/nothing", 404],
    ["GET /api/v1/connections/", 200],
    ["POST /api/v2/publish", 404],
  ] as const
) {
  Deno.test(`${request} answers ${status}${allow ? `, Allow: ${allow}` : ""}`, () =>
    withApi({}, async (api) => {
      const [method, path] = request.split(" ");
      const { headers, body, status: answered } = await api.call(path, { method });
      await body?.cancel();
      assertEquals([answered, headers.get("Allow")], [status, allow ?? null]);
      if (status === 426) assertEquals(headers.get("Upgrade"), "websocket");
    }));
}

Deno.test("GET /readyz says 503 while draining", () =>
  withApi({}, async (api) => {
    const status = async () => {
      const response = await api.call("/readyz");
      return [response.status, await response.text()];
    };
    assertEquals(await status(), [200, "ready\n"]);
    api.ready = false;
    assertEquals(await status(), [503, "draining\n"]);
  }));

Deno.test("An open loopback server rejects every other Host, on every route", () =>
  withApi({ loopbackHostOnly: true }, async (api) => {
    const status = async (host: string, path: string, call?: Call) => {
      const response = await api.call(path, { ...call, headers: { Host: host } });
      await response.body?.cancel();
      return response.status;
    };
    for (const path of ["/healthz", "/metrics", "/api/v1/stats", "/nothing"]) {
      assertEquals(await status("rebound.example", path), 403);
    }
    const publish = { body: { channel: "c", data: 1 } };
    assertEquals(await status("rebound.example", "/api/v1/publish", publish), 403);
    assertEquals(await status("127.0.0.1:8080", "/api/v1/publish", publish), 200);
  }));
