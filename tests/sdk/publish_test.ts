/**
 * Publications of the SDK: their answers, and what becomes of those that have none when a connection
 * dies.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import type {
  HeartbeatSocket,
  HeartbeatSocketOptions,
  Published,
  RequestError,
} from "../../server/sdk/heartbeat_socket.ts";
import { seeded } from "../support/fakes/seeded.ts";
import type { FakeWebSocket } from "../support/fakes/fake_web_socket.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** How a promise was settled; empty while it is not. */
interface Outcome {
  position?: Published | "none";
  /** The error's code and text. */
  error?: string;
}

/** Publishes, and writes down the outcome. */
function publish(socket: HeartbeatSocket, data: unknown, channel = "a"): Outcome {
  const outcome: Outcome = {};
  socket.publish(channel, data).then(
    (position) => outcome.position = position ?? "none",
    ({ code, message }: RequestError) => outcome.error = `${code}: ${message}`,
  );
  return outcome;
}

/** The publications that a connection was sent. */
const publicationsOn = ({ messages }: FakeWebSocket) =>
  messages.filter(({ type }) => type === "publish");

/** Their data. */
const dataOn = (socket: FakeWebSocket) => publicationsOn(socket).map(({ data }) => data);

/** The hub answers a publication. */
const answer = (page: VirtualPage, id: string, more: object = {}) =>
  page.server.last.say({ type: "published", channel: "a", id, ...more });

/** The hub refuses a publication. */
const refuse = (page: VirtualPage, id: string, code: string, afterMs?: number) =>
  page.server.last.say({ type: "error", code, message: "not published", id, afterMs });

async function connected(
  page: VirtualPage,
  options?: HeartbeatSocketOptions,
): Promise<HeartbeatSocket> {
  const socket = page.connect(options);
  await page.pass(40);
  return socket;
}

Deno.test("publish() returns a promise of the position", () =>
  withPage(async (page) => {
    const socket = await connected(page);
    const [first, second] = [publish(socket, 1), publish(socket, 2)];
    const [{ id, session }, other] = publicationsOn(page.server.last);
    assertMatch(session, /^.{16,64}$/);
    assertEquals([other.session, id, other.id], [session, "hb-1", "hb-2"]);
    answer(page, other.id);
    const third = publish(socket, 3);
    answer(page, "hb-3", { degraded: true });
    answer(page, id, { epoch: "e", offset: 7, duplicate: true });
    await page.pass(0);
    assertEquals(first, { position: { epoch: "e", offset: 7 } });
    assertEquals(second, { position: "none" }, "a channel without history");
    assert(third.position !== "none" && third.position?.degraded);
    publish(page.connect(), 3);
    await page.pass(20);
    assertNotEquals(publicationsOn(page.server.last)[0].session, session);
  }));

Deno.test("HeartbeatSocket fires message for the answers to frames of the user, and for errors", () =>
  withPage(async (page) => {
    const socket = await connected(page);
    const first = publish(socket, 1);
    socket.send('{"type":"publish","channel":"a","data":2,"id":"1"}');
    answer(page, "1");
    assertEquals(page.of("message").length, 1);
    await page.pass(0);
    assertEquals(first, {});
    answer(page, "hb-1");
    assertEquals(page.of("message").length, 1);
    publish(socket, 3);
    refuse(page, "hb-2", "forbidden");
    assertEquals(page.of("message").length, 2);
  }));

Deno.test("publish() rejects with the hub's refusal", () =>
  withPage(async (page) => {
    const socket = await connected(page);
    const outcome = publish(socket, 1);
    refuse(page, "hb-1", "forbidden");
    await page.pass(0);
    assertEquals(outcome, { error: "forbidden: not published" });
    page.server.last.end(1006);
    await page.pass(6_000);
    assertEquals(dataOn(page.server.last), []);
  }));

Deno.test("A publication without an answer is sent again on the next connection, in order", () =>
  withPage(async (page) => {
    const socket = await connected(page);
    const outcomes = [1, 2, 3].map((data) => publish(socket, data));
    const before = publicationsOn(page.server.last);
    answer(page, "hb-2", { epoch: "e", offset: 1 });
    page.server.last.end(1006);
    outcomes.push(publish(socket, 4));
    socket.onopen = () => {
      outcomes.push(publish(socket, 5));
      socket.send('{"type":"login"}');
    };
    await page.pass(6_000);
    const { last } = page.server;
    const [login, ...publications] = last.messages;
    assertEquals(login, { type: "login" }, "of the listener, before the outbox");
    assertEquals(dataOn(last), [1, 3, 4, 5]);
    assertEquals(publications.slice(0, 2), [before[0], before[2]], "with their ids and session");
    for (const { id } of publications) answer(page, id);
    await page.pass(0);
    const none = { position: "none" as const };
    assertEquals(outcomes, [none, { position: { epoch: "e", offset: 1 } }, none, none, none]);
    assertEquals([socket.bufferedAmount, page.of("drop")], [0, []]);
  }));

