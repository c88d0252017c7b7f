/**
 * A client of the library on a line that gets worse: the hub advises another connection, and the client
 * makes it before it closes the old one, although its key may have one connection only.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { TcpRelay } from "../support/peers/tcp_relay.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { type ChannelRecord, RecordChecker } from "../support/record_checker.ts";
import { testKey } from "../support/server/credentials.ts";
import { bearer, GuardedServer } from "../support/server/guarded_server.ts";
import { until } from "../support/until.ts";

const MOVER = testKey("mover", { maxConnections: 1 });
const PUBLISHER = testKey("publisher");
/** One channel with a history, and one without. */
const [KEPT, UNKEPT] = ["kept/news", "news"];
/** Each way; the hub takes a round trip of more than 200 ms for poor. */
const DELAY_MS = 150;
const PUBLISH_EVERY_MS = 5;

/** Publishes records on a channel, numbered from 1. */
class Records {
  count = 0;
  readonly channel: string;

  constructor(channel: string) {
    this.channel = channel;
  }

  next(): ChannelRecord {
    return { channel: this.channel, number: ++this.count };
  }
}

integrationTest(
  "A client that is advised moves without a close, with the one connection of its key",
  async () => {
    await using server = await GuardedServer.start({
      keys: [MOVER, PUBLISHER],
      env: {
        PING_PERIOD_MS: "100",
        PONG_WAIT_MS: "10000",
        HEALTHY_LATENCY_MS: "100",
        DEGRADED_LATENCY_MS: "200",
        HISTORY_CHANNELS: "kept/*",
      },
    });
    await using relay = await TcpRelay.start({ target: server.process.port });
    using publisher = await WsClient.connect(server.process.url, {
      headers: bearer(PUBLISHER.credential),
    });
    const socket = new HeartbeatSocket(`ws://127.0.0.1:${relay.port}/ws`, {
      protocols: ["systole", `systole.bearer.${MOVER.credential}`],
      reconnectInterval: 50,
    });
    using _end = { [Symbol.dispose]: () => socket.close() };
    const events: string[] = [];
    for (const type of ["open", "close", "error", "reconnecting", "giveup", "drop"] as const) {
      socket.addEventListener(type, () => events.push(type));
    }
    const checker = new RecordChecker([KEPT]);
    const gaps: string[] = [];
    socket.addEventListener("gap", ({ channel }) => gaps.push(channel));
    socket.subscribe(KEPT, ({ data }) => checker.take(KEPT, data));
    let unkept = 0;
    socket.subscribe(UNKEPT, () => unkept++);
    await until("it is subscribed", async () => {
      const { body } = await server.asOperator("/api/v1/channels");
      return JSON.parse(body).total === 2;
    });

    const [kept, others] = [new Records(KEPT), new Records(UNKEPT)];
    const own: Promise<unknown>[] = [];
    const states = new Set<number>();
    const publishing = setInterval(() => {
      states.add(socket.readyState);
      for (const records of [kept, others]) {
        publisher.send({ type: "publish", channel: records.channel, data: records.next() });
      }
      if (kept.count % 4 === 0) own.push(socket.publish("own", kept.count));
    }, PUBLISH_EVERY_MS);
    const moved = () => server.process.lines("connection closed").length === 1;
    try {
      await until("records", () => kept.count > 100);
      relay.connections[0].delayMs = DELAY_MS;
      await until("the move", moved, { withinMs: 30_000 });
      const count = kept.count;
      await until("more records", () => kept.count > count + 100);
    } finally {
      clearInterval(publishing);
    }
    await until("all records", () => checker.isComplete(new Map([[KEPT, kept.count]])));
    assertEquals(checker.faults, []);
    assertEquals(gaps, [UNKEPT], "where no history is kept, none can be promised");
    assertGreater(unkept, 0);
    assertEquals(events, ["open", "reconnecting", "open"]);
    assertEquals([...states], [socket.OPEN]);
    await Promise.all(own);
    assert(own.length > 20, "nothing is shown");
    assertEquals(relay.connections.length, 2);
    assertEquals(server.process.lines("upgrade refused"), []);
    const [{ reason }] = server.process.lines("connection closed");
    assertEquals(reason, "client_close");

    const { status } = await server.refusal({ path: "/ws", headers: bearer(MOVER.credential) });
    assertEquals(status, 429, "the new connection is counted in the place of the old one");
    socket.close();
    await until("its end", () => socket.readyState === socket.CLOSED);
  },
);
