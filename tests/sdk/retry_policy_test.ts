import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CLOSE_REASONS, closeText, REASON_NAMES } from "../../server/close_codes.ts";
import { retryPolicy, waitOf } from "../../server/sdk/retry_policy.ts";

for (const reason of REASON_NAMES) {
  Deno.test(`retryPolicy() reads the hub's close text of ${reason}`, () => {
    const { code, mayRetry, afterMs } = CLOSE_REASONS[reason];
    assertEquals(retryPolicy(code, closeText(reason)), { mayRetry, afterMs });
  });
}

Deno.test("retryPolicy() reads the wait that a drain assigns to one client", () => {
  const text = "drain: server restarting; afterMs=1234";
  assertEquals(retryPolicy(1012, text), { mayRetry: true, afterMs: 1_234 });
});

Deno.test("retryPolicy() without a hint allows no retry after a code that the same bytes would cause again", () => {
  for (const code of [1002, 1003, 1007, 1009, 1010, 3000, 3003]) {
    assertEquals(retryPolicy(code, "").mayRetry, false, `${code}`);
  }
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4000, 4999]) {
    assertEquals(retryPolicy(code, ""), { mayRetry: true, afterMs: 0 }, `${code}`);
  }
});

Deno.test("retryPolicy() waits a minute after a rate limit of talo and infoway", () => {
  const frequency = "Request frequency exceed the limit：60 times per minute";
  for (const text of ["RATE_LIMIT_EXCEEDED", frequency, "The apikey is in the blacklist"]) {
    assertEquals(retryPolicy(1008, text), { mayRetry: true, afterMs: 60_000 }, text);
  }
});

Deno.test("retryPolicy() knows infoway's other close texts", () => {
  const late = retryPolicy(1008, "Websocket heartbeat timeout");
  assertEquals(late, { mayRetry: true, afterMs: 0 });
  assertEquals(retryPolicy(1008, "The apikey has expired").mayRetry, false);
});

Deno.test("waitOf() returns a delay that a timer can have, for any value", () => {
  assertEquals(waitOf(1_234.5), 1_234.5);
  fc.assert(fc.property(fc.anything(), (value) => {
    fc.pre(!["object", "bigint", "symbol"].includes(typeof value)); // Number() may throw for these
    const ms = waitOf(value);
    assert(ms >= 0 && ms <= 86_400_000, `${ms}`);
  }));
  assertEquals(retryPolicy(1012, "drain: x; afterMs=99999999999999").afterMs, 86_400_000);
});
