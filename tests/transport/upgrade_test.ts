/**
 * The upgrade when the check of a credential takes as long as the test wants: what a peer does
 * meanwhile, over real sockets, and what becomes of it after the decision.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Socket as NetSocket } from "node:net";
import { Admission, type AdmissionLimits } from "../../server/auth/admission.ts";
import type { Authenticator } from "../../server/auth/authenticator.ts";
import { type AuthResult, OPEN_GRANT, rejected } from "../../server/auth/grant.ts";
import { Quotas } from "../../server/auth/quotas.ts";
import { type AdmissionRate, UnlimitedAdmission } from "../../server/brokers/admission_rate.ts";
import type { Later } from "../../server/brokers/broker.ts";
import { Client } from "../../server/client.ts";
import { listen, makeHttpServer } from "../../server/transport/listener.ts";
import { ProfileRoutes } from "../../server/transport/profile_routes.ts";
import { RejectionHistory } from "../../server/transport/rejection_history.ts";
import { Upgrader } from "../../server/transport/upgrade.ts";
import { CAN_REJECT_UPGRADES } from "../../server/transport/upgrade_compat.ts";
import { WsAcceptor } from "../../server/transport/ws_socket.ts";
import { clientFrame, join, OPCODE, textFrame } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { requestBytes, UPGRADE_HEADERS, writeAll } from "../support/peers/plain_http.ts";
import { RawPeer, writeAndReset } from "../support/peers/raw_peer.ts";
import { until } from "../support/until.ts";
import { withWorld, type World } from "../support/fakes/world.ts";

const CLOSE_WAIT_MS = 2_000;
const NO_LIMITS = {
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
  maxConnectionsPerKey: 0,
  maxUpgradesPerSecond: 0,
};
const GRANTED: AuthResult = { kind: "granted", grant: OPEN_GRANT };
const REFUSED = rejected("for a test");
const UPGRADE = requestBytes({ path: "/ws", headers: UPGRADE_HEADERS });
const PING = textFrame({ type: "ping", id: "early" });

/** An upgrader whose check of a credential lasts until the test decides. */
interface UpgradeFixture {
  readonly world: World;
  readonly admission: Admission;
  readonly port: number;
  /** The server's end of the first request. */
  raw(): Promise<NetSocket>;
  /** The server begins to drain. */
  drain(): void;
  /** The server has handed out a slot. */
  handedOut(slotMs: number): void;
  /** Ends the check. Resolves when the upgrade has been dealt with. */
  decide(result: AuthResult): Promise<void>;
}

async function withUpgrader(
  test: (fixture: UpgradeFixture) => Promise<void>,
  { admissionRate = new UnlimitedAdmission(() => 0), ...limits }: Partial<AdmissionLimits> & {
    readonly admissionRate?: Pick<AdmissionRate, "admit" | "giveBack">;
  } = {},
): Promise<void> {
  await withWorld({}, async (world) => {
    const { clock, profile, context } = world;
    const check = Promise.withResolvers<AuthResult>();
    const admission = new Admission({ ...NO_LIMITS, ...limits }, clock.now());
    const upgrader = new Upgrader({
      rejections: new RejectionHistory(),
      routes: new ProfileRoutes([profile], "json"),
      authenticator: { check: () => check.promise } as unknown as Authenticator,
      canRejectUpgrades: CAN_REJECT_UPGRADES,
      acceptor: new WsAcceptor({ maxMessageBytes: 1_000, closeWaitMs: CLOSE_WAIT_MS }),
      proxies: { clientAddress: (peer) => peer },
      suspensions: { violation: () => Promise.resolve() },
      admission,
      admissionRate,
      quotas: new Quotas(),
      connect: (connection) => new Client(connection, context).id,
      clock,
      metrics: context.metrics,
      log: context.log,
      closeWaitMs: CLOSE_WAIT_MS,
      allowedOrigins: [],
      loopbackHostOnly: false,
    });
    let arrived: { raw: NetSocket; upgraded: Promise<void> } | undefined;
    const http = makeHttpServer(undefined);
    http.on("upgrade", (request, socket, head) => {
      const raw = socket as NetSocket;
      arrived = { raw, upgraded: upgrader.upgrade(request, raw, head) };
    });
    const address = await listen(http, { kind: "tcp", host: "127.0.0.1", port: 0 });
    assert(address.kind === "tcp");
    const arrival = () => until("an upgrade request", () => arrived);
    const turns = setInterval(() => clock.turnOver(), 5); // the hub's; time stands still
    try {
      await test({
        world,
        admission,
        port: address.port,
        raw: async () => (await arrival()).raw,
        drain: () => upgrader.drain(),
        handedOut: (slotMs) => upgrader.handedOut(slotMs),
        async decide(result) {
          check.resolve(result);
          await (await arrival()).upgraded;
        },
      });
      arrived?.raw.destroy();
      await until("no open connection", () => admission.open === 0);
    } finally {
      clearInterval(turns);
      http.close();
    }
  });
}

