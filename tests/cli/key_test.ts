import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { createKey, describeKey, run } from "../../server/cli/key.ts";
import { KeyRing, parseKeys, splitCredential } from "../../server/auth/keys.ts";

Deno.test("createKey() creates a key that the server accepts with its credential", () => {
  const { credential, base64, json } = createKey({ id: "backend", publish: "*" });
  const ring = new KeyRing(parseKeys(`[${json}]`));
  const parts = splitCredential(credential);
  assert(parts !== undefined);
  assertEquals(ring.verify(parts)?.keyId, "backend");
  assertEquals(atob(base64), credential.replace(".", ":"));
  assert(!json.includes(parts.secret), "the server's entry must not contain the secret");
  assert(parts.secret.length >= 43, "256 bits");
});

Deno.test("createKey() never creates the same key twice", () => {
  const [one, two] = [createKey({}), createKey({})].map(({ credential }) => credential.split("."));
  assertNotEquals(one[0], two[0]);
  assertNotEquals(one[1], two[1]);
});

Deno.test("run() says so when the key has no right to any channel", () => {
  const note = "The key may not publish or subscribe";
  assertEquals(run(["--admin"]).text.includes(note), true);
  assertEquals(run(["--admin", "--publish", "a"]).text.includes(note), false);
  assertEquals(run([]).text.includes(note), false);
});

Deno.test("createKey() gives the named rights, or all except admin", () => {
  const rightsOf = (request: Parameters<typeof createKey>[0]) => {
    const { publish, subscribe, admin } = JSON.parse(createKey(request).json);
    return [publish, subscribe, admin];
  };
  assertEquals(rightsOf({}), [["*"], ["*"], false]);
  assertEquals(rightsOf({ admin: true }), [[], [], true]);
  assertEquals(rightsOf({ subscribe: "news/*, updates," }), [[], ["news/*", "updates"], false]);
  assertEquals(rightsOf({ publish: "", subscribe: "" }), [[], [], false]);
});

Deno.test("run() prints the credential, its base64 form and the configuration", () => {
  const { text, code } = run(["--id", "k1", "--publish", "a,b", "--subscribe", "*", "--admin"]);
  assertEquals(code, 0);
  const credential = /^ {2}(k1\.\S+)$/m.exec(text)?.[1];
  assert(credential !== undefined);
  assertStringIncludes(text, btoa(credential.replace(".", ":")));
  const list = /API_KEYS='(.*)' deno task start/.exec(text)?.[1];
  const [key] = parseKeys(list ?? "");
  assertEquals([key.grant.publish, key.grant.subscribe, key.grant.admin], [
    ["a", "b"],
    ["*"],
    true,
  ]);
  assertStringIncludes(text, "API_KEYS_FILE");
});

Deno.test("describeKey() escapes a pattern for a shell", () => {
  const text = describeKey(createKey({ id: "k1", publish: "it's" }));
  assertStringIncludes(text, `"publish":["it'\\''s"]`);
});

Deno.test("run() rejects what the server would reject, and prints the usage", () => {
  assertEquals(run(["--id", "a b"]), {
    code: 1,
    text: "Cannot create a key: The key: key number 1: id must be 1 to 64 letters, digits, _ or -",
  });
  for (const args of [["--foo"], ["k1"], ["--id"]]) {
    const { text, code } = run(args);
    assertEquals(code, 1);
    assertStringIncludes(text, "deno task key [--id NAME]");
  }
  assertEquals(run(["--help"]).code, 0);
});
