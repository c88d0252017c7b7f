import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  addressBlocks,
  boolean,
  bytes,
  choice,
  count,
  host,
  line,
  milliseconds,
  origins,
  path,
  port,
  redisUrl,
  secret,
  serveAddress,
  type ValueKind,
} from "../../server/base/option_values.ts";

/** The value, or the problem's text. */
function read<T>(kind: ValueKind<T>, text: string): T | string {
  const reading = kind.read(text);
  return reading.kind === "value" ? reading.value : reading.problem;
}

function accepts<T>(kind: ValueKind<T>, rows: readonly (readonly [string, T])[]): void {
  for (const [text, value] of rows) {
    assertEquals(kind.read(text), { kind: "value", value }, `text ${text}`);
  }
}

function rejects<T>(kind: ValueKind<T>, texts: readonly string[]): void {
  for (const text of texts) {
    const reading = kind.read(text);
    assertEquals(reading.kind, "bad", `text ${text}`);
    if (reading.kind === "bad") assertStringIncludes(reading.problem, ", got ");
  }
}

Deno.test("milliseconds() accepts whole numbers within its range and nothing else", () => {
  accepts(milliseconds(), [["100", 100], ["60000", 60_000], ["0500", 500], [
    "2147483647",
    2 ** 31 - 1,
  ]]);
  rejects(milliseconds(), [
    "99",
    "2147483648",
    "99999999999999999999",
    "-100",
    "+100",
    "10s",
    "1e3",
    "0x10",
    "1_000",
    "1,000",
    "100.0",
    "1 000",
    "٣٠٠٠",
    "Infinity",
    "NaN",
  ]);
});

Deno.test("milliseconds() names unit, range and the text seen", () => {
  assertEquals(
    read(milliseconds({ min: 200 }), "10s"),
    'must be whole milliseconds (10 s is 10000), digits only, from 200 to 2147483647, got "10s"',
  );
});

Deno.test("bytes() reaches beyond 32 bits, count() does not", () => {
  accepts(bytes(), [["1", 1], ["68719476736", 2 ** 36], ["9007199254740991", 2 ** 53 - 1]]);
  rejects(bytes(), ["0", "64k", "9007199254740992"]);
  accepts(count(), [["0", 0], ["2147483647", 2 ** 31 - 1]]);
  rejects(count({ min: 1 }), ["0", "2147483648"]);
});

Deno.test("port accepts 0 to 65535", () => {
  accepts(port, [["0", 0], ["8080", 8080], ["65535", 65_535]]);
  rejects(port, ["65536", "http", "80a"]);
});

Deno.test("boolean accepts true, false, 1 and 0 in any case", () => {
  accepts(boolean, [["true", true], ["TRUE", true], ["1", true], ["False", false], ["0", false]]);
  assertEquals(read(boolean, "Yes"), 'must be true or false, got "Yes"');
});

Deno.test("choice() accepts its names in any case and lists them", () => {
  const kind = choice(["text", "json"]);
  accepts(kind, [["text", "text"], ["JSON", "json"]]);
  assertEquals(read(kind, "xml"), 'must be one of text, json, got "xml"');
});

Deno.test("line and path refuse line breaks", () => {
  accepts(line, [["8f3a", "8f3a"]]);
  accepts(path, [["/etc/tls/key.pem", "/etc/tls/key.pem"], ["C:\\k ey.pem", "C:\\k ey.pem"]]);
  rejects(line, ["a\nb"]);
  rejects(path, ["a\0b"]);
});

Deno.test("path shows no more of a private key than its header", () => {
  const key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQ".repeat(200);
  assertLess(read(path, key).length, 120);
});

