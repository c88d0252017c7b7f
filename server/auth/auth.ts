/**
 * Authentication and authorization, assembled: credentials, suspensions, tickets, client addresses.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { OptionValues } from "../base/option.ts";
import type { Logger } from "../logging/logging.ts";
import type { KvLocation } from "../stores/kv.ts";
import type { Store } from "../stores/store.ts";
import { TrustedProxies } from "./client_address.ts";
import { Authenticator } from "./authenticator.ts";
import { type Key, KeyRing } from "./keys.ts";
import type { AUTH_OPTIONS } from "./options.ts";
import { Suspensions } from "./suspensions.ts";
import { Tickets } from "./tickets.ts";
import { type PublicKey, Tokens, type VerifyToken } from "./tokens.ts";

/**
 * The keys of `API_KEYS`, and the options of authentication. Keys and public keys may come from the
 * files that it names: see `Credentials`. Holds secrets: never to be logged.
 */
export type AuthConfig = OptionValues<typeof AUTH_OPTIONS> & { readonly keys: readonly Key[] };

/** The part of the configuration that authentication needs. */
export interface AuthSettings {
  /** Keys, tokens, proxies and limits. */
  readonly auth: AuthConfig;
  /** The folder of the store; absent = memory only. */
  readonly dataDir?: string;
  /** Whether Deno Deploy runs this process: its managed store is used then. */
  readonly onDeploy: boolean;
}

/** The contents of the files that the configuration names. */
export interface Credentials {
  /** The keys of API_KEYS_FILE. */
  readonly keys?: readonly Key[];
  /** The public keys of JWKS_FILE. */
  readonly jwks?: readonly PublicKey[];
}

export interface AuthOptions {
  readonly config: AuthSettings;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** Returns a UUID that nobody can guess. */
  readonly newId: () => string;
  /** Opens what outlives the process. */
  readonly openStore: (location: KvLocation, clock: Clock) => Promise<Store>;
  /** Checks a token, asynchronously. */
  readonly verifyToken: VerifyToken;
  /** Failures of the store are logged here. */
  readonly log: Logger;
}

/** The modules of authentication that the server and its HTTP routes use; they share one store. */
export interface Auth {
  /** Checks the credential of a request. */
  readonly authenticator: Authenticator;
  /** Issues and redeems tickets. */
  readonly tickets: Tickets;
  /** Counts violations and suspends keys. */
  readonly suspensions: Suspensions;
  /** Finds the client's address behind proxies. */
  readonly proxies: TrustedProxies;
  /** Closes the store. */
  close(): Promise<void>;
}

/**
 * Opens the store and builds the modules that use it.
 *
 * @throws {StartError} when the store cannot be opened
 */
export async function openAuth(options: AuthOptions): Promise<Auth> {
  const { config, credentials, clock, newId, openStore, verifyToken, log } = options;
  const { auth } = config;
  const keys = new KeyRing(credentials.keys ?? auth.keys);
  const tokens = tokensOf(auth, credentials, verifyToken);
  const isOpen = keys.size === 0 && tokens === undefined;
  const store = await openStore(locationOf(config, isOpen), clock);
  const onError = (error: unknown) => log.error("the store did not answer", { error });
  const tickets = new Tickets({
    store,
    clock,
    newId,
    ttlMs: auth.ticketTtlMs,
    perMinute: auth.ticketsPerMinute,
  });
  const rules = {
    afterViolations: auth.suspendAfterViolations,
    windowMs: auth.suspendWindowMs,
    durationMs: auth.suspendMs,
  };
  const suspensions = new Suspensions({ store, clock, newId, rules, onError });
  await suspensions.load().catch(onError); // each is looked up when its key comes
  return {
    authenticator: new Authenticator({ keys, tokens, tickets, suspensions, clock, onError }),
    tickets,
    suspensions,
    proxies: new TrustedProxies(auth.trustedProxies),
    close: () => store.close(),
  };
}

function tokensOf(
  { jwtSecret: secret }: AuthConfig,
  { jwks }: Credentials,
  verifyToken: VerifyToken,
): Tokens | undefined {
  if (secret === undefined && jwks === undefined) return undefined;
  return new Tokens({ secret, jwks }, verifyToken);
}

/** An open hub has no keys, so it suspends none. */
function locationOf({ dataDir, onDeploy }: AuthSettings, isOpen: boolean): KvLocation {
  if (dataDir !== undefined) return { kind: "folder", path: dataDir };
  return onDeploy && !isOpen ? { kind: "managed" } : { kind: "memory" };
}
