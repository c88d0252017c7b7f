import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { closeOf, OPCODE, textOf } from "../support/peers/frames.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";

const WINDOW_MS = 100;
const NUMBERS = [0, 1, 2, 3, 4];

/** Publishes some numbers on "c". Resolves when they have been queued for the subscribers. */
async function publish(publisher: RawPeer): Promise<void> {
  for (const data of NUMBERS) await publisher.send({ type: "publish", channel: "c", data });
  await publisher.send({ type: "ping", id: "after" });
  await publisher.message("pong");
}

integrationTest("With a flush window publications come later, and a drain loses none", async () => {
  await using server = await ServerProcess.start({ env: { FLUSH_WINDOW_MS: `${WINDOW_MS}` } });
  using subscriber = await RawPeer.connect(server.dial);
  using publisher = await RawPeer.connect(server.dial);
  await subscriber.send({ type: "subscribe", channel: "c" });
  await subscriber.message("subscribed");
  const startMs = performance.now();
  await publish(publisher);
  const answeredMs = performance.now();
  for (const data of NUMBERS) assertEquals((await subscriber.message("message")).data, data);
  const receivedMs = performance.now();
  assertGreaterOrEqual(receivedMs - startMs, WINDOW_MS - 2);
  assertLess(answeredMs, receivedMs); // the answer did not wait

  await publish(publisher);
  Deno.kill(server.pid, "SIGTERM");
  const received: unknown[] = [];
  for (;;) {
    const frame = await subscriber.read();
    if (frame?.opcode === OPCODE.ping) continue;
    if (frame?.opcode !== OPCODE.text) {
      assertEquals(closeOf(frame!).code, 1012);
      break;
    }
    const { type, data } = JSON.parse(textOf(frame));
    received.push(data ?? type);
  }
  // It is advised to move, and has not when it is closed.
  assertEquals(received, [...NUMBERS, "reconnect", "reconnect"]);
});