/** Sends an upgrade request. The answer to it may never come. */
async function request({ port }: UpgradeFixture, path = "/ws") {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const handshake = RawPeer.connect(() => Promise.resolve(conn), { path });
  handshake.catch(() => {}); // a test that expects it awaits it
  return { conn, handshake };
}

const logged = ({ world }: UpgradeFixture, message: string) =>
  world.log.filter((line) => line.message === message);

const assertNoClient = (fixture: UpgradeFixture) =>
  assertEquals([logged(fixture, "connection opened"), fixture.admission.open], [[], 0]);

for (const [name, verdict] of Object.entries({ granted: GRANTED, refused: REFUSED })) {
  integrationTest(
    `upgrade() of a peer that resets before it is ${name} makes no client`,
    () =>
      withUpgrader(async (fixture) => {
        await writeAndReset(fixture.port, UPGRADE);
        const raw = await fixture.raw();
        await until("the reset on the other side", () => raw.destroyed);
        await fixture.decide(verdict);
        assertNoClient(fixture);
      }),
  );

  integrationTest(
    `upgrade() of a peer that resets amid frames before it is ${name}, too`,
    () =>
      withUpgrader(async (fixture) => {
        await writeAndReset(fixture.port, join([UPGRADE, PING]));
        const raw = await fixture.raw();
        await fixture.decide(verdict);
        await until("its socket is gone", () => raw.destroyed);
        await until("no open connection", () => fixture.admission.open === 0);
      }),
  );
}

integrationTest(
  "upgrade() of a peer that half-closes before it is granted makes no client",
  () =>
    withUpgrader(async (fixture) => {
      const { conn, handshake } = await request(fixture);
      const raw = await fixture.raw();
      await conn.closeWrite();
      await until("the end on the other side", () => raw.readableEnded);
      await fixture.decide(GRANTED);
      await assertRejects(() => handshake, Error, "TCP ended");
      assertNoClient(fixture);
    }),
);

integrationTest(
  "upgrade() answers a peer that half-closes with the rejection",
  () =>
    withUpgrader(async (fixture) => {
      const { conn, handshake } = await request(fixture);
      const raw = await fixture.raw();
      await conn.closeWrite();
      await until("the end on the other side", () => raw.readableEnded);
      await fixture.decide(REFUSED);
      await assertRejects(() => handshake, Error, "HTTP/1.1 401 Unauthorized");
      await until("its socket is gone", () => raw.destroyed);
      assertNoClient(fixture);
    }),
);

integrationTest(
  "upgrade() handles the frames that a peer sends early, in order, once it is granted",
  () =>
    withUpgrader(async (fixture) => {
      const { conn, handshake } = await request(fixture);
      const raw = await fixture.raw();
      const early = Array.from(
        { length: 20 },
        (_, each) => textFrame({ type: "ping", id: `${each}` }),
      );
      for (const frame of early) await writeAll(conn, frame);
      await until("it on the other side", () => raw.readableLength === join(early).length);
      assertEquals(logged(fixture, "connection opened"), []);
      await fixture.decide(GRANTED);
      using peer = await handshake;
      await peer.message("welcome");
      for (const each of early.keys()) assertEquals((await peer.message("pong")).id, `${each}`);
    }),
);

integrationTest(
  "upgrade() closes for a peer that sends its close frame early",
  () =>
    withUpgrader(async (fixture) => {
      const { conn, handshake } = await request(fixture);
      const raw = await fixture.raw();
      await writeAll(conn, clientFrame(OPCODE.close, Uint8Array.of(0x03, 0xe8)));
      await until("it on the other side", () => raw.readableLength > 0);
      await fixture.decide(GRANTED);
      using peer = await handshake;
      while ((await peer.read())?.opcode !== OPCODE.close);
      peer.close();
      await until("its end", () => logged(fixture, "connection closed").length === 1);
      const [{ properties }] = logged(fixture, "connection closed");
      assertEquals(properties.reason, "client_close");
    }),
);

integrationTest(
  "upgrade() rejects a peer that sends frames early, and handles none of them",
  () =>
    withUpgrader(async (fixture) => {
      const { conn, handshake } = await request(fixture);
      const raw = await fixture.raw();
      await writeAll(conn, PING);
      await until("it on the other side", () => raw.readableLength > 0);
      await fixture.decide(REFUSED);
      await assertRejects(() => handshake, Error, "HTTP/1.1 401 Unauthorized");
      await fixture.world.clock.pass(CLOSE_WAIT_MS);
      assert(raw.destroyed);
      assertNoClient(fixture);
    }),
);

integrationTest(
  "upgrade() destroys the socket of a rejected peer that stays, after closeWait",
  () =>
    withUpgrader(async (fixture) => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: fixture.port });
      try {
        await writeAll(conn, UPGRADE);
        const raw = await fixture.raw();
        await fixture.decide(REFUSED);
        assert(await conn.read(new Uint8Array(1_000)) !== null, "no answer");
        await fixture.world.clock.pass(CLOSE_WAIT_MS - 1);
        await writeAll(conn, PING); // it goes on sending
        assert(!raw.destroyed);
        await fixture.world.clock.pass(1);
        assert(raw.destroyed);
      } finally {
        conn.close();
      }
    }),
);

