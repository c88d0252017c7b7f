import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from "jose";
import { ConfigError } from "../../server/base/errors.ts";
import type { AuthResult } from "../../server/auth/grant.ts";
import { parseJwks, Tokens } from "../../server/auth/tokens.ts";

const NOW_MS = 1_700_000_000_123;
const EXP = Math.floor(NOW_MS / 1_000) + 60;
const SECRET = "0123456789abcdef0123456789abcdef";
const SYSTOLE = { publish: ["out/*"], subscribe: ["*"], admin: true };

interface Signing {
  readonly alg?: string;
  readonly kid?: string;
  readonly key?: CryptoKey | string;
}

function sign(claims: object, { alg = "HS256", kid, key = SECRET }: Signing = {}) {
  const bytes = typeof key === "string" ? new TextEncoder().encode(key) : key;
  return new SignJWT({ sub: "alice", exp: EXP, systole: SYSTOLE, ...claims })
    .setProtectedHeader({ alg, ...(kid !== undefined && { kid }) })
    .sign(bytes);
}

async function pair(alg: string): Promise<{ privateKey: CryptoKey; jwk: JWK }> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: await exportJWK(publicKey) };
}

const jwksOf = (...keys: unknown[]) => parseJwks(JSON.stringify({ keys }));

async function refusal(tokens: Tokens, token: string, nowMs = NOW_MS): Promise<string> {
  const result: AuthResult = await tokens.check(token, nowMs);
  if (result.kind === "granted") throw new Error("the token was accepted");
  assert(!result.detail.includes(token), "a detail repeats the token");
  return result.detail;
}

const bySecret = new Tokens({ secret: SECRET });

Deno.test("check() gives what the systole claim says, until the token expires", async () => {
  const limits = { maxConnections: 2, maxMessagesPerMinute: 30 };
  const result = await bySecret.check(
    await sign({ systole: { ...SYSTOLE, ...limits }, aud: "ignored" }),
    NOW_MS,
  );
  assert(result.kind === "granted");
  const { rights, ...granted } = result.grant;
  assertEquals(granted, {
    keyId: "jwt:alice",
    ...SYSTOLE,
    ...limits,
    expiresAtMs: EXP * 1_000,
  });
  assert(rights.mayPublish("out/1") && !rights.mayPublish("in") && rights.maySubscribe("in"));
});

Deno.test("check() gives no right that the claim does not name", async () => {
  const result = await bySecret.check(await sign({ systole: {} }), NOW_MS);
  assert(result.kind === "granted");
  const { publish, subscribe, admin } = result.grant;
  assertEquals({ publish, subscribe, admin }, { publish: [], subscribe: [], admin: false });
});

Deno.test("check() refuses expired, early and endless tokens", async () => {
  assertEquals(await refusal(bySecret, await sign({ exp: EXP - 61 })), "the token has expired");
  // To the second, as exp is given.
  const token = await sign({});
  assertEquals((await bySecret.check(token, EXP * 1_000 - 1)).kind, "granted");
  assertEquals(await refusal(bySecret, token, EXP * 1_000), "the token has expired");
  assertEquals(await refusal(bySecret, await sign({ nbf: EXP })), "the token is not valid");
  assertEquals(await refusal(bySecret, await sign({ exp: undefined })), "the token is not valid");
  assertEquals(await refusal(bySecret, await sign({ exp: "never" })), "the token is not valid");
  assertStringIncludes(await refusal(bySecret, await sign({ exp: 1e300 })), "sub and exp");
});

Deno.test("check() refuses a foreign signature, and one taken from another token", async () => {
  const foreign = await sign({}, { key: SECRET.replace("0", "1") });
  const detail = "the token is not signed by a key that is trusted here";
  assertEquals(await refusal(bySecret, foreign), detail);
  const [head, , mark] = (await sign({})).split(".");
  const [, body] = (await sign({ sub: "bob" })).split(".");
  assertEquals(await refusal(bySecret, `${head}.${body}.${mark}`), detail);
});

Deno.test("check() refuses alg none, in every spelling, whatever is configured", async () => {
  const { jwk } = await pair("ES256");
  const all = [
    bySecret,
    new Tokens({ jwks: await jwksOf(jwk) }),
    new Tokens({ secret: SECRET, jwks: await jwksOf(jwk) }),
  ];
  const unsecured = new UnsecuredJWT({ sub: "alice", exp: EXP, systole: SYSTOLE }).encode();
  const [, body] = unsecured.split(".");
  for (const tokens of all) {
    for (const alg of ["none", "None", "NONE", "", null]) {
      const head = btoa(JSON.stringify({ alg })).replace(/=+$/, "");
      await refusal(tokens, `${head}.${body}.`);
    }
    await refusal(tokens, unsecured);
  }
});

Deno.test("check() never takes a public key for a secret, nor another HMAC", async () => {
  const { jwk } = await pair("RS256");
  const tokens = new Tokens({ jwks: await jwksOf(jwk) });
  const accepted = "the token is not signed in a way that is accepted here";
  assertEquals(await refusal(tokens, await sign({}, { key: JSON.stringify(jwk) })), accepted);
  assertEquals(await refusal(tokens, await sign({})), accepted);
  const long = SECRET + SECRET;
  const hs512 = await sign({}, { alg: "HS512", key: long });
  assertEquals(await refusal(new Tokens({ secret: long }), hs512), accepted);
});

