import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type AppPong,
  OutstandingPings,
  PING_CAPACITY,
} from "../../server/liveness/outstanding_pings.ts";

const CLIENT_ID = "0a1b2c3d-5e6f-4071-8293-a4b5c6d7e8f9";
const OTHER_ID = "ffffffff-5e6f-4071-8293-a4b5c6d7e8f9";

function newPings(): OutstandingPings {
  return new OutstandingPings(CLIENT_ID, 0.123456789);
}

/** Sends a control ping. @returns its payload */
function ping(pings: OutstandingPings, nowMs: number): Uint8Array {
  const payload = pings.payload().slice();
  pings.sent(nowMs);
  return payload;
}

/** Copies, each with one byte changed. */
function corrupted(payload: Uint8Array): Uint8Array[] {
  return [...payload.keys()].map((index) => {
    const copy = payload.slice();
    copy[index] ^= 0x40;
    return copy;
  });
}

Deno.test("pong() returns the time between a ping and the pong that carries its payload", () => {
  const pings = newPings();
  const payload = ping(pings, 1_000.25);
  assertEquals(pings.pong(payload, 1_080.75), 80.5);
});

Deno.test("pong() matches reordered pongs each with its own ping", () => {
  const pings = newPings();
  const payloads = [1_000, 2_000, 3_000].map((nowMs) => ping(pings, nowMs));
  assertEquals(pings.pong(payloads[2], 3_010), 10);
  assertEquals(pings.pong(payloads[0], 3_020), 2_020);
  assertEquals(pings.pong(payloads[1], 3_030), 1_030);
});

Deno.test("pong() of a payload that is not outstanding changes nothing", () => {
  const foreign = new OutstandingPings(CLIENT_ID, 0.123456780);
  const unsent = newPings();
  ping(unsent, 0);
  const rows: [string, (own: Uint8Array) => Uint8Array[]][] = [
    ["wrong in any byte", corrupted],
    ["empty", () => [new Uint8Array(0)]],
    ["cut", (own) => [own.slice(0, 7)]],
    ["longer", (own) => [new Uint8Array([...own, 0])]],
    ["another connection's", () => [ping(foreign, 0)]],
    ["of a ping still to come", () => [unsent.payload().slice()]],
  ];
  for (const [name, payloadsOf] of rows) {
    const pings = newPings();
    const own = ping(pings, 1_000);
    for (const payload of payloadsOf(own)) {
      assertEquals(pings.pong(payload, 1_001), "unknown", `${name}: ${payload}`);
    }
    assertEquals(pings.pong(own, 1_080), 80, name);
  }
});

Deno.test("pong() matches each payload once", () => {
  const pings = newPings();
  const payload = ping(pings, 0);
  assertEquals(pings.pong(payload, 80), 80);
  assertEquals(pings.pong(payload, 81), "late");
});

Deno.test("pong() before any ping is unknown, whatever it holds", () => {
  const pings = newPings();
  assertEquals(pings.pong(pings.payload(), 5), "unknown");
});

Deno.test("sent() replaces the oldest of eight unanswered pings, whose pong is late", () => {
  const pings = newPings();
  const first = ping(pings, 0);
  const second = ping(pings, 1);
  const answered = ping(pings, 2);
  assertEquals(pings.pong(answered, 3), 1);
  for (let i = 3; i < PING_CAPACITY; i++) assertEquals(pings.sent(i), 0);
  assertEquals(pings.sent(8), 1); // the first
  assertEquals(pings.pong(first, 9), "late");
  assertEquals(pings.pong(second, 9), 8);
  assertEquals(pings.sent(10), 0); // the second has been answered
  assertEquals(pings.sent(11), 0); // and the third
  assertEquals(pings.sent(12), 1); // the fourth has not
});

Deno.test("payload() never repeats one that is outstanding, beyond 65 536 pings", () => {
  const pings = newPings();
  const recent: string[] = [];
  for (let i = 0; i < 0x10000 + 50; i++) {
    const payload = ping(pings, i);
    assert(!recent.includes(String(payload)), `${payload} again`);
    recent.push(String(payload));
    if (recent.length > PING_CAPACITY) recent.shift();
    if (i % 3 > 0) assertEquals(pings.pong(payload, i + 0.5), 0.5);
  }
});

