/**
 * The SDK as the WebSocket of widely used libraries: it adds nothing to what they say, and closes
 * nothing, for ten minutes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { createClient } from "graphql-ws";
import reconnectingWebSocket from "reconnecting-websocket";
import { webSocket } from "rxjs/webSocket";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** Its types are those of a CommonJS module. */
const ReconnectingWebSocket = reconnectingWebSocket as unknown as new (
  url: string,
  protocols: string[],
  options: { WebSocket: unknown; maxEnqueuedMessages: number },
) => WebSocket;

const TEN_MINUTES_MS = 600_000;
const URL_TEXT = "ws://other.test/";

/** The SDK for servers of another kind, with WebSocket's constructor. */
function socketClass(page: VirtualPage, made: HeartbeatSocket[]): typeof WebSocket {
  class AnySocket extends HeartbeatSocket {
    constructor(url: string | URL, protocols: string | string[] = []) {
      super(url, { profile: "none", protocols, WebSocket: page.server.WebSocket });
      made.push(this);
    }
  }
  return AnySocket as unknown as typeof WebSocket;
}

/** Ten minutes, after which there is one socket, open since the start. */
async function livesOn(page: VirtualPage, made: readonly HeartbeatSocket[]): Promise<void> {
  await page.pass(TEN_MINUTES_MS);
  assertEquals([made.length, page.server.sockets.length], [1, 1]);
  assertEquals(made[0].readyState, 1);
  assertEquals(page.server.last.closedWith, undefined);
}

Deno.test("graphql-ws runs over it", () =>
  withPage(async (page) => {
    const made: HeartbeatSocket[] = [];
    page.server.repliesTo = (data) => {
      const { type, id } = JSON.parse(`${data}`);
      if (type === "connection_init") return ['{"type":"connection_ack"}'];
      return type === "subscribe"
        ? [JSON.stringify({ type: "next", id, payload: { data: { greeting: "hi" } } })]
        : [];
    };
    const client = createClient({ url: URL_TEXT, webSocketImpl: socketClass(page, made) });
    const got: unknown[] = [];
    const unsubscribe = client.subscribe({ query: "subscription { greeting }" }, {
      next: ({ data }) => got.push(data),
      error: (error) => got.push(error),
      complete: () => {},
    });
    await livesOn(page, made);
    assertEquals(got, [{ greeting: "hi" }]);
    const types = page.server.last.sent.map((text) => JSON.parse(`${text}`).type);
    assertEquals(types, ["connection_init", "subscribe"]);
    assertEquals(page.server.last.protocols, "graphql-transport-ws");
    unsubscribe();
    await client.dispose();
    await page.pass(5_000);
  }));

Deno.test("rxjs's webSocket() runs over it", () =>
  withPage(async (page) => {
    const made: HeartbeatSocket[] = [];
    const subject = webSocket<unknown>({
      url: URL_TEXT,
      WebSocketCtor: socketClass(page, made),
    });
    const got: unknown[] = [];
    const subscription = subject.subscribe({ next: (value) => got.push(value), error: () => {} });
    subject.next({ hello: "server" });
    await page.pass(100);
    page.server.last.say({ hello: "client" });
    await livesOn(page, made);
    assertEquals(got, [{ hello: "client" }]);
    assertEquals(page.server.last.sent, ['{"hello":"server"}']);
    subscription.unsubscribe();
    await page.pass(5_000);
  }));

Deno.test("y-websocket runs over it", () =>
  withPage(async (page) => {
    const made: HeartbeatSocket[] = [];
    const AWARENESS = 1;
    page.server.repliesTo = (data) => {
      const bytes = data as Uint8Array;
      return bytes[0] === AWARENESS ? [bytes.slice().buffer] : []; // as y-websocket's own server
    };
    const doc = new Y.Doc();
    const provider = new WebsocketProvider(URL_TEXT, "room", doc, {
      WebSocketPolyfill: socketClass(page, made),
      disableBc: true,
    });
    await page.pass(100);
    doc.getText("t").insert(0, "hello");
    await livesOn(page, made);
    assert(page.server.last.sent.length >= 3); // a request to synchronize, awareness, the change
    assert(page.server.last.sent.every((data) => data instanceof Uint8Array));
    provider.destroy();
    doc.destroy();
    await page.pass(5_000);
  }));

Deno.test("reconnecting-websocket runs over it", () =>
  withPage(async (page) => {
    const made: HeartbeatSocket[] = [];
    const socket = new ReconnectingWebSocket(URL_TEXT, [], {
      WebSocket: socketClass(page, made),
      maxEnqueuedMessages: 10,
    });
    socket.addEventListener("open", () => socket.send("hello!"));
    await page.pass(10_000);
    await livesOn(page, made);
    assertEquals(page.server.last.sent, ["hello!"]);
    socket.close();
    await page.pass(5_000);
  }));
