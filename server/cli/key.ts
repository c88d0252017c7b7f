/**
 * `deno task key`: makes a key and prints what its owner and the server's operator need. The secret
 * is shown this once; the server is given its SHA-256 alone.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { parseKeys } from "../auth/keys.ts";
import { ConfigError } from "../base/errors.ts";

const USAGE = `deno task key [--id NAME] [--publish PATTERNS] [--subscribe PATTERNS] [--admin]

  --id         letters, digits, _ and -; chosen at random unless given
  --publish    channels that it may publish on, separated by commas; * is any run of characters
  --subscribe  channels that it may subscribe to, likewise
  --admin      it may look at and end what others do, and read the metrics

Without --publish, --subscribe and --admin it may publish and subscribe everywhere ("*").`;

/** Longer than any search: 256 bits. */
const SECRET_BYTES = 32;
const ID_BYTES = 4;

/** How a shell's quoted text holds a quote, as a pattern may. */
const QUOTE_IN_QUOTES = "'\\''";

/** What was asked for. */
export interface KeyRequest {
  /** The id; chosen at random when absent. */
  readonly id?: string;
  /** Patterns, separated by commas. */
  readonly publish?: string;
  /** Patterns, separated by commas. */
  readonly subscribe?: string;
  /** Whether it is an operator's. */
  readonly admin?: boolean;
}

/** A new key. */
export interface NewKey {
  /** What most clients present: `<id>.<secret>`. */
  readonly credential: string;
  /** What events-hub's clients present as `X-Api-Key`: base64 of `<id>:<secret>`. */
  readonly base64: string;
  /** The server's part: an item of `API_KEYS`, as JSON. */
  readonly json: string;
}

/**
 * Makes a key.
 *
 * @throws {ConfigError} when the server would not take it
 */
export function makeKey(request: KeyRequest): NewKey {
  const { admin = false } = request;
  // Who names no right means a key for everything that is not an operator's.
  const everywhere = request.publish === undefined && request.subscribe === undefined && !admin;
  const id = request.id ?? `k${randomBytes(ID_BYTES).toString("hex")}`;
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  const json = JSON.stringify({
    id,
    secretSha256: createHash("sha256").update(secret).digest("hex"),
    publish: everywhere ? ["*"] : splitPatterns(request.publish),
    subscribe: everywhere ? ["*"] : splitPatterns(request.subscribe),
    admin,
  });
  parseKeys(`[${json}]`, "The key");
  return {
    credential: `${id}.${secret}`,
    base64: Buffer.from(`${id}:${secret}`).toString("base64"),
    json,
  };
}

function splitPatterns(list = ""): string[] {
  return list.split(",").map((pattern) => pattern.trim()).filter((pattern) => pattern !== "");
}

/** What is printed: the credential in its forms, then what to configure. */
export function describeKey({ credential, base64, json }: NewKey): string {
  return `The credential, shown this once. Give it to the client:

  ${credential}

as Authorization: Bearer, X-Api-Key, ?apikey= (infoway), ?token= (tank), ?access_token=,
or, in browsers on /ws, as the subprotocol systole.bearer.<credential>.
As X-Api-Key of an events-hub client, which is base64(id:secret):

  ${base64}

Give the server the key, which does not hold the secret, as an item of the list in API_KEYS:

  API_KEYS='[${json.replaceAll("'", QUOTE_IN_QUOTES)}]' deno task start

or of the list in a file, and that file's path in API_KEYS_FILE.`;
}

/** The program: what to print, and the exit code. */
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
    return { text: help ? USAGE : describeKey(makeKey(request)), code: 0 };
  } catch (error) {
    if (error instanceof ConfigError) {
      return { text: `Cannot make a key: ${error.problems.join("\n  ")}`, code: 1 };
    }
    // parseArgs throws TypeErrors with a code for arguments that it does not know.
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
