import { assert, assertEquals } from "@std/assert";
import { CLOSE_REASONS, closeText, REASON_NAMES } from "../server/close_codes.ts";

Deno.test("closeText() fits into a close frame and tells a client whether to come back", () => {
  for (const reason of REASON_NAMES) {
    const text = closeText(reason, 999_999);
    const size = new TextEncoder().encode(text).length;
    assert(size <= 123, `${text} has ${size} bytes`);
    const end = CLOSE_REASONS[reason].mayRetry ? /; afterMs=999999$/ : /; no retry$/;
    assert(end.test(text), text);
  }
  assert(closeText("rate_limited").endsWith("; afterMs=60000"));
});

Deno.test("The table has the codes that the design fixes", () => {
  const codes = Object.fromEntries(REASON_NAMES.map((name) => [name, CLOSE_REASONS[name].code]));
  assertEquals(codes, {
    client_close: 1000,
    network_error: 1006,
    stale: 1006,
    missed_heartbeats: 1006,
    frozen: 4000,
    write_timeout: 1006,
    slow_consumer: 1013,
    message_too_big: 1009,
    bad_frame: 1002,
    rate_limited: 1008,
    key_suspended: 1008,
    unauthorized: 3000,
    token_expired: 1008,
    overload: 1013,
    drain: 1012,
    admin: 1000,
  });
});

Deno.test("A row without a close frame says 1006, a row with one does not", () => {
  for (const reason of REASON_NAMES) {
    const { code, ending } = CLOSE_REASONS[reason];
    const framed = ending === "graceful" || ending === "immediate";
    if (reason !== "client_close") assertEquals(code !== 1006, framed, reason);
  }
});
