import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  explainAnswer,
  explainError,
  explainTimeout,
  type RejectionResponse,
} from "../../../server/cli/probe/rejection.ts";

const TARGET = new URL("wss://user:hunter2@example.test/ws?token=hunter2");

const adviceOn = (answer: RejectionResponse) => explainAnswer(TARGET, answer).advice;

Deno.test("explainAnswer() has an advice for each kind of response", () => {
  assertStringIncludes(adviceOn({ status: 200 }), "no WebSocket at this path");
  assertStringIncludes(adviceOn({ status: 403 }), "Origin");
  assertStringIncludes(adviceOn({ status: 426 }), "Upgrade header");
  assertStringIncludes(adviceOn({ status: 502 }), "look at its log");
  assertStringIncludes(adviceOn({ status: 400 }), "--protocol");
  assertStringIncludes(adviceOn({ status: 503 }), "try again later");
  assertStringIncludes(adviceOn({ status: 503, retryAfter: "7" }), "after 7 s.");
  const date = "Sat, 21 Nov 2026 07:28:00 GMT";
  assertStringIncludes(adviceOn({ status: 429, retryAfter: date }), `after ${date}.`);
  assertEquals(
    explainAnswer(TARGET, { status: 404 }).message,
    "wss://example.test/ws?… answered 404 Not Found",
  );
});

Deno.test("explainAnswer() quotes no secret and no control character of a header", () => {
  const asked = adviceOn({ status: 401, challenge: 'Bearer realm="hunter2"' });
  assertStringIncludes(asked, "It asks for: Bearer.");
  assert(!asked.includes("hunter2"), asked);
  const moved = adviceOn({ status: 302, location: "/login?back=hunter2" });
  assertStringIncludes(moved, "wss://example.test/login?…");
  assert(!moved.includes("hunter2"), moved);
  const elsewhere = adviceOn({ status: 301, location: "http://a:hunter2@other.test/" });
  assertStringIncludes(elsewhere, "ws://other.test/");
  assert(!elsewhere.includes("hunter2"), elsewhere);
  assertStringIncludes(adviceOn({ status: 302, location: "http://" }), "not a URL");
  assertStringIncludes(adviceOn({ status: 302 }), "redirect without a target");
  assertStringIncludes(adviceOn({ status: 401, challenge: "\x9b2J" }), "\\u{9b}2J");
});

Deno.test("explainError() distinguishes the platform's errors, and quotes no credential", () => {
  for (
    const [code, error, words] of [
      ["ECONNREFUSED", "refused", "Start the server"],
      ["ENOTFOUND", "unknown_host", "spelling"],
      ["EAI_AGAIN", "unknown_host", "DNS"],
      ["EHOSTUNREACH", "unreachable", "firewalls"],
      ["ECONNRESET", "hung_up", "wss://"],
      ["HPE_INVALID_CONSTANT", "not_http", "wss://"],
      ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls", "DENO_CERT"],
      ["SELF_SIGNED_CERT_IN_CHAIN", "tls", "DENO_CERT"],
      ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls", "DENO_CERT"],
      ["CERT_HAS_EXPIRED", "tls", "Renew"],
      ["CERT_NOT_YET_VALID", "tls", "clocks"],
      ["ERR_TLS_CERT_ALTNAME_INVALID", "tls", "name"],
      ["ERR_SSL_WRONG_VERSION_NUMBER", "tls", "ws://"],
      ["ERR_SSL_NO_SHARED_CIPHER", "tls", "TLS settings"],
      ["", "handshake", "--protocol"],
      ["EMFILE", "network", "network"],
    ] as const
  ) {
    const rejection = explainError(TARGET, { code, message: "text of the platform" });
    assertEquals(rejection.error, error, code);
    assertStringIncludes(rejection.advice, words, code);
    assert(!JSON.stringify(rejection).includes("hunter2"), code);
  }
});

Deno.test("explainTimeout() distinguishes an unreachable host from one that hangs", () => {
  assertStringIncludes(explainTimeout(TARGET, 5_000, "connecting").advice, "firewall");
  const { message } = explainTimeout(TARGET, 300, "waiting");
  assertEquals(
    message,
    "example.test accepted the connection but did not finish the handshake in 0.3 s",
  );
});
