import { assert, assertEquals } from "@std/assert";
import { type AddressInfo, connect, createServer } from "node:net";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

/** A proxy's 60 s, scaled down. */
const IDLE_MS = 1_500;
/** Two timers of two processes on a busy machine may keep three ages from agreeing exactly. */
const MAX_DEATHS = 12;

/** A proxy as most are: it passes everything on, and ends both sides when nobody has said a word. */
async function idleCuttingProxy(
  port: number,
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [side, other] of [[near, far], [far, near]]) {
      side.on("error", () => {}).on("close", () => other.destroy()).pipe(other);
    }
    near.setTimeout(IDLE_MS, () => far.end(() => near.destroy()));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((closed) => server.close(() => closed())),
  };
}

integrationTest(
  "A proxy that cuts idle connections is named, with a period that holds",
  async () => {
    await using server = await ServerProcess.start({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
    await using proxy = await idleCuttingProxy(server.port);
    const dial = () => Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
    const named = () => server.lines("a proxy on the way closes idle connections")[0];
    let disconnects = 0;
    while (named() === undefined && disconnects < MAX_DEATHS) {
      disconnects++;
      using peer = await RawPeer.connect(dial, {
        headers: { "X-Forwarded-For": `198.51.${disconnects}.7` }, // a network of its own
      });
      await peer.message("welcome");
      await until("its end", () => server.lines("connection closed").length === disconnects);
    }
    const line = named();
    assert(line !== undefined, `not named after ${disconnects} disconnects`);
    console.log(`named at death ${disconnects}: ${line.text}`);
    assertEquals([line.network, line.idleSeconds], ["127.0.0.0/24", IDLE_MS / 1_000]);
    const last = server.lines("connection closed").at(-1);
    assertEquals([last?.reason, last?.cause], ["network_error", "proxy idle cut"]);
  },
);

integrationTest("The period that it names holds indeed", async () => {
  const env = { TRUSTED_PROXIES: "127.0.0.1", PING_PERIOD_MS: String(IDLE_MS * 9 / 10) };
  await using server = await ServerProcess.start({ env });
  await using proxy = await idleCuttingProxy(server.port);
  const dial = () => Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
  using peer = await RawPeer.connect(dial);
  await peer.message("welcome");
  for (let pings = 0; pings < 3; pings++) await peer.message("ping");
  assertEquals(server.lines("connection closed"), []);
});