Deno.test("check() takes RS256, ES256 and EdDSA by the set, and HS256 beside it", async () => {
  const algorithms = ["RS256", "ES256", "EdDSA", "Ed25519"];
  for (const alg of algorithms) {
    const { jwk, privateKey } = await pair(alg);
    const tokens = new Tokens({ secret: SECRET, jwks: await jwksOf(jwk) });
    assertEquals(
      (await tokens.check(await sign({}, { alg, key: privateKey }), NOW_MS)).kind,
      "granted",
    );
    assertEquals((await tokens.check(await sign({}), NOW_MS)).kind, "granted");
    const { privateKey: foreign } = await pair(alg);
    assertEquals(
      await refusal(tokens, await sign({}, { alg, key: foreign })),
      "the token is not signed by a key that is trusted here",
    );
  }
});

Deno.test("check() refuses other algorithms of the same keys", async () => {
  const { jwk } = await pair("RS256");
  const { privateKey } = await generateKeyPair("PS256");
  const tokens = new Tokens({ jwks: await jwksOf(jwk) });
  assertEquals(
    await refusal(tokens, await sign({}, { alg: "PS256", key: privateKey })),
    "the token is not signed in a way that is accepted here",
  );
});

Deno.test("check() chooses by kid among several keys of a kind, and asks for one without", async () => {
  const [one, two] = [await pair("ES256"), await pair("ES256")];
  const jwks = await jwksOf({ ...one.jwk, kid: "1" }, { ...two.jwk, kid: "2" });
  const tokens = new Tokens({ jwks });
  const by = (kid?: string) => sign({}, { alg: "ES256", key: two.privateKey, kid });
  assertEquals((await tokens.check(await by("2"), NOW_MS)).kind, "granted");
  const foreign = "the token is not signed by a key that is trusted here";
  assertEquals(await refusal(tokens, await by("1")), foreign);
  assertEquals(await refusal(tokens, await by("3")), foreign);
  assertEquals(
    await refusal(tokens, await by()),
    "the token must name the key that signed it (kid)",
  );
});

Deno.test("check() refuses claims of the wrong shape, and names the field", async () => {
  const rows: [object, string][] = [
    [{ sub: undefined }, "the token is not valid"],
    [{ sub: "" }, "the token needs the claims sub and exp"],
    [{ sub: "a\nb" }, "the token needs the claims sub and exp"],
    [{ sub: "a".repeat(257) }, "the token needs the claims sub and exp"],
    [{ systole: undefined }, "must be a JSON object"],
    [{ systole: "admin" }, "must be a JSON object"],
    [{ systole: { admin: 1 } }, "admin must be true or false"],
    [{ systole: { publish: "*" } }, "publish must be a list"],
    [{ systole: { maxConnections: 0 } }, "maxConnections must be a whole number from 1"],
    [{ systole: { maxConections: 5 } }, '"maxConections" is no field'],
  ];
  for (const [claims, detail] of rows) {
    assertStringIncludes(await refusal(bySecret, await sign(claims)), detail);
  }
});

Deno.test("check() refuses any garbage without throwing", async () => {
  const garbage = ["", "..", "a.b.c", "e30.e30.", `e30.e30.${"A".repeat(43)}`, "\0.\0.\0", "ü.ü.ü"];
  for (const token of garbage) {
    const result = await bySecret.check(token, NOW_MS);
    assertEquals(result, { kind: "rejected", detail: "the token is not valid" }, token);
  }
});

Deno.test("parseJwks() leaves keys for other uses aside, which providers put beside theirs", async () => {
  const { jwk, privateKey } = await pair("RS256");
  const set = await jwksOf(
    { ...jwk, use: "enc", alg: "RSA-OAEP", kid: "enc" },
    { ...jwk, alg: "RS512", kid: "512" },
    { kty: "EC", crv: "P-384", x: "a", y: "b" },
    { ...jwk, use: "sig", alg: "RS256", kid: "sig" },
  );
  assertEquals(set.map(({ kid }) => kid), ["sig"]);
  const token = await sign({}, { alg: "RS256", key: privateKey });
  assertEquals((await new Tokens({ jwks: set }).check(token, NOW_MS)).kind, "granted");
});

Deno.test("parseJwks() reports every bad key by position, without its numbers", async () => {
  const problemsOf = async (text: string) =>
    (await assertRejects(() => parseJwks(text), ConfigError) as ConfigError).problems;
  const { privateKey, jwk } = await pair("ES256");
  const whole = await exportJWK(privateKey);
  const problems = await problemsOf(JSON.stringify({
    keys: [jwk, whole, { kty: "oct", k: "c2VjcmV0" }, { kty: "EC", crv: "P-256", x: "AA" }, 5],
  }));
  assertEquals(problems, [
    "JWKS_FILE: key number 2 must be public: keep the half that signs out of the file",
    "JWKS_FILE: key number 3 must be public: keep the half that signs out of the file",
    "JWKS_FILE: key number 4 must be a key for ES256: its numbers are none",
    "JWKS_FILE: key number 5 must be a JSON object",
  ]);
  for (const text of ["", "[]", "{}", '{"keys":[]}', '{"keys":[{"kty":"OKP","crv":"X25519"}]}']) {
    assertStringIncludes((await problemsOf(text)).join(), "must be a JSON Web Key Set");
  }
});
