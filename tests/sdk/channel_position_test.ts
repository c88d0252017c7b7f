import { assertEquals } from "@std/assert";
import { ChannelPosition } from "../../server/sdk/channel_position.ts";
import type { ChannelFrame } from "../../server/sdk/profile.ts";

const frame = (fields: Partial<ChannelFrame> = {}): ChannelFrame => ({
  kind: "channel",
  type: "subscribed",
  channel: "c",
  offset: undefined,
  ...fields,
});

/** A position that was answered `subscribed` at an offset of epoch a. */
function subscribedAt(offset: number, options = {}): ChannelPosition {
  const position = new ChannelPosition(options);
  position.request();
  assertEquals(position.subscribed(frame({ epoch: "a", offset })), false);
  return position;
}

Deno.test("ChannelPosition asks first for nothing, then for what follows the newest message", () => {
  const position = new ChannelPosition({});
  assertEquals(position.request(), { since: undefined, last: undefined });
  position.subscribed(frame({ epoch: "a", offset: 7 }));
  assertEquals(position.current, { epoch: "a", offset: 7 });
  assertEquals(position.receive(8), "next");
  assertEquals(position.request(), { since: { epoch: "a", offset: 8 }, last: undefined });
});

Deno.test("ChannelPosition reports a gap after a message that came before its subscription began", () => {
  const position = new ChannelPosition({});
  position.request();
  assertEquals(position.receive(7), "next"); // of an earlier subscription
  position.unsubscribed();
  assertEquals(position.subscribed(frame({ epoch: "a", offset: 9 })), true);
  assertEquals(position.receive(10), "next");
  position.request();
  assertEquals(position.subscribed(frame({ epoch: "a", offset: 10, recovered: true })), false);
});

Deno.test("ChannelPosition finds repeated messages and holes", () => {
  const position = subscribedAt(3);
  const orders = [4, 4, 3, 6, 5, 7].map((offset) => position.receive(offset));
  assertEquals(orders, ["next", "repeated", "repeated", "hole", "repeated", "next"]);
});

Deno.test("ChannelPosition without a history takes every message, and never asks for more", () => {
  const position = new ChannelPosition({});
  position.request();
  assertEquals(position.subscribed(frame()), false);
  assertEquals([undefined, undefined, 5].map((offset) => position.receive(offset)), [
    ...["next", "next", "next"] as const,
  ]);
  assertEquals(position.request().since, undefined);
});

Deno.test("ChannelPosition counts what is replayed until the offset of subscribed", () => {
  const position = subscribedAt(3);
  position.request();
  assertEquals(
    position.subscribed(frame({ epoch: "a", offset: 5, recovered: true })),
    false,
  );
  const counts = [4, 5, 6].map((offset) => (position.receive(offset), position.recovered()));
  assertEquals(counts, [undefined, 2, undefined]);
});

Deno.test("ChannelPosition counts no message after the end of a replay", () => {
  const position = subscribedAt(3);
  position.request();
  position.subscribed(frame({ epoch: "a", offset: 5, recovered: true }));
  assertEquals([position.receive(4), position.receive(7)], ["next", "hole"]);
  assertEquals(position.recovered(), 1);
});

Deno.test("ChannelPosition that missed nothing is recovered at once", () => {
  const position = subscribedAt(3);
  position.request();
  position.subscribed(frame({ epoch: "a", offset: 3, recovered: true }));
  assertEquals([position.recovered(), position.recovered()], [0, undefined]);
});

Deno.test("ChannelPosition counts over a replay that was interrupted", () => {
  const position = subscribedAt(0);
  position.request();
  position.subscribed(frame({ epoch: "a", offset: 4, recovered: true }));
  for (const offset of [1, 2]) position.receive(offset);
  assertEquals(position.request().since, { epoch: "a", offset: 2 });
  position.subscribed(frame({ epoch: "a", offset: 4, recovered: true }));
  for (const offset of [3, 4]) position.receive(offset);
  assertEquals(position.recovered(), 4);
});

const GAPS: Record<string, Partial<ChannelFrame>> = {
  "recovered is false": { epoch: "a", offset: 9, recovered: false },
  "recovered is missing": { epoch: "a", offset: 9 },
  "the epoch is another": { epoch: "b", offset: 9, recovered: true },
  "the offset is lower than the position": { epoch: "a", offset: 2, recovered: true },
  "the channel has no history": { recovered: false },
  "the hub does not know since": {},
};