Deno.test("payload() stays the same until sent(), in one array for all", () => {
  const pings = newPings();
  const shared = pings.payload();
  const [one, other] = [shared.slice(), pings.payload().slice()];
  assertEquals(one, other);
  pings.sent(0);
  assertStrictEquals(pings.payload(), shared);
  assertNotEquals(shared, one);
});

Deno.test("payload() carries 48 random bits of its connection", () => {
  const marks = [0, 2 ** -48, 2 ** -32, 2 ** -17, 0.5, 1 - 2 ** -48].map((random) =>
    String(new OutstandingPings(CLIENT_ID, random).payload())
  );
  assertEquals(marks, [
    "0,0,0,0,0,0,0,0",
    "0,0,0,0,0,1,0,0",
    "0,0,0,1,0,0,0,0",
    "0,0,128,0,0,0,0,0",
    "128,0,0,0,0,0,0,0",
    "255,255,255,255,255,255,0,0",
  ]);
});

/** Three app pings: 1 at 1000 ms, 2 and 3 later, the last two with one timestamp. */
function withAppPings(): OutstandingPings {
  const pings = newPings();
  pings.appSent(1, 500_000, 1_000);
  pings.appSent(2, 600_000, 2_000);
  pings.appSent(3, 600_000, 3_000);
  return pings;
}

Deno.test("appPong() matches by id, without it by timestamp, without either the newest", () => {
  const rows: [string, AppPong, number | "unknown"][] = [
    ["by id", { id: "0a1b2c3d-1" }, 3_000],
    ["by id, whatever the timestamp", { id: "0a1b2c3d-1", timestamp: 600_000 }, 3_000],
    ["by timestamp", { timestamp: 500_000 }, 3_000],
    ["by a timestamp of two: the older", { timestamp: 600_000 }, 2_000],
    ["by nothing: the newest", {}, 1_000],
    ["undefined is nothing", { id: undefined, timestamp: undefined }, 1_000],
    ["a timestamp of none", { timestamp: 1 }, "unknown"],
    ["another connection's id", { id: `${OTHER_ID.slice(0, 8)}-1` }, "unknown"],
    ["and its timestamp does not help", { id: "ffffffff-1", timestamp: 500_000 }, "unknown"],
    ["an id of none sent yet", { id: "0a1b2c3d-4" }, "unknown"],
    ["number 0", { id: "0a1b2c3d-0" }, "unknown"],
    ["a number with a 0 before it", { id: "0a1b2c3d-01" }, "unknown"],
    ["no number", { id: "0a1b2c3d-" }, "unknown"],
    ["a sign", { id: "0a1b2c3d-+1" }, "unknown"],
    ["a space", { id: "0a1b2c3d-1 " }, "unknown"],
    ["other letters", { id: "0A1B2C3D-1" }, "unknown"],
    ["no dash", { id: "0a1b2c3d.1" }, "unknown"],
    ["2 to the 32nd more", { id: "0a1b2c3d-4294967297" }, "unknown"],
    ["a longer number", { id: "0a1b2c3d-100000000000000001" }, "unknown"],
    ["the whole client id", { id: CLIENT_ID }, "unknown"],
    ["an empty id", { id: "" }, "unknown"],
    ["a number alone", { id: "1" }, "unknown"],
  ];
  for (const [name, pong, time] of rows) {
    const pings = withAppPings();
    assertEquals(pings.appPong(pong, 4_000), time, name);
    if (time !== "unknown") continue;
    for (const n of [1, 2, 3]) { // nothing has changed
      assertEquals(pings.appPong({ id: `0a1b2c3d-${n}` }, 4_000), 4_000 - n * 1_000, name);
    }
  }
});

Deno.test("appPong() matches each ping once, in whichever way", () => {
  const pings = withAppPings();
  assertEquals(pings.appPong({ id: "0a1b2c3d-3" }, 4_000), 1_000);
  assertEquals(pings.appPong({ id: "0a1b2c3d-3" }, 4_000), "unknown");
  assertEquals(pings.appPong({ timestamp: 600_000 }, 4_000), 2_000);
  assertEquals(pings.appPong({ timestamp: 600_000 }, 4_000), "unknown");
  assertEquals(pings.appPong({}, 4_000), 3_000);
  assertEquals(pings.appPong({}, 4_000), "unknown");
});

