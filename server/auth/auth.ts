/**
 * The guard, assembled: who gets in, who is suspended, whose ticket it is, whose address.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Config, GuardConfig } from "../config/config.ts";
import type { Logger } from "../logging/logging.ts";
import { type KvPlace, KvStore } from "../stores/kv.ts";
import { TrustedProxies } from "./client_address.ts";
import { Gate } from "./authenticator.ts";
import { type Key, KeyRing } from "./keys.ts";
import { Suspensions } from "./suspensions.ts";
import { Tickets } from "./tickets.ts";
import { type PublicKey, Tokens } from "./tokens.ts";

/** What config's files hold. */
export interface Credentials {
  /** The keys of API_KEYS_FILE. */
  readonly keys?: readonly Key[];
  /** The public keys of JWKS_FILE. */
  readonly jwks?: readonly PublicKey[];
}

/** What the guard works with. */
export interface GuardOptions {
  /** How it is configured. */
  readonly config: Config;
  /** What the files hold. */
  readonly credentials: Credentials;
  /** Tells the time. */
  readonly clock: Clock;
  /** Where it is told what goes wrong. */
  readonly log: Logger;
}

/** See the module. */
export interface Guard {
  /** Checks credentials. */
  readonly gate: Gate;
  /** Issues tickets. */
  readonly tickets: Tickets;
  /** Counts violations. */
  readonly suspensions: Suspensions;
  /** Knows the client behind a proxy. */
  readonly proxies: TrustedProxies;
  /** Lets go of the store. */
  close(): Promise<void>;
}

/**
 * Opens the store and builds the guard upon it.
 *
 * @throws {StartError} when the store cannot be opened
 */
export async function openGuard(options: GuardOptions): Promise<Guard> {
  const { config, credentials, clock, log } = options;
  const { guard } = config;
  const keys = new KeyRing(credentials.keys ?? guard.keys);
  const tokens = tokensOf(guard, credentials);
  const isOpen = keys.size === 0 && tokens === undefined;
  const store = await KvStore.open(placeOf(config, isOpen), clock);
  const onError = (error: unknown) => log.error("the store did not answer", { error });
  const tickets = new Tickets({ store, clock, ...guard.tickets });
  const suspensions = new Suspensions({ store, clock, rules: guard.suspension, onError });
  await suspensions.load();
  return {
    gate: new Gate({ keys, tokens, tickets, suspensions, clock, onError }),
    tickets,
    suspensions,
    proxies: new TrustedProxies(guard.trustedProxies),
    close: () => store.close(),
  };
}

function tokensOf({ jwtSecret: secret }: GuardConfig, { jwks }: Credentials): Tokens | undefined {
  if (secret === undefined && jwks === undefined) return undefined;
  return new Tokens({ secret, jwks });
}

/** An open hub has nobody to suspend. */
function placeOf({ dataDir, onDeploy }: Config, isOpen: boolean): KvPlace {
  if (dataDir !== undefined) return { kind: "folder", path: dataDir };
  return onDeploy && !isOpen ? { kind: "managed" } : { kind: "memory" };
}
