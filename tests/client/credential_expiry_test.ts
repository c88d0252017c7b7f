import { assertEquals } from "@std/assert";
import { CredentialExpiry } from "../../server/client/credential_expiry.ts";

const NOW_MS = 1_700_000_000_000;
const token = (lifeMs: number) => ({ keyId: "jwt:alice", expiresAtMs: NOW_MS + lifeMs });

Deno.test("CredentialExpiry announces the end of a token once, when a third of its life is left", () => {
  const expiry = new CredentialExpiry(token(9_000), NOW_MS);
  assertEquals(expiry.dueMs, NOW_MS + 6_000);
  assertEquals(expiry.announce(NOW_MS + 5_999), undefined);
  assertEquals([expiry.announce(NOW_MS + 6_010), expiry.isAnnounced], [2_990, true]);
  assertEquals(expiry.announce(NOW_MS + 6_020), undefined);
  assertEquals([expiry.dueMs, expiry.isOver(NOW_MS + 8_999)], [NOW_MS + 9_000, false]);
  assertEquals(expiry.isOver(NOW_MS + 9_000), true);
});

Deno.test("CredentialExpiry announces the end of a token at most 30 s before", () => {
  assertEquals(new CredentialExpiry(token(3_600_000), NOW_MS).dueMs, NOW_MS + 3_570_000);
  assertEquals(new CredentialExpiry(token(90_000), NOW_MS).dueMs, NOW_MS + 60_000);
});

Deno.test("CredentialExpiry announces nothing of a key, which cannot be refreshed", () => {
  const key = new CredentialExpiry({ keyId: "k1", expiresAtMs: NOW_MS + 9_000 }, NOW_MS);
  assertEquals(key.dueMs, NOW_MS + 9_000);
  assertEquals(key.announce(NOW_MS + 8_999), undefined);
  const open = new CredentialExpiry({ keyId: undefined }, NOW_MS);
  assertEquals([open.dueMs, open.isOver(Number.MAX_VALUE)], [Infinity, false]);
});

Deno.test("CredentialExpiry begins anew with a new token", () => {
  const expiry = new CredentialExpiry(token(9_000), NOW_MS);
  expiry.announce(NOW_MS + 6_000);
  expiry.renew(token(12_000), NOW_MS + 6_000); // 6 s are left of it
  assertEquals([expiry.isAnnounced, expiry.dueMs], [false, NOW_MS + 10_000]);
  assertEquals(expiry.announce(NOW_MS + 10_000), 2_000);
});
