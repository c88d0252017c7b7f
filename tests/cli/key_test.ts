import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { describeKey, makeKey, run } from "../../server/cli/key.ts";
import { KeyRing, parseKeys, splitCredential } from "../../server/auth/keys.ts";

Deno.test("makeKey() makes what the server takes: the credential opens the key", () => {
  const { credential, base64, json } = makeKey({ id: "backend", publish: "*" });
  const ring = new KeyRing(parseKeys(`[${json}]`));
  const parts = splitCredential(credential);
  assert(parts !== undefined);
  assertEquals(ring.verify(parts)?.keyId, "backend");
  assertEquals(atob(base64), credential.replace(".", ":"));
  assert(!json.includes(parts.secret), "the server must not be told the secret");
  assert(parts.secret.length >= 43, "256 bits");
});

Deno.test("makeKey() never makes the same key twice", () => {
  const [one, two] = [makeKey({}), makeKey({})].map(({ credential }) => credential.split("."));
  assertNotEquals(one[0], two[0]);
  assertNotEquals(one[1], two[1]);
});

Deno.test("makeKey() gives the rights that were named, everything but admin without any", () => {
  const rightsOf = (request: Parameters<typeof makeKey>[0]) => {
    const { publish, subscribe, admin } = JSON.parse(makeKey(request).json);
    return [publish, subscribe, admin];
  };
  assertEquals(rightsOf({}), [["*"], ["*"], false]);
  assertEquals(rightsOf({ admin: true }), [[], [], true]);
  assertEquals(rightsOf({ subscribe: "news/*, updates," }), [[], ["news/*", "updates"], false]);
  assertEquals(rightsOf({ publish: "", subscribe: "" }), [[], [], false]);
});

Deno.test("run() prints the credential, its base64 form and what to configure", () => {
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

Deno.test("describeKey() quotes for a shell what a pattern may hold", () => {
  const text = describeKey(makeKey({ id: "k1", publish: "it's" }));
  assertStringIncludes(text, `"publish":["it'\\''s"]`);
});

Deno.test("run() refuses what the server would not take, and explains itself", () => {
  assertEquals(run(["--id", "a b"]), {
    code: 1,
    text: "Cannot make a key: The key: key number 1: id must be 1 to 64 letters, digits, _ or -",
  });
  for (const args of [["--foo"], ["k1"], ["--id"]]) {
    const { text, code } = run(args);
    assertEquals(code, 1);
    assertStringIncludes(text, "deno task key [--id NAME]");
  }
  assertEquals(run(["--help"]).code, 0);
});
