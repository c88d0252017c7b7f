/**
 * JSON Web Tokens of a simulation: made and checked without WebCrypto, whose answers come at no
 * reproducible moment.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { VerifyToken } from "../../../server/auth/tokens.ts";
import type { Clock } from "../../../server/base/clock.ts";
import type { SimRandom } from "./random.ts";

export const JWT_SECRET = "a secret of a simulation, which nobody keeps";

const HEADER = encode({ alg: "HS256", typ: "JWT" });

/** A token. @param expiresAtMs wall-clock */
export function signToken(sub: string, expiresAtMs: number, systole: unknown): string {
  const body = `${HEADER}.${encode({ sub, exp: expiresAtMs / 1_000, systole })}`;
  return `${body}.${signatureOf(body)}`;
}

/** Fulfils the port of jose's `jwtVerify()`: the answer takes some ms. */
export function tokenVerifier(clock: Clock, random: SimRandom): VerifyToken {
  return async (token, _key, { currentDate }) => {
    await new Promise<void>((resolve) => clock.after(random.spread(0, 15), resolve));
    const [header, payload, signature] = token.split(".");
    if (signatureOf(`${header}.${payload}`) !== signature) {
      throw Object.assign(new Error("signature"), {
        code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
      });
    }
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    if (claims.exp * 1_000 <= currentDate!.getTime()) {
      throw Object.assign(new Error("expired"), { code: "ERR_JWT_EXPIRED" });
    }
    return { payload: claims };
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function signatureOf(text: string): string {
  return createHmac("sha256", JWT_SECRET).update(text).digest("base64url");
}
