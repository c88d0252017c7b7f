import { assertEquals } from "@std/assert";
import type { Later } from "../server/brokers/broker.ts";
import { withWorld } from "./support/fakes/world.ts";

/** A quota that answers later, when the test decides. */
class LaterQuota {
  readonly #answers: ((isTaken: boolean) => void)[] = [];
  left = 0;

  take(): Later<boolean> {
    if (this.left > 0) return this.left-- > 0;
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  waitMs(): number {
    return 0;
  }

  answer(isTaken: boolean): void {
    this.#answers.shift()!(isTaken);
  }
}

const typesOf = (messages: readonly Record<string, unknown>[]) =>
  messages.map(({ type, channel }) => [type, channel].filter(Boolean).join(" "));

Deno.test("readPump reads no more until the quota has answered, and keeps the order", () =>
  withWorld({}, async (world) => {
    const quota = new LaterQuota();
    const { socket } = world.connect({ quota });
    for (const channel of ["a", "b", "c"]) socket.say({ type: "subscribe", channel });
    await world.clock.turnOver();
    assertEquals([socket.paused, typesOf(socket.messages).slice(1)], [true, []]);
    quota.left = 1;
    quota.answer(true);
    await world.clock.turnOver();
    assertEquals([socket.paused, typesOf(socket.messages).slice(1)], [true, [
      "subscribed a",
      "subscribed b",
    ]]);
    quota.answer(true);
    await world.clock.turnOver();
    assertEquals([socket.paused, typesOf(socket.messages).slice(3)], [false, ["subscribed c"]]);
    quota.left = 1;
    socket.say({ type: "subscribe", channel: "d" });
    await world.clock.turnOver();
    assertEquals([socket.paused, typesOf(socket.messages).slice(4)], [false, ["subscribed d"]]);
  }));

Deno.test("readPump closes for a message that the quota refuses later, and drops what follows", () =>
  withWorld({}, async (world) => {
    const quota = new LaterQuota();
    const { socket } = world.connect({ quota });
    for (const channel of ["a", "b"]) socket.say({ type: "subscribe", channel });
    quota.answer(false);
    await world.clock.turnOver();
    assertEquals([socket.closedWith?.code, world.closed("rate_limited")], [1008, 1]);
    assertEquals(typesOf(socket.messages).slice(1), []);
  }));

Deno.test("readPump does nothing for what it holds when the connection is closing", () =>
  withWorld({}, async (world) => {
    const quota = new LaterQuota();
    const { client, socket } = world.connect({ quota });
    socket.say({ type: "subscribe", channel: "a" });
    client.close("admin");
    quota.answer(true);
    await world.clock.turnOver();
    assertEquals(typesOf(socket.messages).includes("subscribed a"), false);
  }));