Deno.test("host accepts names and addresses without a port", () => {
  accepts(host, [
    ["localhost", "localhost"],
    ["0.0.0.0", "0.0.0.0"],
    ["::", "::"],
    ["[::1]", "::1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["::ffff:127.0.0.1", "::ffff:127.0.0.1"],
    ["my-host.internal", "my-host.internal"],
  ]);
  rejects(host, [
    "localhost:8080",
    "http://localhost",
    "*",
    "256.0.0.1",
    "a b",
    "::1]/x[",
    "[localhost]:80",
    ":::",
    "-",
  ]);
});

Deno.test("origins accepts bare origins, spelt as browsers do, each once", () => {
  accepts(origins, [
    ["https://app.example", ["https://app.example"]],
    ["https://a.example, http://b.example:8080,", ["https://a.example", "http://b.example:8080"]],
    ["HTTPS://App.Example:443,https://app.example", ["https://app.example"]],
    ["http://[::1]:3000", ["http://[::1]:3000"]],
    ["https://bücher.example", ["https://xn--bcher-kva.example"]],
    [",", []],
  ]);
  rejects(origins, [
    "null",
    "*",
    "https://*.example",
    "https://app.example/",
    "https://app.example/path",
    "https://app.example?x",
    "https://user@app.example",
    "https://app.example:99999",
    "app.example",
    "wss://app.example",
    "https://",
    "file:///home",
  ]);
});

Deno.test("origins shows each bad one and no good one", () => {
  assertStringIncludes(
    String(read(origins, "null,https://good.example,*")),
    ', got "null", "*"',
  );
});

Deno.test("addressBlocks accepts IP addresses and CIDR blocks, and shows each bad one", () => {
  accepts(addressBlocks, [
    ["10.0.0.0/8, 192.0.2.7,::1,", ["10.0.0.0/8", "192.0.2.7", "::1"]],
    ["2001:DB8::/32", ["2001:DB8::/32"]],
    ["0.0.0.0/0", ["0.0.0.0/0"]],
    ["::ffff:10.0.0.0/104", ["::ffff:10.0.0.0/104"]],
    [",", []],
  ]);
  rejects(addressBlocks, [
    "localhost",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0/8",
    "10.0.0.1:80",
    "[::1]",
    "fe80::1%eth0",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "010.0.0.1",
    "*",
    "/8",
  ]);
  assertStringIncludes(String(read(addressBlocks, "a,::1,b")), ', got "a", "b"');
});

Deno.test("secret() counts bytes and never shows the text", () => {
  accepts(secret({ unit: "text", minBytes: 4 }), [["aßb", "aßb"], ["[{}]", "[{}]"]]);
  assertEquals(
    read(secret({ unit: "text", minBytes: 32 }), "hunter2"),
    "must be at least 32 bytes of text, got 7",
  );
});

Deno.test("redisUrl accepts a server or sentinels, and shows nothing of what is neither", () => {
  const urls = [
    ...["redis://h", "rediss://u:p@h:6380/3", "redis://:p@[::1]:1", "redis://10.0.0.1:1/"],
    ...["redis-sentinel://h/name", "rediss-sentinel://u:p@h:1,[::1]:2,c/my-name/4"],
    ...["redis-sentinel://h/name?sentinel=u:p", "redis-sentinel://h/name/1?sentinel=:p%40"],
    ...["redis-cluster://h", "rediss-cluster://u:p@h:1,[::1]:2,c/"],
  ];
  accepts(redisUrl, urls.map((url) => [url, url]));
  const others = [
    ...["h:6379", "http://h", "redis://", "redis://h/a", "redis://h:p", "redis://h?a=secret"],
    ...["redis-sentinel://h", "redis-sentinel://h/", "redis://a,b", "redis-sentinel://,h/name"],
    ...["redis-cluster://h/1", "redis-cluster://", "redis://h?sentinel=:p"],
    ...["redis-sentinel://h/name?sentinel=", "redis-sentinel://h/name?password=p"],
  ];
  for (const text of others) {
    assertStringIncludes(
      String(read(redisUrl, text)),
      "must be redis://[user:password@]host",
      text,
    );
  }
});

Deno.test("serveAddress accepts the tcp and unix forms of DENO_SERVE_ADDRESS", () => {
  accepts(serveAddress, [
    ["tcp:127.0.0.1:9000", { kind: "tcp", host: "127.0.0.1", port: 9000 }],
    ["tcp:[::1]:9000", { kind: "tcp", host: "::1", port: 9000 }],
    ["tcp:localhost:0", { kind: "tcp", host: "localhost", port: 0 }],
    ["unix:/run/x.sock", { kind: "unix", path: "/run/x.sock" }],
    ["unix:/run/a b:c.sock", { kind: "unix", path: "/run/a b:c.sock" }],
  ]);
});

Deno.test("serveAddress rejects what cannot be served, and says which forms can", () => {
  const texts = [
    "vsock:3:9000",
    "tunnel",
    "duplicate,tcp:127.0.0.1:9000",
    "127.0.0.1:9000",
    "tcp:9000",
    "tcp::9000",
    "tcp:::1:9000",
    "tcp:127.0.0.1:",
    "tcp:127.0.0.1:65536",
    "tcp:127.0.0.1:9000/x",
    "TCP:127.0.0.1:9000",
    "unix:",
    "unix:/",
    "unix:x.sock",
  ];
  rejects(serveAddress, texts);
  assertStringIncludes(
    String(read(serveAddress, "vsock:3:9000")),
    'must be tcp:host:port or unix:/path (vsock, tunnel and duplicate forms cannot be served), got "vsock',
  );
});

Deno.test("every kind of value reads any text without throwing, in one line", () => {
  const kinds: ValueKind<unknown>[] = [
    milliseconds(),
    bytes(),
    count(),
    port,
    boolean,
    choice(["a"]),
    line,
    path,
    host,
    origins,
    addressBlocks,
    secret({ unit: "text", minBytes: 32 }),
    serveAddress,
    redisUrl,
  ];
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.webUrl(),
    fc.webAuthority(),
    fc.ipV6().map((ip) => `tcp:[${ip}]:1`),
    fc.string().map((text) => `unix:/${text}`),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom(...kinds), (text, kind) => {
      const reading = kind.read(text);
      if (reading.kind === "bad") assertEquals(reading.problem.split("\n").length, 1);
    }),
    { numRuns: 3000 },
  );
});