for (const code of ["busy", "unavailable"]) {
  Deno.test(`A publication that is refused as ${code} is sent again after the wait, with its id`, () =>
    withPage(async (page) => {
      const socket = await connected(page);
      const outcomes = [1, 2].map((data) => publish(socket, data));
      const { last } = page.server;
      refuse(page, "hb-1", code, 1_000);
      answer(page, "hb-2");
      outcomes.push(publish(socket, 3));
      await page.pass(990);
      assertEquals(dataOn(last), [1, 2]);
      await page.pass(20);
      assertEquals(publicationsOn(last).map(({ id }) => id), ["hb-1", "hb-2", "hb-1", "hb-3"]);
      for (const id of ["hb-1", "hb-3"]) answer(page, id);
      await page.pass(0);
      assertEquals(outcomes.map(({ position }) => position), ["none", "none", "none"]);
    }));
}

Deno.test("A publication that is refused again and again is dropped when it is too old", () =>
  withPage(async (page) => {
    const socket = await connected(page, { outboxAgeMs: 2_500 });
    const outcome = publish(socket, 1);
    for (let second = 0; second < 3; second++) {
      refuse(page, "hb-1", "busy", 1_000);
      await page.pass(1_000);
    }
    assertEquals(outcome, { error: "expired: Not sent: expired" });
    assertEquals(dataOn(page.server.last), [1, 1, 1]);
    assertEquals(page.of("drop").length, 1);
  }));

Deno.test("A publication rejects when no connection takes it in time, or none will", () =>
  withPage(async (page) => {
    const socket = await connected(page, { maxReconnectAttempts: 2, outboxAgeMs: 10_000 });
    const sent = publish(socket, 1);
    page.fire("offline"); // no attempt is made
    page.server.die();
    const kept = publish(socket, 2);
    await page.pass(10_001);
    assertEquals([sent, kept], [{}, {}]);
    page.fire("online");
    await page.pass(100);
    assertEquals(sent, { error: "expired: No answer: expired" });
    assertEquals(kept, { error: "expired: Not sent: expired" });
    await page.pass(20_000); // it gives up
    assertEquals(page.of("giveup").length, 1);
    const asleep = publish(socket, 3);
    await page.pass(0);
    assertEquals(asleep, {}, "it can be woken");
    socket.close();
    await page.pass(0);
    assertEquals(asleep, { error: "closed: Not sent: closed" });
    const late = publish(socket, 4);
    await page.pass(0);
    assertEquals(late, { error: "closed: Not sent: closed" });
    assertEquals(page.of("drop").map(({ reason }) => reason), [
      ...["expired", "expired", "closed", "closed"],
    ]);
  }));

Deno.test("A publication rejects when the server forbids another connection", () =>
  withPage(async (page) => {
    const socket = await connected(page);
    const outcome = publish(socket, 1);
    page.server.last.end(1009);
    await page.pass(0);
    assertEquals(outcome, { error: "closed: No answer: closed" });
  }));

Deno.test("A publication on a living connection without an answer rejects when it is too old", () =>
  withPage(async (page) => {
    const socket = await connected(page);
    const outcome = publish(socket, 1);
    await page.pass(60_000);
    assertEquals(outcome, {});
    await page.pass(30_100); // the next heartbeat
    assertEquals(outcome, { error: "expired: No answer: expired" });
    assertEquals(page.of("drop"), [], "it was sent, and may have taken effect");
  }));

Deno.test("Publications without an answer stay within the outbox's bounds, and are all sent", () =>
  withPage(async (page) => {
    const socket = await connected(page, { outboxMessages: 2 });
    const outcomes = [1, 2, 3, 4].map((data) => publish(socket, data));
    await page.pass(0);
    const full = { error: "full: No answer: full" };
    assertEquals(outcomes, [full, full, {}, {}]);
    assertEquals(dataOn(page.server.last), [1, 2, 3, 4]);
    assertEquals(page.of("drop"), []);
    page.server.last.end(1006);
    await page.pass(6_000);
    assertEquals(dataOn(page.server.last), [3, 4]);
  }));

