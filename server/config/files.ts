/**
 * The files that the configuration names: certificates, keys, public keys. Read once, at the start.
 *
 * @module
 */

import type { Config } from "./config.ts";
import { StartError } from "../base/errors.ts";
import type { Credentials } from "../auth/auth.ts";
import { parseKeys } from "../auth/keys.ts";
import { parseJwks } from "../auth/tokens.ts";

/** A PEM certificate chain and its key. */
export interface TlsPair {
  /** The chain, PEM. */
  readonly cert: string;
  /** The private key, PEM. */
  readonly key: string;
}

/** The contents of these files. */
export interface Files {
  /** Of TLS_CERT_FILE and TLS_KEY_FILE. */
  readonly tls?: TlsPair;
  /** Of API_KEYS_FILE and JWKS_FILE. */
  readonly credentials: Credentials;
}

/**
 * Reads all of them.
 *
 * @throws {StartError} when one cannot be read, or its content is not valid
 */
export async function readFiles({ tls, auth }: Config): Promise<Files> {
  const { apiKeysFile: keys, jwksFile: jwks } = auth;
  return {
    tls: tls && {
      cert: await read("TLS_CERT_FILE", tls.certFile),
      key: await read("TLS_KEY_FILE", tls.keyFile),
    },
    credentials: {
      keys: keys === undefined ? undefined : parseKeys(await read("API_KEYS_FILE", keys)),
      jwks: jwks === undefined ? undefined : await parseJwks(await read("JWKS_FILE", jwks)),
    },
  };
}

async function read(option: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`Cannot start: cannot read ${option}: ${why}`, { cause });
  }
}
