import { assertEquals } from "@std/assert";
import { withApi } from "../support/server/api.ts";

const PATH = "/api/v1/suspensions";

Deno.test("GET /api/v1/suspensions lists suspended keys, DELETE lifts a suspension", () =>
  withApi({ keys: true }, async (api) => {
    api.suspended = [{ keyId: "k1", untilMs: 5 }, { keyId: "jwt:a/b", untilMs: 6 }];
    const key = "root.s";
    assertEquals((await api.json(PATH, { key })).body, {
      suspensions: [{ key: "k1", untilMs: 5 }, { key: "jwt:a/b", untilMs: 6 }],
    });
    const lift = (id: string) =>
      api.call(`${PATH}/${encodeURIComponent(id)}`, { key, method: "DELETE" });
    assertEquals((await lift("k1")).status, 204);
    assertEquals((await lift("jwt:a/b")).status, 204);
    assertEquals(api.suspended, []);
    const again = await lift("k1");
    assertEquals(again.status, 404);
    await again.body?.cancel();
    const lines = api.world.log.filter(({ message }) => message.startsWith("suspension lifted"));
    assertEquals(lines.map(({ properties }) => properties), [
      { key: "k1", by: "root" },
      { key: "jwt:a/b", by: "root" },
    ]);
  }));
