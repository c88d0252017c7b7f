/**
 * Parses the probe's command line into a target and a plan. Pure. Its error texts repeat no value that
 * may contain a credential.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ConfigError } from "../../base/errors.ts";
import type { ProfileName } from "../../sdk/options.ts";
import { SDK_PROFILES } from "../../sdk/profiles.ts";
import type { ProbePlan } from "./session.ts";
import type { ProbeTarget } from "./socket.ts";

/** The profiles whose heartbeat the probe can send: those of the client library. */
const PROFILE_NAMES = Object.keys(SDK_PROFILES) as ProfileName[];

/** What `--help` prints. */
export const USAGE = `deno task probe [options] [ws[s]://]host[:port]/path

  --count N               rounds of pings; by default until Ctrl-C
  --interval SECONDS      from one round to the next (1)
  --timeout SECONDS       for the handshake, and for each answer (5)
  --profile NAME          also send this profile's heartbeat, and answer the server's:
                          ${PROFILE_NAMES.join(", ")}
  --idle [SECONDS]        send no ping and wait until the server or a proxy closes the
                          connection, at most this time (600)
  --interactive           send each line of the input as a message and print what comes; at the
                          end of the input wait --timeout for the last answers
  --mute                  leave the server's pings unanswered
  --key CREDENTIAL        sent as a bearer token, or where the profile's clients send it;
                          also PROBE_KEY in the environment, hidden from process lists
  --header "Name: value"  repeatable
  --protocol NAME         a subprotocol to offer, repeatable
  --insecure              accept any certificate
  --json                  one JSON object per line

Exit code: 0 answered (--idle, --interactive: the connection stayed open), 1 no answer, 2 invalid
command line, 3 no connection, 4 closed by the other side, 141 the output was closed (broken pipe).
With --version alone it prints its version.`;

/** A parsed command line. */
export interface ProbeRequest {
  /** What to connect to. */
  readonly target: ProbeTarget;
  /** What to do there. */
  readonly plan: ProbePlan;
  /** The profile in the arguments. */
  readonly profileName?: ProfileName;
  /** Whether to print JSON. */
  readonly json: boolean;
  /** How the probe has changed the address. */
  readonly notes: readonly string[];
}

const DEFAULT_IDLE_SECONDS = 600;
const MAX_SECONDS = 86_400;
const MIN_SECONDS = 0.01;

/** The query parameter of a profile's credential; other profiles use a bearer token. */
const CREDENTIAL_PARAMETERS: { readonly [name in ProfileName]?: string } = {
  infoway: "apikey",
  tank: "token",
  talo: "ticket",
};

/** The note for an address that the profile's heartbeat needs; only events-hub changes it. */
const PREPARED = "added health to event_types: the server answers only its subscribers";

/** RFC 9110 5.6.2: header field names, and subprotocols (RFC 6455 4.1). */
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const HANDSHAKE_FIELDS = /^(connection|upgrade|sec-websocket-.*)$/i;

/**
 * Parses the command line.
 *
 * @param key the credential of the environment
 * @returns undefined for `--help`
 * @throws {ConfigError} with all problems
 * @throws {TypeError} with a `code`, from parseArgs, for an unknown option
 */
