import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async";
import { integrationTest } from "../support/integration_test_case.ts";
import { OPCODE, textOf } from "../support/peers/frames.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";

interface Position {
  epoch: string;
  offset: number;
}

/** A client that is cut again and again, and returns with what it remembers. */
class ReturningClient {
  readonly offsets: number[] = [];
  /** How often it was told that it cannot have all, or that something is missing. */
  losses = 0;
  resumes = 0;
  readonly #server: ServerProcess;
  readonly #channel: string;
  #position: Position | undefined;

  constructor(server: ServerProcess, channel: string) {
    this.#server = server;
    this.#channel = channel;
  }

  /** Connects, reads so many messages, and lets go of TCP without a word. */
  async visit(messages: number, until: number = Infinity): Promise<void> {
    using peer = await RawPeer.connect(this.#server.dial);
    const since = this.#position;
    await peer.send({ type: "subscribe", channel: this.#channel, since });
    const { epoch, offset, recovered } = await peer.message("subscribed");
    if (since === undefined) this.#position = { epoch, offset };
    else this.resumes++;
    if (recovered === false) this.losses++;
    for (let i = 0; i < messages && this.#position!.offset < until;) {
      const frame = await peer.read();
      assert(frame !== undefined, "it was closed");
      if (frame.opcode !== OPCODE.text) continue;
      const message = JSON.parse(textOf(frame));
      if (message.type === "gap") this.losses++;
      if (message.type !== "message") continue;
      this.offsets.push(message.offset);
      assertEquals(message.data, message.offset);
      this.#position = { epoch, offset: message.offset };
      i++;
    }
  }
}

integrationTest(
  "Clients that are cut and return with since have everything, in order",
  async () => {
    const [clients, total] = [20, 3_000];
    await using server = await ServerProcess.start({
      env: { HISTORY_MESSAGES: "100000", MAX_MESSAGES_PER_SECOND: "0" },
    });
    using publisher = await RawPeer.connect(server.dial);
    const returning = Array.from({ length: clients }, () => new ReturningClient(server, "c"));
    await Promise.all(returning.map((client) => client.visit(0)));
    const publish = async () => {
      for (let n = 1; n <= total; n++) {
        await publisher.send({ type: "publish", channel: "c", data: n, id: `${n}` });
        await publisher.message("published");
        if (n % 100 === 0) await delay(20);
      }
    };
    const live = async (client: ReturningClient) => {
      while (client.offsets.length < total) {
        await client.visit(1 + Math.floor(Math.random() * 200), total);
        await delay(Math.random() * 100);
      }
    };
    await Promise.all([publish(), ...returning.map(live)]);
    const expected = Array.from({ length: total }, (_, i) => i + 1);
    for (const client of returning) {
      assertEquals(client.offsets, expected);
      assertEquals(client.losses, 0);
    }
    const metrics = await server.metrics();
    const resumes = returning.reduce((sum, client) => sum + client.resumes, 0);
    assertGreater(resumes, clients * 5);
    assertEquals(metrics.value("systole_resumes_total", { outcome: "recovered" }), resumes);
    assertEquals(metrics.value("systole_resumes_total", { outcome: "incomplete" }), 0);
    assertEquals(metrics.value("systole_history_channels"), 1);
    assertGreater(metrics.value("systole_messages_replayed_total"), 0);
    assertGreater(metrics.value("systole_history_bytes"), total);
  },
);

integrationTest(
  "A peer that does not read its replay harms nobody, and is complete once it reads",
  async () => {
    const filling = "x".repeat(32_768);
    const env = { HISTORY_MESSAGES: "2000", WRITE_WAIT_MS: "60000", SEND_QUEUE_MESSAGES: "32" };
    await using server = await ServerProcess.start({ env });
    using publisher = await RawPeer.connect(server.dial);
    const publish = async (from: number, count: number) => {
      for (let n = from; n < from + count; n++) {
        await publisher.send({ type: "publish", channel: "c", data: { n, filling }, id: `${n}` });
        await publisher.message("published");
      }
    };
    await publish(1, 1_500); // 48 MiB: more than the kernel takes for one peer
    using slow = await RawPeer.connect(server.dial);
    await slow.send({ type: "subscribe", channel: "c", last: 1_500 });
    await delay(500);
    await publish(1_501, 100); // while the replay is stuck
    const queued = (await server.metrics()).value("systole_send_queue_bytes");
    assert(queued < 2 << 20, `${queued} bytes wait`);
    for (let n = 1; n <= 1_600; n++) {
      const { offset, data } = await slow.message("message");
      assertEquals([offset, data.n], [n, n]);
    }
    await publish(1_601, 1);
    assertEquals((await slow.message("message")).offset, 1_601);
  },
);

integrationTest(
  "Another process has another epoch: what was before it is not recovered",
  async () => {
    const subscribe = async (server: ServerProcess, since?: Position) => {
      using peer = await RawPeer.connect(server.dial);
      await peer.send({ type: "subscribe", channel: "c", since });
      return await peer.message("subscribed");
    };
    await using first = await ServerProcess.start();
    const { epoch, offset } = await subscribe(first);
    assertEquals((await subscribe(first, { epoch, offset })).recovered, true);
    await using second = await ServerProcess.start();
    const answer = await subscribe(second, { epoch, offset });
    assertEquals([answer.recovered, answer.epoch !== epoch], [false, true]);
  },
);