for (const [why, fields] of Object.entries(GAPS)) {
  Deno.test(`ChannelPosition reports a gap if ${why}, and goes on from there`, () => {
    const position = subscribedAt(3);
    position.request();
    assertEquals(position.subscribed(frame(fields)), true);
    assertEquals(position.recovered(), undefined);
    const { epoch, offset } = fields;
    assertEquals(position.current, epoch === undefined ? undefined : { epoch, offset });
    assertEquals(position.receive(offset && offset + 1), "next");
  });
}

Deno.test("ChannelPosition takes the last messages, as many as there are", () => {
  for (const first of [91, 95, 100, 101]) {
    const position = subscribedAt(100, { last: 10 });
    assertEquals(position.receive(first), "next", `${first}`);
    assertEquals(position.receive(first + 2), "hole", `${first}`);
  }
  assertEquals(subscribedAt(100, { last: 10 }).receive(102), "hole");
  assertEquals(subscribedAt(3, { last: 10 }).receive(1), "next");
});

Deno.test("ChannelPosition that lost its connection before the last messages asks for them again", () => {
  const position = subscribedAt(100, { last: 10 });
  assertEquals(position.request(), { since: { epoch: "a", offset: 90 }, last: 10 });
});

Deno.test("ChannelPosition drops those of the last messages that came before a failed resume", () => {
  const position = subscribedAt(98, { last: 10 });
  position.receive(98);
  position.request();
  position.subscribed(frame({ epoch: "a", offset: 100, recovered: false }));
  assertEquals([97, 98, 99].map((offset) => position.receive(offset)), [
    ...["repeated", "repeated", "next"] as const,
  ]);
});

Deno.test("ChannelPosition after a gap frame without a position takes a message at any offset", () => {
  const position = subscribedAt(3);
  assertEquals(position.gap(frame({ type: "gap" })), true);
  assertEquals([position.receive(3), position.receive(70)], ["repeated", "next"]);
  assertEquals(position.receive(72), "hole", "once");
  position.gap(frame({ type: "gap", epoch: "b" }));
  assertEquals(position.receive(40), "next");
  assertEquals(position.current, { epoch: "b", offset: 40 });
});

Deno.test("ChannelPosition goes on after the position of a gap frame", () => {
  const position = subscribedAt(30);
  position.gap(frame({ type: "gap", epoch: "a", offset: 70 }));
  assertEquals(position.request().since, { epoch: "a", offset: 70 });
  assertEquals([71, 73].map((offset) => position.receive(offset)), ["next", "hole"]);
  position.gap(frame({ type: "gap", epoch: "a", offset: 60 }));
  assertEquals(position.receive(73), "repeated", "what came before is not taken again");
  position.gap(frame({ type: "gap", epoch: "b", offset: 4 }));
  assertEquals(position.receive(5), "next");
  assertEquals(position.current, { epoch: "b", offset: 5 });
});

Deno.test("ChannelPosition ends a replay with a gap frame that goes beyond it, or to another epoch", () => {
  const counts = [{ epoch: "a", offset: 9 }, { epoch: "b", offset: 9 }].map((fields) => {
    const position = subscribedAt(3);
    position.request();
    position.subscribed(frame({ epoch: "a", offset: 8, recovered: true }));
    position.receive(4);
    position.gap(frame({ type: "gap", ...fields }));
    return position.recovered();
  });
  assertEquals(counts, [1, undefined]);
});

Deno.test("ChannelPosition of a channel without history stays so after a gap frame", () => {
  const position = new ChannelPosition({});
  position.request();
  position.subscribed(frame());
  position.gap(frame({ type: "gap" }));
  assertEquals([position.current, position.receive(undefined)], [undefined, "next"]);
});

Deno.test("ChannelPosition ignores an answer to a frame that is not its own", () => {
  const position = subscribedAt(3);
  position.subscribed(frame({ epoch: "a", offset: 50 }));
  assertEquals(position.current, { epoch: "a", offset: 3 });
});

Deno.test("ChannelPosition takes the answer after that of an earlier unsubscribe", () => {
  const position = new ChannelPosition({});
  position.request();
  position.subscribed(frame({ epoch: "a", offset: 3 })); // of an earlier subscription
  position.receive(4);
  position.unsubscribed();
  assertEquals(position.subscribed(frame({ epoch: "a", offset: 9 })), false);
  assertEquals(position.receive(10), "next");
});

/** A position that asks on another connection, too. @param answer of that connection */
function beside(offset: number, answer?: Partial<ChannelFrame>): ChannelPosition {
  const position = subscribedAt(offset);
  position.request(true);
  if (answer !== undefined) assertEquals(position.isNext(frame(answer)), false);
  return position;
}

