import { assertEquals } from "@std/assert";
import { clientOf, networkOf } from "../../server/base/subnet.ts";

Deno.test("networkOf() is the /24 of IPv4 and the /64 of IPv6", () => {
  const rows: [string, string | undefined][] = [
    ["203.0.113.77", "203.0.113.0/24"],
    ["::ffff:203.0.113.77", "203.0.113.0/24"],
    ["2001:db8:12:34::1", "2001:db8:12:34::/64"],
    ["2001:DB8:12:ffff:1:2:3:4", "2001:db8:12:ffff::/64"],
    ["2001:db8::1", "2001:db8::/64"],
    ["2001:db8:0:5:1:2:3:4", "2001:db8:0:5::/64"],
    ["2001::1:2:3:4:5", "2001:0:0:1::/64"],
    ["2001::1:2:3:4:5:6", "2001:0:1:2::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b::/64"],
    ["fe80::1%eth0", "fe80::/64"],
    ["::1", "::/64"],
    ["", undefined],
    ["localhost", undefined],
  ];
  for (const [address, network] of rows) assertEquals(networkOf(address), network, address);
});

Deno.test("clientOf() is an IPv4 address itself and the /64 of IPv6", () => {
  assertEquals(clientOf("203.0.113.77"), "203.0.113.77");
  assertEquals(clientOf("2001:db8:12:34::1"), "2001:db8:12:34::/64");
  assertEquals(clientOf("2001:db8:12:34:ffff::9"), "2001:db8:12:34::/64");
  assertEquals(clientOf(""), "");
});