Deno.test("A rejection that nobody watches is no unhandled one", () =>
  withPage(async (page) => {
    const unhandled: unknown[] = [];
    const onRejection = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      unhandled.push(event.reason);
    };
    globalThis.addEventListener("unhandledrejection", onRejection);
    try {
      const socket = await connected(page);
      void socket.publish("a", 1);
      void socket.subscribe("a").history();
      for (const id of ["hb-1", "hb-2"]) refuse(page, id, "forbidden");
      void socket.publish("a", 2);
      socket.close();
      void Promise.reject("watched by the test");
      await page.pass(100);
    } finally {
      globalThis.removeEventListener("unhandledrejection", onRejection);
    }
    assertEquals(unhandled, ["watched by the test"]);
  }));

Deno.test("publish() throws for what is no publication, and keeps nothing of it", () =>
  withPage((page) => {
    const socket = page.connect();
    const circle: unknown[] = [];
    circle.push(circle);
    assertThrows(() => void socket.publish("a", circle), TypeError);
    assertThrows(
      () => void page.connect({ profile: "talo" }).publish("x", 1),
      TypeError,
      "talo has",
    );
    assertEquals(socket.bufferedAmount, 0);
  }));

Deno.test("In talo a publication is done when it is sent", () =>
  withPage(async (page) => {
    const socket = page.connect({ profile: "talo" });
    const outcome = publish(socket, "hi", "channels/7");
    await page.pass(0);
    assertEquals(outcome, {});
    await page.pass(20);
    assertEquals(outcome, { position: "none" });
    socket.close();
    const late = publish(socket, "hi", "channels/7");
    await page.pass(0);
    assertEquals(late, { error: "closed: Not sent: closed" });
  }));

/** A hub that takes each id of a session once, and answers after the latency. */
class OnceHub {
  readonly taken: number[] = [];
  repeats = 0;
  readonly #offsets = new Map<string, number>();
  /** Connections on which no frame arrives any more. */
  readonly #vanished = new Set<FakeWebSocket>();

  constructor(page: VirtualPage) {
    page.server.repliesTo = (data) => {
      const { last } = page.server;
      const { type, id, session, data: number } = JSON.parse(`${data}`);
      if (type !== "publish" || this.#vanished.has(last)) return [];
      const key = `${session} ${id}`;
      if (this.#offsets.has(key)) this.repeats++;
      else this.#offsets.set(key, this.taken.push(number));
      const answer = {
        type: "published",
        channel: "a",
        id,
        epoch: "e",
        offset: this.#offsets.get(key),
      };
      setTimeout(() => last.readyState === 1 && last.say(answer), page.server.latencyMs);
      return [];
    };
  }

  vanish(socket: FakeWebSocket): void {
    this.#vanished.add(socket);
  }
}

for (const seed of [1, 2, 3]) {
  Deno.test(`Publications take effect once and in order over connections that are cut at random (${seed})`, () =>
    withPage(async (page) => {
      const hub = new OnceHub(page);
      const random = seeded(seed);
      const socket = page.connect();
      socket.onreconnecting = ({ delayMs }) =>
        delayMs > 0 && setTimeout(() => socket.reconnect(), 50);
      const outcomes: Outcome[] = [];
      let cuts = 0;
      let cutMs = 0;
      for (let ms = 0; ms < 120_000; ms += 20) {
        outcomes.push(publish(socket, outcomes.length));
        const { last } = page.server;
        if (ms > cutMs && last.readyState === 1) {
          cutMs = ms + random() * 2_000;
          cuts++;
          if (random() < 0.5) hub.vanish(last); // what is sent until the close is lost
          setTimeout(() => last.end(1006), random() * 100);
        }
        await page.pass(20);
      }
      await page.pass(30_000);
      assertEquals(hub.taken, outcomes.map((_, index) => index));
      const positions = outcomes.map((_, index) => ({
        position: { epoch: "e", offset: index + 1 },
      }));
      assertEquals(outcomes, positions);
      console.log(`${outcomes.length} publications, ${cuts} cuts, ${hub.repeats} sent twice`);
      assert(cuts > 60 && hub.repeats > 50, `${cuts} cuts, ${hub.repeats} repeats`);
    }));
}
