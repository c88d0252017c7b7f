/**
 * Peers that misbehave on the doorstep, while their credential is being checked or just after it
 * was refused: they harm nobody, and nothing of them stays behind.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { signedToken, testKey } from "../support/server/credentials.ts";
import { TALO_SCHEME } from "../support/server/credential_places.ts";
import { Exposition } from "../support/server/exposition.ts";
import { clientFrame, join, OPCODE, textFrame } from "../support/peers/frames.ts";
import {
  bearer,
  GuardedServer,
  Guest,
  type RoutedUpgrade,
} from "../support/server/guarded_server.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import {
  type Dial,
  parseHead,
  requestBytes,
  UPGRADE_HEADERS,
  writeAll,
} from "../support/peers/plain_http.ts";
import { RawPeer, writeAndReset } from "../support/peers/raw_peer.ts";
import { sideBySide, until, within } from "../support/until.ts";

const JWT_SECRET = `signs tokens here ${crypto.randomUUID()}`;
const FULL = testKey("full");
const TIMES = 25;
const CLOSE_WAIT_MS = 300;

/** What comes to the scheme. */
interface Scene {
  readonly server: GuardedServer;
  /** Those that get in, by their credential. A ticket serves once. */
  readonly good: Readonly<Record<string, () => Promise<RoutedUpgrade>>>;
  /** Those that do not. */
  readonly bad: Readonly<Record<string, () => Promise<RoutedUpgrade>>>;
}

async function makeScene(server: GuardedServer): Promise<Scene> {
  const byHeader = (credential: string) => () =>
    Promise.resolve({ path: "/ws", headers: bearer(credential) });
  const token = server.secret(await signedToken(JWT_SECRET));
  const foreign = server.secret(await signedToken(`${JWT_SECRET} no more`));
  return {
    server,
    good: {
      "a key": byHeader(FULL.credential),
      "a token": byHeader(token),
      "a ticket": async () => TALO_SCHEME.ways.ticket(await server.ticket(FULL.credential)),
    },
    bad: {
      "no credential": () => Promise.resolve({ path: "/ws" }),
      "a wrong key": byHeader(`${FULL.id}.wrong`),
      "a foreign token": byHeader(foreign),
      "an unknown ticket": () => Promise.resolve(TALO_SCHEME.ways.ticket(crypto.randomUUID())),
      "no path": () => Promise.resolve({ path: "/nowhere", headers: bearer(FULL.credential) }),
    },
  };
}

/** Somebody is connected all the time, and at the end nobody else is, by any count. */
async function withHealthyClient(test: (scene: Scene) => Promise<void>): Promise<void> {
  await using server = await GuardedServer.start({
    keys: [FULL],
    jwtSecret: JWT_SECRET,
    env: { CLOSE_WAIT_MS: `${CLOSE_WAIT_MS}`, TICKETS_PER_MINUTE: "0" },
  });
  const arrival = { path: "/ws", headers: bearer(FULL.credential) };
  using client = await server.enter(arrival);
  await client.next();
  const scene = await makeScene(server);
  await server.ticket(FULL.credential); // so that what HTTP opens once is there
  const descriptors = server.process.openDescriptors;
  await test(scene);
  await until("its descriptors are back", () => server.process.openDescriptors <= descriptors);
  await until("nobody is counted as connected but one", async () => {
    const metrics = new Exposition((await server.asOperator("/metrics")).body);
    return metrics.value("systole_connections") === 1;
  });
  await client.say({ type: "ping", id: "unharmed" });
  assertEquals((await client.nextJson()).id, "unharmed");
  using newcomer = await server.enter(arrival);
  await newcomer.next();
}

/** Each so many times, all at once. */
async function forEachArrival(
  arrivals: Scene["good"],
  rudeness: (arrival: RoutedUpgrade) => Promise<void>,
): Promise<void> {
  for (const [what, arrive] of Object.entries(arrivals)) {
    const each = async () => rudeness(await arrive());
    await sideBySide(...Array.from({ length: TIMES }, each)).catch((cause) => {
      throw new Error(`${what}: ${cause.message}`, { cause });
    });
  }
}

function upgradeRequest({ path, headers }: RoutedUpgrade): Uint8Array {
  return requestBytes({ path, headers: { ...UPGRADE_HEADERS, ...headers } });
}

/** Reads to the end of TCP. @returns all that came, as Latin-1 */
async function readToEnd(conn: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (;;) {
    const count = await within("the end of TCP", 3_000, conn.read(buffer)).catch((error) => {
      if (error instanceof Deno.errors.ConnectionReset) return null;
      throw error;
    });
    if (count === null) return text;
    text += String.fromCharCode(...buffer.subarray(0, count));
  }
}

/** The frame by which talo refuses. */
const CLOSE_3000 = String.fromCharCode(0x88, 2, 3000 >> 8, 3000 & 0xff);