integrationTest(
  "upgrade() rejects, counts and logs a peer whose check ends during a drain",
  () =>
    withUpgrader(async (fixture) => {
      const { handshake } = await request(fixture);
      await fixture.raw();
      assertEquals(fixture.admission.open, 1); // it is counted while it is being checked
      fixture.drain();
      await fixture.decide(GRANTED);
      await assertRejects(() => handshake, Error, "HTTP/1.1 503 Service Unavailable");
      assertNoClient(fixture);
      const [{ level, properties }] = logged(fixture, "upgrade refused");
      assertEquals([level, properties], ["info", {
        profile: "json",
        key: undefined,
        address: "127.0.0.1",
        reason: "draining",
        detail: "the server is restarting",
      }]);
      const line = 'systole_upgrades_refused_total{reason="draining"} 1';
      assert((await fixture.world.metrics.text()).includes(line));
    }),
);

integrationTest(
  "upgrade() of a connection that replaces another one is granted at the limit",
  () =>
    withUpgrader(async (fixture) => {
      const { handshake } = await request(fixture);
      await fixture.decide(GRANTED);
      using old = await handshake;
      const { clientId } = await old.message("welcome");
      for (const query of ["", "?replaces", "?replaces=another"]) {
        const another = await request(fixture, `/ws${query}`);
        await assertRejects(() => another.handshake, Error, "503 Service Unavailable");
      }
      const second = await request(fixture, `/ws?replaces=${clientId}`);
      using replacement = await second.handshake;
      await replacement.message("welcome");
      await fixture.world.clock.pass(10_000);
      const third = await request(fixture, `/ws?replaces=${clientId}`);
      await assertRejects(() => third.handshake, Error, "503 Service Unavailable");
      old.close();
      await until("its end", () => fixture.admission.open === 1);
      const last = await request(fixture, `/ws?replaces=${clientId}`);
      await assertRejects(() => last.handshake, Error, "503 Service Unavailable");
    }, { maxConnectionsPerAddress: 1 }),
);

/** Admits no session, or only the first. */
class FullRate implements Pick<AdmissionRate, "admit" | "giveBack"> {
  admitted = 0;
  readonly #slot: Later<number>;
  readonly #room: number;

  constructor(slot: Later<number>, room = 0) {
    this.#slot = slot;
    this.#room = room;
  }

  admit(): Later<number> {
    if (this.admitted >= this.#room) return this.#slot;
    this.admitted++;
    return 0;
  }

  giveBack(): void {
    this.admitted--;
  }
}

for (
  const [kind, slot] of [["", 2_345], [" of another process", Promise.resolve(2_345)]] as const
) {
  integrationTest(
    `upgrade() tells a client its slot${kind} in a close frame, before it costs a session`,
    () =>
      withUpgrader(
        async (fixture) => {
          const { handshake } = await request(fixture);
          using peer = await handshake;
          const { code, text, tcp } = await peer.ending();
          assertEquals([code, text, tcp], [
            1013,
            "overload: too many at once; afterMs=2345",
            "fin",
          ]);
          assertNoClient(fixture);
          const [{ properties }] = logged(fixture, "upgrade refused");
          assertEquals(properties.reason, "too_many_at_once");
        },
        { admissionRate: new FullRate(slot) },
      ),
  );
}

for (const [name, verdict] of Object.entries({ refused: REFUSED, granted: GRANTED })) {
  integrationTest(`upgrade() of a client that is ${name} counts as one admission at most`, () => {
    const rate = new FullRate(10, 1);
    return withUpgrader(
      async (fixture) => {
        const { handshake } = await request(fixture);
        await fixture.raw();
        assertEquals(rate.admitted, 1);
        await fixture.decide(verdict);
        assertEquals(rate.admitted, verdict === GRANTED ? 1 : 0);
        const peer = await handshake.catch(() => undefined);
        peer?.close();
      },
      { admissionRate: rate },
    );
  });
}

integrationTest("upgrade() gives back what it admitted to a client that has gone meanwhile", () => {
  const rate = new FullRate(10, 1);
  return withUpgrader(
    async (fixture) => {
      await writeAndReset(fixture.port, UPGRADE);
      const raw = await fixture.raw();
      await until("the reset on the other side", () => raw.destroyed);
      await fixture.decide(GRANTED);
      assertEquals(rate.admitted, 0);
      assertNoClient(fixture);
    },
    { admissionRate: rate },
  );
});

integrationTest(
  "upgrade() of a server that drains tells how long the newest slot is away",
  () =>
    withUpgrader(async (fixture) => {
      for (const slotMs of [0, 7_100, 500]) {
        fixture.handedOut(slotMs);
      }
      fixture.drain();
      for (const seconds of [8, 4, 1]) {
        const { handshake } = await request(fixture);
        await assertRejects(() => handshake, Error, `Retry-After: ${seconds}\r\n`);
        await fixture.world.clock.pass(4_000);
      }
    }),
);
