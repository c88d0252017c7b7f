import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { TrustedProxies } from "../../server/auth/client_address.ts";

Deno.test("clientAddress() takes the rightmost address that is no trusted proxy", () => {
  const proxies = new TrustedProxies(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
  // peer, X-Forwarded-For -> address
  const rows: [string, string | undefined, string][] = [
    ["198.51.100.1", undefined, "198.51.100.1"],
    ["198.51.100.1", "203.0.113.9", "198.51.100.1"], // a stranger's word
    ["10.1.2.3", undefined, "10.1.2.3"],
    ["10.1.2.3", "", "10.1.2.3"],
    ["10.1.2.3", "203.0.113.9", "203.0.113.9"],
    ["10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9"], // what the client itself wrote is left
    ["10.1.2.3", "203.0.113.9,10.9.9.9 , 192.0.2.7", "203.0.113.9"],
    ["10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1"], // within the trusted network
    ["192.0.2.8", "203.0.113.9", "192.0.2.8"],
    ["::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"], // IPv4 on a dual-stack listener
    ["::ffff:198.51.100.1", undefined, "198.51.100.1"],
    ["::1", "2001:DB8:0::5, 2001:db8:1::", "2001:db8::5"],
    ["2001:db8::1", "[2a00::1]:4711", "2a00::1"],
    ["::1", "2A00:0:0::0001", "2a00::1"],
    ["::1", "fe80::1%eth0", "fe80::1"],
    ["10.1.2.3", '"[2a00::1]"', "2a00::1"],
    ["10.1.2.3", "203.0.113.9:4711", "203.0.113.9"],
    ["10.1.2.3", "::ffff:203.0.113.9", "203.0.113.9"],
    ["10.1.2.3", "203.0.113.9, unknown", "10.1.2.3"], // beyond garbage nothing is known
    ["10.1.2.3", "203.0.113.9, garbage, 10.0.0.1", "10.0.0.1"],
    ["10.1.2.3", "203.0.113.9,", "10.1.2.3"],
    ["10.1.2.3", "1.2.3.4.5", "10.1.2.3"],
    ["10.1.2.3", "010.1.1.1", "10.1.2.3"],
    ["", "203.0.113.9", ""], // a unix socket
  ];
  for (const [peer, forwarded, expected] of rows) {
    assertEquals(proxies.clientAddress(peer, forwarded), expected, `${peer} < ${forwarded}`);
  }
});

Deno.test("TrustedProxies takes blocks of every kind, and none at all", () => {
  const address = (list: string[], peer: string) =>
    new TrustedProxies(list).clientAddress(peer, "203.0.113.9");
  assertEquals(address([], "127.0.0.1"), "127.0.0.1");
  assertEquals(address(["0.0.0.0/0"], "127.0.0.1"), "203.0.113.9");
  assertEquals(address(["::ffff:10.0.0.0/104"], "10.1.2.3"), "203.0.113.9");
  assertEquals(address(["::ffff:10.1.2.3"], "10.1.2.3"), "203.0.113.9");
  assertEquals(address(["10.1.2.3"], "::ffff:10.1.2.3"), "203.0.113.9");
  assertEquals(address(["10.1.2.0/31"], "10.1.2.2"), "10.1.2.2");
});

Deno.test("clientAddress() tolerates any header, and believes none of a stranger", () => {
  const proxies = new TrustedProxies(["10.0.0.0/8"]);
  const part = fc.oneof(
    fc.string(),
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom(",", ":", "[", "%", '"'),
  );
  const headers = fc.array(part).map((parts) => parts.join(""));
  fc.assert(fc.property(headers, (header) => {
    assertEquals(proxies.clientAddress("192.0.2.1", header), "192.0.2.1");
    assert(/^[\da-f:.]+$/.test(proxies.clientAddress("10.0.0.1", header)), header);
  }));
});
