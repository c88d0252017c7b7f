import { assertEquals, assertThrows } from "@std/assert";
import { Channel } from "../../server/base/channel.ts";

Deno.test("Channel delivers values in the order they were sent", async () => {
  const channel = new Channel<number>(10);
  for (let i = 0; i < 5; i++) channel.send(i);
  const received = [];
  for (let i = 0; i < 5; i++) received.push(await channel.receive());
  assertEquals(received, [0, 1, 2, 3, 4]);
});

Deno.test("send() accepts a value beyond the capacity, too, and returns full", () => {
  const channel = new Channel<number>(2);
  assertEquals([1, 2, 3, 4].map((value) => channel.send(value)), ["sent", "sent", "full", "full"]);
  assertEquals(channel.takeAll(), [1, 2, 3, 4]);
});

Deno.test("receive() waits for a value and takes it before any other", async () => {
  const channel = new Channel<string>(1);
  const first = channel.receive();
  assertEquals(channel.send("a"), "sent");
  assertEquals(channel.send("b"), "sent");
  assertEquals(await first, "a");
  assertEquals(await channel.receive(), "b");
});

Deno.test("receive() resolves to undefined once the channel is closed and empty", async () => {
  const channel = new Channel<number>(2);
  channel.send(1);
  channel.close();
  channel.close();
  assertEquals(channel.send(2), "closed");
  assertEquals([await channel.receive(), await channel.receive()], [1, undefined]);
});

Deno.test("close() ends a receive that waits", async () => {
  const channel = new Channel<number>(1);
  const received = channel.receive();
  channel.close();
  assertEquals(await received, undefined);
});

Deno.test("receive() throws when another receive waits: no value is lost", async () => {
  const channel = new Channel<number>(1);
  const first = channel.receive();
  assertThrows(() => channel.receive(), TypeError, "another receive");
  channel.send(7);
  assertEquals(await first, 7);
});

Deno.test("take() stops at the weight, takes at least one, and keeps the rest in order", () => {
  const channel = new Channel<number>(10);
  for (const weight of [50, 3, 4, 5]) channel.send(weight);
  const weigh = (weight: number) => weight;
  assertEquals(channel.take(10, weigh), [50]);
  assertEquals(channel.take(7, weigh), [3, 4]);
  assertEquals(channel.length, 1);
  assertEquals(channel.take(7, weigh), [5]);
  assertEquals(channel.take(7, weigh), []);
});

Deno.test("room() waits until half of the capacity is free, or the channel closes", async () => {
  const channel = new Channel<number>(4);
  for (let i = 0; i < 5; i++) channel.send(i);
  const order: string[] = [];
  const room = channel.room().then(() => order.push("room"));
  for (let i = 0; i < 3; i++) {
    channel.tryReceive();
    order.push(`${channel.length} left`);
    await Promise.resolve();
  }
  await room;
  assertEquals(order, ["4 left", "3 left", "2 left", "room"]);
  for (let i = 0; i < 3; i++) channel.send(i);
  const closed = channel.room();
  channel.close();
  await closed;
});

Deno.test("tryReceive() releases the memory of a long queue while it is emptied", () => {
  const channel = new Channel<number>(10_000);
  for (let i = 0; i < 10_000; i++) channel.send(i);
  for (let i = 0; i < 10_000; i++) assertEquals(channel.tryReceive(), i);
  assertEquals(channel.tryReceive(), undefined);
});

Deno.test("Channel refuses a capacity below one", () => {
  assertThrows(() => new Channel(0), RangeError, "capacity must be >= 1, got 0");
});
