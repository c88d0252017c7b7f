import { assert, assertEquals, assertLess } from "@std/assert";
import { clientFrame, OPCODE, textFrame } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { requestBytes, UPGRADE_HEADERS } from "../support/peers/plain_http.ts";
import { RawPeer, writeAndReset } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { sideBySide, until } from "../support/until.ts";

const UPGRADE = requestBytes({ path: "/ws", headers: UPGRADE_HEADERS });
const HALF = UPGRADE.subarray(0, UPGRADE.length / 2);
const TIMES = 100;

/** A server, somebody who is connected all the time, and the count of descriptors then. */
async function withHealthyClient(
  env: Record<string, string>,
  test: (server: ServerProcess) => Promise<void>,
): Promise<void> {
  await using server = await ServerProcess.start({ env });
  using client = await RawPeer.connect(server.dial);
  await client.message("welcome");
  await server.metrics(); // so that what HTTP opens once is there
  const descriptors = server.openDescriptors;
  await test(server);
  await until("its descriptors are back", () => server.openDescriptors <= descriptors);
  await until("nobody is counted as connected but one", async () => {
    return (await server.metrics()).value("systole_connections") === 1;
  });
  await client.send({ type: "ping", id: "unharmed" });
  assertEquals((await client.message("pong")).id, "unharmed");
  using newcomer = await RawPeer.connect(server.dial);
  await newcomer.message("welcome");
}

function times(call: () => Promise<void>): Promise<void> {
  return sideBySide(...Array.from({ length: TIMES }, call));
}

integrationTest(
  "Peers that reset during the upgrade harm nobody",
  () =>
    withHealthyClient({ CLOSE_WAIT_MS: "300" }, async (server) => {
      const { port } = server;
      await times(() => writeAndReset(port, HALF));
      await times(() => writeAndReset(port, UPGRADE));
      const withFrame = new Uint8Array([...UPGRADE, ...textFrame({ type: "ping" })]);
      await times(() => writeAndReset(port, withFrame));
      const refused = requestBytes({ path: "/nowhere", headers: UPGRADE_HEADERS });
      await times(() => writeAndReset(port, refused));
      await times(() => writeAndReset(port, requestBytes({ path: "/metrics" })));
    }),
);

integrationTest(
  "A connection that is reset ends as network_error",
  () =>
    withHealthyClient({}, async (server) => {
      await times(async () => {
        using peer = await RawPeer.connect(server.dial);
        await peer.send({ type: "ping" });
        await peer.message("pong");
        await peer.write(clientFrame(OPCODE.ping, "answer me")); // its answer finds nobody: RST
      });
      await until("all resets noticed", async () => {
        return (await server.metrics()).closed("network_error") === TIMES;
      });
    }),
);

integrationTest(
  "A peer that ends its half of TCP is closed at once",
  () =>
    withHealthyClient({}, async (server) => {
      using peer = await RawPeer.connect(server.dial);
      await peer.message("welcome");
      const endedMs = performance.now();
      await peer.halfClose();
      assertEquals((await peer.ending()).code, 1006);
      assertLess(performance.now() - endedMs, 500);
      assertEquals((await server.line("connection closed")).reason, "network_error");

      using midFrame = await RawPeer.connect(server.dial);
      await midFrame.write(textFrame({ type: "ping" }).subarray(0, 9));
      await midFrame.halfClose();
      assertEquals((await midFrame.ending()).code, 1006);

      using midRequest = await RawPeer.open(server.dial);
      await midRequest.write(HALF);
      await midRequest.halfClose();
      await midRequest.ending().catch(() => {}); // a 400, which is no frame
    }),
);

integrationTest(
  "A peer that is told to go and stays is cut off after closeWait",
  () =>
    withHealthyClient({ CLOSE_WAIT_MS: "500" }, async (server) => {
      using silent = await RawPeer.connect(server.dial);
      using chatty = await RawPeer.connect(server.dial);
      await silent.write(clientFrame(OPCODE.text, "{}", { masked: false }));
      assertEquals((await silent.ending()).code, 1002);
      for (let i = 0; i < 3_000; i++) await chatty.send("too much").catch(() => {});
      assertEquals((await chatty.ending()).code, 1008);
      await until("both are gone", () => server.lines("connection closed").length === 2);
      assertEquals(
        server.lines("connection closed").map(({ reason }) => reason).sort(),
        ["bad_frame", "rate_limited"],
      );
    }),
);

integrationTest(
  "Half a request, and silence, keeps neither others nor the end waiting",
  async () => {
    await using server = await ServerProcess.start();
    const halves = await Promise.all(
      Array.from({ length: TIMES }, () => RawPeer.open(server.dial)),
    );
    try {
      for (const peer of halves) await peer.write(HALF);
      using newcomer = await RawPeer.connect(server.dial);
      await newcomer.message("welcome");
      newcomer.close();
      Deno.kill(server.pid, "SIGTERM");
      const startedMs = performance.now();
      assert((await server.status).success);
      assertLess(performance.now() - startedMs, 2_000);
    } finally {
      for (const peer of halves) peer.close();
    }
  },
);