const CONTINUED = { epoch: "a", offset: 5, recovered: true };

const isNext = (position: ChannelPosition, offset: number | undefined) =>
  position.isNext(frame({ type: "message", offset }));

Deno.test("ChannelPosition takes of another connection the message that follows, in its epoch", () => {
  const position = beside(3, CONTINUED);
  assertEquals([3, 4, 5, undefined].map((offset) => isNext(position, offset)), [
    ...[false, true, false, false],
  ]);
  position.receive(4);
  assertEquals([4, 5].map((offset) => isNext(position, offset)), [false, true]);
  position.isNext(frame({ type: "gap", epoch: "b", offset: 0 }));
  assertEquals(isNext(position, 5), false);
  const without = new ChannelPosition({});
  without.request();
  without.subscribed(frame());
  without.isNext(frame());
  assertEquals([undefined, 0, 1].map((offset) => isNext(without, offset)), [false, false, false]);
});

Deno.test("ChannelPosition has caught up with another connection that has promised all, once all is here", () => {
  const position = beside(3, CONTINUED);
  const isCaughtUp = [4, 5].map((offset) => (position.receive(offset), position.isCaughtUp(false)));
  assertEquals(isCaughtUp, [false, true]);
  assertEquals(position.takeOver(), false);
  assertEquals(position.current, { epoch: "a", offset: 5 });
  assertEquals([5, 6].map((offset) => position.receive(offset)), ["repeated", "next"]);
});

for (const [why, fields] of Object.entries(GAPS).filter(([why]) => !why.includes("lower"))) {
  Deno.test(`ChannelPosition that another connection takes over has a gap if ${why}`, () => {
    const position = beside(3, fields);
    position.receive(4);
    assertEquals([position.isCaughtUp(false), position.takeOver()], [true, true]);
    const { epoch = "a", offset = 4 } = fields;
    assertEquals(position.current, { epoch, offset });
    assertEquals(position.receive(offset + 1), "next");
  });
}

Deno.test("ChannelPosition leaves it to an answer to come whether messages are missing", () => {
  for (const recovered of [true, false]) {
    const position = beside(3);
    for (const offset of [4, 5]) position.receive(offset);
    assertEquals([true, false].map((mayLack) => position.isCaughtUp(mayLack)), [true, false]);
    assertEquals(position.takeOver(), false);
    // The answer was given when message 4 was the newest.
    assertEquals(position.subscribed(frame({ epoch: "a", offset: 4, recovered })), !recovered);
    assertEquals([4, 5, 6].map((offset) => position.receive(offset)), [
      ...["repeated", "repeated", "next"] as const,
    ]);
  }
});

Deno.test("ChannelPosition that asked without a since has a gap if the answer comes after the takeover", () => {
  const position = new ChannelPosition({});
  position.request(); // on both connections
  position.subscribed(frame({ epoch: "a", offset: 3 }));
  assertEquals(position.takeOver(), false);
  assertEquals(position.subscribed(frame({ epoch: "a", offset: 5 })), true);
});

Deno.test("ChannelPosition forgets the answer of a connection that did not take over", () => {
  const position = beside(3, { ...CONTINUED, offset: 9 });
  assertEquals(position.isCaughtUp(false), false);
  position.request(true);
  assertEquals([position.isCaughtUp(true), position.takeOver()], [true, false]);
});

Deno.test("ChannelPosition takes each frame for an answer on its own connection only", () => {
  const position = beside(3, CONTINUED);
  assertEquals(position.subscribed(frame({ epoch: "a", offset: 9 })), false, "to the user's own");
  assertEquals(position.isNext(frame({ epoch: "a", offset: 9 })), false, "to the user's own");
  for (const offset of [4, 5]) assertEquals(position.receive(offset), "next");
  assertEquals([position.isCaughtUp(false), position.takeOver()], [true, false]);
  assertEquals(position.subscribed(frame({ epoch: "a", offset: 9 })), false, "to the user's own");
});

Deno.test("ChannelPosition does not wait for what another epoch promises, or a channel that has none", () => {
  assertEquals(beside(3, { ...CONTINUED, epoch: "b", offset: 9 }).isCaughtUp(false), true);
  const first = new ChannelPosition({});
  first.request();
  first.isNext(frame(CONTINUED));
  assertEquals([first.isCaughtUp(false), first.takeOver()], [true, true]);
});
