/**
 * `deno task key`: creates a key and prints what the client and the server's operator need. The
 * secret is printed only once; the server stores its SHA-256.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { parseKeys } from "../auth/keys.ts";
import { ConfigError } from "../base/errors.ts";

const USAGE = `deno task key [--id NAME] [--publish PATTERNS] [--subscribe PATTERNS] [--admin]

  --id         letters, digits, _ and -; random by default
  --publish    channels that it may publish on, separated by commas; * matches any text
  --subscribe  channels that it may subscribe to, likewise
  --admin      it may inspect and close all connections, and read the metrics

Without --publish, --subscribe and --admin it may publish and subscribe everywhere ("*").`;

/** 256 bits: no search can find the secret. */
const SECRET_BYTES = 32;
const ID_BYTES = 4;

/** Escapes a single quote of a pattern in a single-quoted shell string. */
const QUOTE_IN_QUOTES = "'\\''";

/** The arguments of the command. */
export interface KeyRequest {
  /** The id; random if absent. */
  readonly id?: string;
  /** Patterns of channels, separated by commas. */
  readonly publish?: string;
  /** Patterns of channels, separated by commas. */
  readonly subscribe?: string;
  /** Whether it has the right admin. */
  readonly admin?: boolean;
}

/** A new key. */
export interface NewKey {
  /** The credential of most clients: `<id>.<secret>`. */
  readonly credential: string;
  /** The credential of events-hub's clients in `X-Api-Key`: base64 of `<id>:<secret>`. */
  readonly base64: string;
  /** The server's entry: an item of `API_KEYS`, as JSON. */
  readonly json: string;
  /** Whether it may publish or subscribe anywhere. */
  readonly hasChannels: boolean;
}

/**
 * Creates a key.
 *
 * @throws {ConfigError} if the server would reject it
 */
export function createKey(request: KeyRequest): NewKey {
  const { admin = false } = request;
  // Without any right in the arguments the key has all rights except admin.
  const everywhere = request.publish === undefined && request.subscribe === undefined && !admin;
  const id = request.id ?? `k${randomBytes(ID_BYTES).toString("hex")}`;
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  const publish = everywhere ? ["*"] : splitPatterns(request.publish);
  const subscribe = everywhere ? ["*"] : splitPatterns(request.subscribe);
  const secretSha256 = createHash("sha256").update(secret).digest("hex");
  const json = JSON.stringify({ id, secretSha256, publish, subscribe, admin });
  parseKeys(`[${json}]`, "The key"); // validates it as the server does
  return {
    credential: `${id}.${secret}`,
    base64: Buffer.from(`${id}:${secret}`).toString("base64"),
    json,
    hasChannels: publish.length + subscribe.length > 0,
  };
}

function splitPatterns(list = ""): string[] {
  return list.split(",").map((pattern) => pattern.trim()).filter((pattern) => pattern !== "");
}

/** The text to print: the credential in its two forms, then the configuration. */
export function describeKey({ credential, base64, json, hasChannels }: NewKey): string {
  return `The credential, printed only once. Give it to the client:

  ${credential}

as Authorization: Bearer, X-Api-Key, ?apikey= (infoway), ?token= (tank), ?access_token=,
or, in browsers on /ws, as the subprotocol systole.bearer.<credential>.
As X-Api-Key of an events-hub client, which is base64(id:secret):

  ${base64}

Give the server the key, which does not contain the secret, as an item of the list in API_KEYS:

  API_KEYS='[${json.replaceAll("'", QUOTE_IN_QUOTES)}]' deno task start

or of the list in a file whose path is in API_KEYS_FILE.${
    hasChannels ? "" : "\n\nThe key may not publish or subscribe: see --publish and --subscribe."
  }`;
}

/** Runs the command. @returns the text to print, and the exit code */
export function run(args: readonly string[]): { readonly text: string; readonly code: number } {
  try {
    const { values: { help, ...request } } = parseArgs({
      args: [...args],
      options: {
        id: { type: "string" },
        publish: { type: "string" },
        subscribe: { type: "string" },
        admin: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    return { text: help ? USAGE : describeKey(createKey(request)), code: 0 };
  } catch (error) {
    if (error instanceof ConfigError) {
      return { text: `Cannot create a key: ${error.problems.join("\n  ")}`, code: 1 };
    }
    // parseArgs throws a TypeError with a code for an unknown argument.
    if (!(error instanceof TypeError) || !("code" in error)) throw error;
    return { text: `${error.message}\n\n${USAGE}`, code: 1 };
  }
}

if (import.meta.main) {
  const { text, code } = run(Deno.args);
  if (code === 0) console.log(text);
  else console.error(text);
  Deno.exit(code);
}
