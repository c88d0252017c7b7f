import { assertEquals } from "@std/assert";
import { serversOf } from "../../server/redis/connection.ts";

/** Some members of what a URL names. */
function members(url: string, ...names: string[]): unknown[] {
  const options: Record<string, unknown> = { ...serversOf(url).servers[0] };
  return names.map((name) => options[name]);
}

Deno.test("A URL names a server, its user, and a database", () => {
  assertEquals(members("redis://h", "host", "port", "db", "tls"), ["h", 6_379, 0, undefined]);
  assertEquals(members("rediss://h:1/2", "host", "port", "db", "tls"), ["h", 1, 2, {}]);
  assertEquals(members("redis://[::1]:1", "host", "port"), ["::1", 1]);
  assertEquals(members("redis://u%40:p%3A:x@h", "username", "password"), ["u@", "p::x"]);
  assertEquals(members("redis://:a%zz@h/", "username", "password", "db"), [undefined, "a%zz", 0]);
});

Deno.test("A URL names sentinels, and the primary that they know", () => {
  const url = "rediss-sentinel://u:p@a,b:1,[::1]:2/my%20name/3";
  assertEquals(members(url, "name", "db", "username", "password", "tls", "host"), [
    ...["my name", 3, "u", "p", {}, undefined],
  ]);
  assertEquals(members(url, "sentinels", "enableTLSForSentinelMode"), [
    [{ host: "a", port: 26_379 }, { host: "b", port: 1 }, { host: "::1", port: 2 }],
    true,
  ]);
});

Deno.test("A URL may name another user for the sentinels than for the primary", () => {
  const sentinel = (url: string) =>
    members(url, "username", "password", "db", "sentinelUsername", "sentinelPassword");
  const url = "redis-sentinel://u:p@a/main";
  assertEquals(sentinel(url), ["u", "p", 0, undefined, undefined]);
  assertEquals(sentinel(`${url}?sentinel=s:q%40:x`), ["u", "p", 0, "s", "q@:x"]);
  assertEquals(sentinel(`${url}/3?sentinel=:q`), ["u", "p", 3, undefined, "q"]);
});

Deno.test("A URL names some nodes of a cluster", () => {
  const { isCluster, servers } = serversOf("redis-cluster://:p@a,b:1");
  assertEquals(isCluster, true);
  assertEquals(servers.map(({ host, port, password }) => [host, port, password]), [
    ["a", 6_379, "p"],
    ["b", 1, "p"],
  ]);
  assertEquals(serversOf("redis://a").isCluster, false);
});
