import { assertEquals, assertMatch } from "@std/assert";
import { Unavailable } from "../../server/brokers/broker.ts";
import { withApi } from "../support/server/api.ts";

const PATH = "/api/v1/channels/news%2Fa/history";

Deno.test("GET history answers with what a channel has kept, its data as it was written", () =>
  withApi({ history: {} }, async (api) => {
    for (const data of ["1e400", '"a"', "[1.0]"]) {
      const body = `{"channel":"news/a","data":${data}}`;
      await (await api.call("/api/v1/publish", { body })).body?.cancel();
    }
    const response = await api.call(PATH);
    assertEquals(response.headers.get("Content-Type"), "application/json");
    assertMatch(
      await response.text(),
      /^\{"channel":"news\/a","epoch":"\w+","offset":3,"messages":\[\{"offset":1,"data":1e400,"timestamp":\d+\},.*"data":\[1\.0\],"timestamp":\d+\}\],"more":false\}$/,
    );
    const { body: { epoch } } = await api.json(PATH);
    const offsets = async (query: string) => {
      const { body } = await api.json(`${PATH}?${query}`);
      return [body.recovered, ...body.messages.map(({ offset }: { offset: number }) => offset)];
    };
    assertEquals(await offsets("last=2"), [undefined, 2, 3]);
    assertEquals(await offsets(`epoch=${epoch}&offset=2`), [true, 3]);
    assertEquals(await offsets("epoch=other&offset=2"), [false]);
  }));

Deno.test("POST /api/v1/publish answers with the position of the message", () =>
  withApi({ history: {} }, async (api) => {
    const publish = () => api.json("/api/v1/publish", { body: { channel: "news/a", data: 1 } });
    const { body } = await publish();
    const { epoch } = (await api.json(PATH)).body;
    assertEquals(body, { channel: "news/a", subscribers: 0, epoch, offset: 1 });
    assertEquals((await publish()).body.offset, 2);
  }));

Deno.test("GET history needs the right to subscribe, and counts as a message of the key", () =>
  withApi({ keys: true, history: {} }, async (api) => {
    const statusOf = async (path: string, key?: string) => (await api.json(path, { key })).status;
    assertEquals(await statusOf(PATH, "reader.s"), 200);
    assertEquals(await statusOf("/api/v1/channels/sport/history", "reader.s"), 403);
    assertEquals(await statusOf(PATH, "news.s"), 403); // to publish is another right
    assertEquals(await statusOf(PATH), 401);
    const limited = "/api/v1/channels/c/history";
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push(await statusOf(limited, "slowreader.s"));
    assertEquals(statuses, [200, 200, 429]);
  }));

Deno.test("GET history rejects half a position, what is no number, and a channel that cannot be", () =>
  withApi({ history: {} }, async (api) => {
    for (const query of ["epoch=e", "offset=1", "epoch=e&offset=x", "last=0", "before=1"]) {
      assertEquals((await api.json(`${PATH}?${query}`)).status, 400, query);
    }
    const long = `/api/v1/channels/${"x".repeat(257)}/history`;
    assertEquals((await api.json(long)).status, 404);
    assertEquals((await api.json("/api/v1/channels/systole%2Foverview/history")).status, 404);
  }));

Deno.test("DELETE history removes the messages, and needs the right admin", () =>
  withApi({ keys: true, history: {} }, async (api) => {
    const remove = async (key: string) => {
      const response = await api.call(PATH, { method: "DELETE", key });
      await response.body?.cancel();
      return response.status;
    };
    assertEquals(await remove("root.s"), 404);
    const body = { channel: "news/a", data: 1 };
    const { epoch } = (await api.json("/api/v1/publish", { key: "news.s", body })).body;
    assertEquals(await remove("news.s"), 403);
    assertEquals(await remove("root.s"), 204);
    const left = (await api.json(PATH, { key: "reader.s" })).body;
    assertEquals(left, { channel: "news/a", epoch, offset: 1, messages: [], more: false });
    assertEquals(api.world.log.at(-1)?.message, "history removed by an operator");
  }));

Deno.test("history is 503 while the broker does not answer", () =>
  withApi({ history: {} }, async (api) => {
    const away = () => Promise.reject(new Unavailable("away"));
    Object.assign(api.world.broker, { history: away, clear: away });
    for (const method of ["GET", "DELETE"]) {
      const response = await api.call(PATH, { method });
      assertEquals([response.status, response.headers.get("Retry-After")], [503, "1"]);
      await response.body?.cancel();
    }
  }));
