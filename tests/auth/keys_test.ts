import { assert, assertEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { ConfigError } from "../../server/base/errors.ts";
import { KeyRing, parseKeys, splitCredential } from "../../server/auth/keys.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const key = (id: string, more: object = {}) => (
  { id, secretSha256: sha256(`secret-of-${id}`), ...more }
);

function problemsOf(value: unknown): readonly string[] {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return (assertThrows(() => parseKeys(text), ConfigError) as ConfigError).problems;
}

Deno.test("parseKeys() reads every field of a key", () => {
  const [{ id, grant }] = parseKeys(JSON.stringify([
    key("k1", {
      publish: ["*"],
      subscribe: ["news/*", "updates"],
      admin: true,
      maxConnections: 10,
      maxMessagesPerMinute: 600,
      expiresAt: "2027-01-01T00:00:00Z",
    }),
  ]));
  const { rights, ...claims } = grant;
  assertEquals(id, "k1");
  assertEquals(claims, {
    keyId: "k1",
    publish: ["*"],
    subscribe: ["news/*", "updates"],
    admin: true,
    maxConnections: 10,
    maxMessagesPerMinute: 600,
    expiresAtMs: Date.UTC(2027, 0, 1),
  });
  assert(rights.mayPublish("anything") && rights.maySubscribe("news/eu"));
  assert(!rights.maySubscribe("olds"));
});

Deno.test("parseKeys() gives no right that is not named", () => {
  const [{ grant: { rights, ...claims } }] = parseKeys(JSON.stringify([key("k1")]));
  assertEquals(claims, { keyId: "k1", publish: [], subscribe: [], admin: false });
  assert(!rights.mayPublish("") && !rights.maySubscribe("updates"));
});

Deno.test("parseKeys() takes times with a zone only, on days that exist", () => {
  const read = (expiresAt: unknown) =>
    parseKeys(JSON.stringify([key("k1", { expiresAt })]))[0].grant.expiresAtMs;
  assertEquals(read("2027-01-01T02:00:00+02:00"), Date.UTC(2027, 0, 1));
  assertEquals(read("2027-01-01T00:00:00.5Z"), Date.UTC(2027, 0, 1) + 500);
  assertEquals(read("2028-02-29T00:00Z"), Date.UTC(2028, 1, 29));
  const bad = [
    "2027-01-01T00:00:00",
    "2027-01-01",
    "2027-02-30T00:00:00Z",
    "2027-02-29T00:00:00Z",
    "2027-13-01T00:00:00Z",
    "2027-01-01T25:00:00Z",
    "2027-01-01 00:00:00Z",
    "1 Jan 2027 00:00 UTC",
    "",
    1_798_761_600_000,
    null,
  ];
  for (const time of bad) assertThrows(() => read(time), ConfigError, "expiresAt");
});

Deno.test("parseKeys() reports every problem at once, by the key's id or position", () => {
  const problems = problemsOf([
    key("k1", { publish: "*", maxConnections: 0, colour: "red" }),
    { id: "k 2", secretSha256: "abc" },
    { secretSha256: sha256("x") },
    key("k1"),
    key("k1"),
    "k5",
    key("k6", { admin: "yes", subscribe: ["", 5], maxMessagesPerMinute: 1.5 }),
  ]);
  const patterns = "a list of channel patterns of 1 to 256 characters, like ";
  const fields = "id, secretSha256, publish, subscribe, admin, maxConnections, " +
    "maxMessagesPerMinute, expiresAt";
  assertEquals(problems, [
    `API_KEYS_FILE: key k1: publish must be ${patterns}["news/*"]`,
    "API_KEYS_FILE: key k1: maxConnections must be a whole number from 1",
    `API_KEYS_FILE: key k1: "colour" is no field; the fields are ${fields}`,
    "API_KEYS_FILE: key number 2: id must be 1 to 64 letters, digits, _ or -",
    "API_KEYS_FILE: key number 2: secretSha256 must be the 64 hex digits of the secret's SHA-256",
    "API_KEYS_FILE: key number 3: id must be 1 to 64 letters, digits, _ or -",
    "API_KEYS_FILE: key number 6: must be a JSON object",
    `API_KEYS_FILE: key k6: subscribe must be ${patterns}["*"]`,
    "API_KEYS_FILE: key k6: admin must be true or false",
    "API_KEYS_FILE: key k6: maxMessagesPerMinute must be a whole number from 1",
    "API_KEYS_FILE: the id k1 must belong to one key only",
  ]);
});

Deno.test("parseKeys() refuses what is no list of keys; no list and an empty one open no hub", () => {
  for (const text of ["", "[]", "{}", "null", '"k1"', "[{]", "k1.secret", '{"keys":[]}']) {
    assertEquals(problemsOf(text).length, 1, text);
  }
});

Deno.test("parseKeys() never repeats a value, wherever a secret was put by mistake", () => {
  const SECRET = "hunter2hunter2";
  const names = fc.constantFrom(
    "id",
    "secretSha256",
    "secret",
    "publish",
    "admin",
    "maxConnections",
    "expiresAt",
  );
  // With a character that no id has: an id that is good may be shown.
  const value = fc.constantFrom<unknown>(`k1.${SECRET}`, [`${SECRET}`, 1], { a: SECRET });
  const keys = fc.array(fc.dictionary(names, value, { minKeys: 1 }), { minLength: 1 });
  fc.assert(fc.property(keys, (keys) => {
    assert(!problemsOf(keys).join("\n").includes(SECRET));
  }));
  assert(!problemsOf(`k1.${SECRET}`).join().includes(SECRET));
  assert(!problemsOf(`[{"id":"k1" "${SECRET}"}]`).join().includes(SECRET));
});

Deno.test("splitCredential() takes <id>.<secret> and nothing else", () => {
  assertEquals(splitCredential("k-1_A.s-2_B"), { id: "k-1_A", secret: "s-2_B" });
  for (const text of ["", ".", "k1", "k1.", ".s", "k1.s.t", "k1:s", "k 1.s", "k1.s\n", "kü.s"]) {
    assertEquals(splitCredential(text), undefined, text);
  }
});

Deno.test("verify() knows each key by its own secret only", () => {
  const ring = new KeyRing(parseKeys(JSON.stringify([key("k1"), key("k2")])));
  assertEquals(ring.size, 2);
  assertEquals(ring.verify({ id: "k1", secret: "secret-of-k1" })?.keyId, "k1");
  assertEquals(ring.verify({ id: "k2", secret: "secret-of-k2" })?.keyId, "k2");
  const wrong = [
    { id: "k1", secret: "secret-of-k2" },
    { id: "k3", secret: "secret-of-k3" },
    { id: "k1", secret: "" },
    { id: "k1", secret: sha256("secret-of-k1") },
    { id: "", secret: "secret-of-k1" },
    { id: "constructor", secret: "x" },
    { id: "K1", secret: "secret-of-k1" },
    { id: "k1", secret: "x".repeat(100_000) },
  ];
  for (const parts of wrong) assertEquals(ring.verify(parts), undefined, JSON.stringify(parts));
});

Deno.test("verify() takes SHA-256 in either case, but not of an empty secret", () => {
  const of = (secretSha256: string) => parseKeys(JSON.stringify([{ id: "k1", secretSha256 }]));
  const upper = new KeyRing(of(sha256("s").toUpperCase()));
  assertEquals(upper.verify({ id: "k1", secret: "s" })?.keyId, "k1");
  const empty = new KeyRing(of(sha256("")));
  assertEquals(empty.verify({ id: "k1", secret: "" }), undefined);
});