Deno.test("appPong() before any ping is unknown", () => {
  for (const pong of [{}, { timestamp: NaN }, { timestamp: 0 }, { id: "0a1b2c3d-0" }]) {
    assertEquals(newPings().appPong(pong, 0), "unknown");
  }
});

Deno.test("appSent() replaces what is 8 numbers older, skipped numbers counted", () => {
  const pings = withAppPings();
  assertEquals(pings.appSent(9, 700_000, 9_000), 1); // 4 to 8 found the queue full; 1 is lost
  assertEquals(pings.appPong({ id: "0a1b2c3d-1" }, 9_500), "unknown");
  assertEquals(pings.appPong({ id: "0a1b2c3d-5" }, 9_500), "unknown");
  assertEquals(pings.appPong({ timestamp: 500_000 }, 9_500), "unknown");
  assertEquals(pings.appPong({ id: "0a1b2c3d-2" }, 9_500), 7_500);
  assertEquals(pings.appSent(1_000, 800_000, 10_000), 2); // 3 and 9
  assertEquals(pings.appPong({ id: "0a1b2c3d-9" }, 10_010), "unknown");
  assertEquals(pings.appPong({}, 10_010), 10);
  assertEquals(pings.appPong({}, 10_010), "unknown");
});

Deno.test("appSent() refuses a number that does not ascend", () => {
  for (const n of [3, 2, 0, -1, 3.5, NaN]) {
    assertThrows(() => withAppPings().appSent(n, 0, 4_000), RangeError, `got ${n}`);
  }
});

Deno.test("Control pongs and app pongs do not match pings of the other kind", () => {
  const pings = newPings();
  const payload = ping(pings, 1_000);
  assertEquals(pings.appPong({}, 1_010), "unknown");
  pings.appSent(1, 500_000, 1_020);
  assertEquals(pings.pong(payload, 1_030), 30);
  assertEquals(pings.appPong({}, 1_050), 30);
});

Deno.test("expire() gives up the control pings of that time and older, expireApp() the app pings", () => {
  const pings = withAppPings();
  const payloads = [1_000, 2_000, 3_000].map((nowMs) => ping(pings, nowMs));
  assertEquals(pings.expire(999), 0);
  assertEquals(pings.expire(2_000), 2);
  assertEquals(pings.expire(2_000), 0); // each is lost once
  assertEquals(pings.pong(payloads[1], 4_000), "late");
  assertEquals(pings.pong(payloads[2], 4_000), 1_000);
  assertEquals(pings.expire(9_000), 0); // answered
  assertEquals(pings.expireApp(1_000), 1);
  assertEquals(pings.appPong({ id: "0a1b2c3d-1" }, 4_000), "unknown");
  assertEquals(pings.appPong({ id: "0a1b2c3d-2" }, 4_000), 2_000);
  assertEquals(pings.expireApp(9_000), 1);
});

Deno.test("invalidateOutstanding(): outstanding pings are answered without a time, and are never lost", () => {
  const pings = newPings();
  const payload = ping(pings, 1_000);
  ping(pings, 2_000);
  pings.appSent(1, 500_000, 1_000);
  pings.appSent(2, 600_000, 2_000);
  pings.invalidateOutstanding();
  const fresh = ping(pings, 3_000);
  assertEquals(pings.expire(2_999), 0);
  assertEquals(pings.expireApp(2_999), 0);
  assertEquals(pings.pong(payload, 4_000), -Infinity);
  assertEquals(pings.pong(payload, 4_000), "late");
  assertEquals(pings.pong(fresh, 4_000), 1_000);
  assertEquals(pings.appPong({ id: "0a1b2c3d-1" }, 4_000), -Infinity);
  for (let i = 0; i < 7; i++) assertEquals(pings.sent(5_000 + i), 0);
  assertEquals(pings.appSent(10, 700_000, 5_000), 0);
});

Deno.test("invalidateOutstanding() makes no answered ping outstanding again", () => {
  const pings = newPings();
  const payload = ping(pings, 1_000);
  pings.pong(payload, 1_010);
  pings.invalidateOutstanding();
  assertEquals(pings.pong(payload, 1_020), "late");
  assertEquals(pings.appPong({}, 1_020), "unknown");
});