/** The refusal came whole, though the peer talked meanwhile. */
function isRefusal(answer: string): void {
  const [head, body] = answer.split("\r\n\r\n");
  const { status } = parseHead(head);
  if (status === 101) return assertEquals(body, CLOSE_3000);
  assertEquals([status, JSON.parse(body).status], [status, status]);
  assert(status === 401 || status === 404, head);
}

const EARLY = [
  { type: "subscribe", channel: "early" },
  { type: "publish", channel: "early", data: "said too early", id: "p" },
].map(textFrame);

/** How frames come behind a request. */
const TIMINGS: Readonly<Record<string, readonly [along: Uint8Array[], after: Uint8Array[]]>> = {
  "in the same packet": [EARLY, []],
  "in the next packet": [[], EARLY],
  "in both": [EARLY.slice(0, 1), EARLY.slice(1)],
  "cut in the middle": [[EARLY[0].subarray(0, 9)], [EARLY[0].subarray(9), EARLY[1]]],
};

/** A dial whose first write, the request, takes frames along. */
function withFrames(dial: Dial, [along, after]: typeof TIMINGS[string]): Dial {
  return async () => {
    const conn = await dial();
    const write = conn.write.bind(conn);
    conn.write = async (request) => {
      conn.write = write;
      await writeAll(conn, join([request, ...along]));
      for (const frame of after) await writeAll(conn, frame);
      return request.length;
    };
    return conn;
  };
}

integrationTest(
  "Peers that reset while they are checked harm nobody",
  () =>
    withHealthyClient(async ({ server, good, bad }) => {
      const { port } = server.process;
      for (const arrivals of [good, bad]) {
        await forEachArrival(arrivals, (it) => writeAndReset(port, upgradeRequest(it)));
        await forEachArrival(
          arrivals,
          (it) => writeAndReset(port, join([upgradeRequest(it), ...EARLY])),
        );
      }
    }),
);

integrationTest(
  "Peers that half-close while they are checked are closed",
  () =>
    withHealthyClient(async ({ server, good, bad }) => {
      for (const arrivals of [good, bad]) {
        for (const frames of [[], EARLY, [...EARLY, clientFrame(OPCODE.close)]]) {
          await forEachArrival(arrivals, async (arrival) => {
            using peer = await RawPeer.open(server.process.dial);
            await peer.write(join([upgradeRequest(arrival), ...frames]));
            await peer.halfClose();
            await readToEnd(peer.conn);
          });
        }
      }
    }),
);

integrationTest(
  "Peers that were rejected and stay, and go on sending, are closed",
  () =>
    withHealthyClient(async ({ server, bad }) => {
      const descriptors = server.process.openDescriptors;
      using peers = new DisposableStack();
      await forEachArrival(bad, async (arrival) => {
        const peer = peers.use(await RawPeer.open(server.process.dial));
        await peer.write(upgradeRequest(arrival));
        await readToEnd(peer.conn);
        await peer.write(join(EARLY)).catch(() => {}); // it may be gone by now
      });
      await until("they are gone", () => server.process.openDescriptors <= descriptors);
    }),
);

for (const [timing, frames] of Object.entries(TIMINGS)) {
  integrationTest(
    `Frames ${timing} wait for the check, and count if it succeeds`,
    () =>
      withHealthyClient(async ({ server, good, bad }) => {
        const dial = withFrames(server.process.dial, frames);
        const { "a ticket": byTicket, ...byKey } = good;
        using spy = await server.enter(await good["a key"]());
        await spy.next();
        await spy.say({ type: "subscribe", channel: "early" });
        await spy.next();
        await forEachArrival(bad, async (arrival) => {
          using peer = await RawPeer.open(dial);
          await peer.write(upgradeRequest(arrival));
          isRefusal(await readToEnd(peer.conn));
        });
        await forEachArrival(byKey, async (arrival) => {
          using guest = new Guest(await RawPeer.connect(dial, arrival), () => {});
          assertEquals((await guest.nextJson()).type, "welcome");
          assertEquals((await guest.nextJson()).type, "subscribed");
          while ((await guest.nextJson()).type !== "published");
        });
        for (let each = 0; each < 2 * TIMES; each++) {
          assertEquals((await spy.nextJson()).data, "said too early");
        }
        await spy.say({ type: "ping", id: "no more came" });
        assertEquals((await spy.nextJson()).id, "no more came");
        await forEachArrival({ "a ticket": byTicket }, async (arrival) => {
          using guest = new Guest(await RawPeer.connect(dial, arrival), () => {});
          assertEquals((await guest.nextJson()).res, "v1.connected");
          for (const _ of EARLY) assertEquals((await guest.nextJson()).res, "v1.error");
        });
      }),
  );
}
