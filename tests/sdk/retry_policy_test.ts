import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CLOSE_REASONS, closeText, REASON_NAMES } from "../../server/close_codes.ts";
import { retryPolicy, waitOf } from "../../server/sdk/retry_policy.ts";

for (const reason of REASON_NAMES) {
  Deno.test(`verdictOn() reads the hub's text of ${reason}`, () => {
    const { code, mayRetry, afterMs } = CLOSE_REASONS[reason];
    assertEquals(retryPolicy(code, closeText(reason)), { mayRetry, afterMs });
  });
}

Deno.test("verdictOn() reads the wait of each client of a drain", () => {
  const text = "drain: server restarting; afterMs=1234";
  assertEquals(retryPolicy(1012, text), { mayRetry: true, afterMs: 1_234 });
});

Deno.test("verdictOn() without a hint: what the same bytes would meet again is final", () => {
  for (const code of [1002, 1003, 1007, 1009, 1010, 3000, 3003]) {
    assertEquals(retryPolicy(code, "").mayRetry, false, `${code}`);
  }
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4000, 4999]) {
    assertEquals(retryPolicy(code, ""), { mayRetry: true, afterMs: 0 }, `${code}`);
  }
});

Deno.test("verdictOn() keeps away for a minute from talo and infoway after a rate limit", () => {
  const frequency = "Request frequency exceed the limit：60 times per minute";
  for (const text of ["RATE_LIMIT_EXCEEDED", frequency, "The apikey is in the blacklist"]) {
    assertEquals(retryPolicy(1008, text), { mayRetry: true, afterMs: 60_000 }, text);
  }
});

Deno.test("verdictOn() knows infoway's other goodbyes", () => {
  const late = retryPolicy(1008, "Websocket heartbeat timeout");
  assertEquals(late, { mayRetry: true, afterMs: 0 });
  assertEquals(retryPolicy(1008, "The apikey has expired").mayRetry, false);
});

Deno.test("waitOf() makes a wait that a timer can keep of anything", () => {
  assertEquals(waitOf(1_234.5), 1_234.5);
  fc.assert(fc.property(fc.anything(), (value) => {
    if (typeof value === "object" || typeof value === "bigint") return; // not from JSON's numbers
    if (typeof value === "symbol") return;
    const ms = waitOf(value);
    assert(ms >= 0 && ms <= 86_400_000, `${ms}`);
  }));
  assertEquals(retryPolicy(1012, "drain: x; afterMs=99999999999999").afterMs, 86_400_000);
});