export function parseProbeArgs(args: readonly string[], key?: string): ProbeRequest | undefined {
  const { values, positionals } = parseArgs({
    args: withIdleSeconds(args),
    allowPositionals: true,
    options: {
      count: { type: "string", short: "c" },
      interval: { type: "string", short: "i" },
      timeout: { type: "string" },
      profile: { type: "string" },
      idle: { type: "string" },
      interactive: { type: "boolean" },
      mute: { type: "boolean" },
      key: { type: "string" },
      header: { type: "string", multiple: true },
      protocol: { type: "string", multiple: true },
      insecure: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  const reader = new ArgumentReader();
  const profileName = reader.profileName(values.profile);
  const url = reader.url(positionals);
  const headers = reader.headers(values.header);
  const subprotocols = reader.subprotocols(values.protocol);
  const timeoutMs = reader.milliseconds("timeout", values.timeout ?? "5");
  const intervalMs = reader.milliseconds("interval", values.interval ?? "1");
  const count = values.count === undefined ? undefined : reader.count(values.count);
  const idleMs = values.idle === undefined ? undefined : reader.milliseconds("idle", values.idle);
  if (idleMs !== undefined && (values.count ?? values.interval) !== undefined) {
    reader.problems.push("--count and --interval are for pings, and --idle sends none");
  }
  if (values.interactive && (values.count ?? values.interval ?? values.idle) !== undefined) {
    reader.problems.push("--interactive sends what is typed: no --count, --interval or --idle");
  }
  const credential = values.key ?? key;
  if (credential !== undefined) reader.credential(credential, { url, headers, profileName });
  const profile = profileName && SDK_PROFILES[profileName];
  const { search } = url;
  profile?.prepare?.(url);
  if (url.search !== search) reader.notes.push(PREPARED);
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  const { insecure = false, interactive = false, mute = false, json = false } = values;
  return {
    target: { url, headers, subprotocols, insecure, timeoutMs },
    plan: { count, intervalMs, timeoutMs, idleMs, interactive, mute, profile },
    profileName,
    json,
    notes: reader.notes,
  };
}

/** Adds the default to an `--idle` without a value, which parseArgs does not support. */
function withIdleSeconds(args: readonly string[]): string[] {
  const at = args.indexOf("--idle");
  if (at < 0) return [...args];
  const given = /^[\d.]+[a-z]*$/i.test(args[at + 1] ?? "");
  const idle = `--idle=${given ? args[at + 1] : DEFAULT_IDLE_SECONDS}`;
  return args.toSpliced(at, given ? 2 : 1, idle);
}

/** Validates arguments and collects all problems. */
class ArgumentReader {
  readonly problems: string[] = [];
  readonly notes: string[] = [];

  url([given, ...more]: readonly string[]): URL {
    if (given === undefined || more.length > 0) {
      this.problems.push(`one address is needed, got ${given === undefined ? 0 : more.length + 1}`);
    }
    if (given === undefined) return new URL("ws://localhost");
    const text = this.#withScheme(given);
    const begins = /^(ws|http)s?:\/\//i.test(text);
    if (!begins || !URL.canParse(text)) {
      this.problems.push(
        begins
          ? "the address must have a valid host, and a port, if any, of at most 65535"
          : "the address must be a URL that begins with ws:// or wss://",
      );
      return new URL("ws://localhost");
    }
    const url = new URL(text);
    if (url.protocol.startsWith("http")) {
      const from = url.protocol;
      url.protocol = from.replace("http", "ws");
      this.notes.push(`using ${url.protocol}// instead of ${from}//`);
    }
    url.hash = "";
    return url;
  }

  /** An address without a scheme, like `localhost:8080/ws`, is one of ws. */
  #withScheme(text: string): string {
    const isBare = /^(localhost|[\w-]+(\.[\w-]+)+|\[[\da-f:]+\])(:\d+)?\//i.test(text);
    if (!isBare) return text;
    this.notes.push("using ws://, since the address has no scheme");
    return `ws://${text}`;
  }

  profileName(name: string | undefined): ProfileName | undefined {
    const profile = PROFILE_NAMES.find((it) => it === name);
    if (name !== undefined && profile === undefined) {
      this.problems.push(`--profile must be one of ${PROFILE_NAMES.join(", ")}, got "${name}"`);
    }
    return profile;
  }

  milliseconds(name: string, text: string): number {
    const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
    if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) {
      this.problems.push(
        `--${name} must be ${MIN_SECONDS} to ${MAX_SECONDS} seconds, got "${text}"`,
      );
    }
    return seconds * 1_000;
  }

  count(text: string): number {
    if (!/^[1-9]\d{0,8}$/.test(text)) {
      this.problems.push(`--count must be a whole number from 1, got "${text}"`);
    }
    return Number(text);
  }

  headers(lines: readonly string[] = []): Record<string, string> {
    const headers: Record<string, string> = {};
    lines.forEach((line, index) => {
      const [, name, value] = /^([^:]+):\s*(.*?)\s*$/s.exec(line) ?? [];
      const number = `--header number ${index + 1}`;
      if (name === undefined || !TOKEN.test(name) || !FIELD_VALUE.test(value)) {
        this.problems.push(`${number} must have the form "Name: value"`);
      } else if (HANDSHAKE_FIELDS.test(name)) {
        this.problems.push(`${number}, ${name}, is the handshake's own (see --protocol)`);
      } else if (name.toLowerCase() in headers) {
        this.problems.push(`${number} names ${name} a second time`);
      } else headers[name.toLowerCase()] = value;
    });
    return headers;
  }

  subprotocols(names: readonly string[] = []): readonly string[] {
    if (!names.every((name) => TOKEN.test(name)) || new Set(names).size < names.length) {
      this.problems.push("--protocol must be a name of letters, digits and signs, each once");
    }
    return names;
  }

  credential(
    key: string,
    { url, headers, profileName }: {
      readonly url: URL;
      readonly headers: Record<string, string>;
      readonly profileName?: ProfileName;
    },
  ): void {
    const parameter = profileName && CREDENTIAL_PARAMETERS[profileName];
    if (parameter !== undefined) return url.searchParams.set(parameter, key);
    if (!/^[\x21-\x7e]+$/.test(key)) this.problems.push("--key must be printable ASCII");
    else if ("authorization" in headers) {
      this.problems.push("--key and --header both give Authorization");
    } else headers.authorization = `Bearer ${key}`;
  }
}
