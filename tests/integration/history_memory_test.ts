/**
 * What a full history takes in the server's memory, whatever is published: `HISTORY_BYTES` and 10 % at
 * most.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { join, textFrame } from "../support/peers/frames.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { type LogLine, ServerProcess, startCommand } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const BOUND_BYTES = 32 * 2 ** 20;
const CHANNELS = 10_000;
/** Published in one write. */
const BATCH = 500;

const COMMAND = startCommand("--preload=tests/support/server/memory_reporter.ts")
  .map((word) => word.startsWith("--v8-flags=") ? `${word},--expose-gc` : word);

const ENV = {
  HISTORY_BYTES: String(BOUND_BYTES),
  HISTORY_MESSAGES: "1000000",
  HISTORY_CHANNELS: "kept/*",
  MAX_MESSAGES_PER_SECOND: "0",
};

/** What stands beside type and channel in the nth publication. */
const PUBLICATIONS: Readonly<Record<string, (n: number) => object>> = {
  "of 2 KB": () => ({ data: "x".repeat(2_000) }),
  "of 500 characters of two bytes": () => ({ data: "€".repeat(500) }),
  // V8 keeps the whole text of a frame alive for a slice of it.
  "that are short parts of long frames": (n) => ({
    data: `number ${1e9 + n}`,
    padding: "x".repeat(400),
  }),
  "that are short, with a long id": (n) => ({
    data: `number ${1e9 + n}`,
    id: `${n}`.padStart(128, "x"),
  }),
};

/** What the server's memory holds without garbage, bytes. */
async function memoryOf(server: ServerProcess): Promise<number> {
  const before = server.lines("memory").length;
  await server.type("\n");
  const { heapUsed, external } = await until<LogLine>(
    "a collection of garbage",
    () => server.lines("memory")[before],
  );
  return heapUsed + external;
}

for (const [what, publication] of Object.entries(PUBLICATIONS)) {
  integrationTest(
    `The history of ${CHANNELS} channels keeps its bound with messages ${what}`,
    async () => {
      await using server = await ServerProcess.start({ command: COMMAND, env: ENV });
      using publisher = await RawPeer.connect(server.dial);
      let published = 0;
      const publish = async (folder: string, count: number) => {
        for (const end = published + count; published < end;) {
          const frames = Array.from({ length: BATCH }, () => {
            const channel = `${folder}/${published % CHANNELS}`;
            return textFrame({ type: "publish", channel, ...publication(published++) });
          });
          await publisher.write(join([...frames, textFrame({ type: "ping" })]));
          await publisher.message("pong");
        }
      };
      await publish("not kept", 2 * CHANNELS); // what the server needs to publish, it has then
      const emptyBytes = await memoryOf(server);
      let metrics = await server.metrics();
      while (metrics.value("systole_history_evictions_total") < CHANNELS / 2) {
        assertLess(published, 100 * CHANNELS, "its bound is not reached");
        await publish("kept", CHANNELS);
        metrics = await server.metrics();
      }
      const grownBytes = await memoryOf(server) - emptyBytes;
      assertEquals(metrics.value("systole_history_channels"), CHANNELS);
      const countedBytes = metrics.value("systole_history_bytes");
      console.log(
        `${published} published; of ${BOUND_BYTES} bytes ${countedBytes} counted, ${grownBytes} taken`,
      );
      assertLess(countedBytes, BOUND_BYTES + 1);
      assertLess(grownBytes, 1.1 * BOUND_BYTES);
      assertGreater(grownBytes, BOUND_BYTES / 4, "not what the history takes");
    },
  );
}
