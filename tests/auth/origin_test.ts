import { assertEquals } from "@std/assert";
import { hostIsLoopback, originAllowed } from "../../server/auth/origin.ts";

Deno.test("originAllowed() without a list: the host itself, loopback, and no browser at all", () => {
  const cases: [string | undefined, string | undefined, boolean][] = [
    [undefined, "hub.example", true],
    ["https://hub.example", "hub.example", true],
    ["https://hub.example", "hub.example:443", true],
    ["https://hub.example:8443", "hub.example", false],
    ["https://evil.example", "hub.example", false],
    ["http://localhost:5173", "hub.example", true],
    ["http://127.0.0.1:8080", "127.0.0.1:8080", true],
    ["http://[::1]:8080", "hub.example", true],
    ["http://localhost.evil.example", "localhost", false],
    ["http://127.0.0.1.evil.example", "127.0.0.1", false],
    ["null", "hub.example", false],
    ["", "hub.example", false],
    ["file://", "hub.example", false],
    ["https://hub.example", undefined, false],
  ];
  for (const [origin, host, allowed] of cases) {
    assertEquals(originAllowed(origin, host, []), allowed, `${origin} at ${host}`);
  }
});

Deno.test("originAllowed() with a list: those on it and nobody else", () => {
  const list = ["https://app.example", "http://localhost:5173"];
  for (
    const [origin, allowed] of [
      ["https://app.example", true],
      ["https://app.example:443", true],
      ["http://app.example", false],
      ["https://hub.example", false],
      ["http://localhost:5174", false],
      ["null", false],
    ] as const
  ) assertEquals(originAllowed(origin, "hub.example", list), allowed, origin);
});

Deno.test("hostIsLoopback() knows names and addresses of this machine, and no look-alikes", () => {
  for (const host of ["localhost", "localhost:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080"]) {
    assertEquals(hostIsLoopback(host), true, host);
  }
  for (
    const host of [undefined, "", "evil.example", "127.0.0.1.evil.example:80", "0.0.0.0", "x y"]
  ) {
    assertEquals(hostIsLoopback(host), false, String(host));
  }
});
