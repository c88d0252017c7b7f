/**
 * The HTTP routes over a world, without a socket.
 *
 * @module
 */

import { Quotas } from "../../../server/auth/quotas.ts";
import { type Grant, grantOf, OPEN_GRANT, rejected } from "../../../server/auth/grant.ts";
import type { Suspension } from "../../../server/auth/suspensions.ts";
import type { TicketAnswer } from "../../../server/auth/tickets.ts";
import type { App } from "../../../server/http/caller.ts";
import { loadWebFiles } from "../../../server/http/web_files.ts";
import { httpRoutes } from "../../../server/http/routes.ts";
import { eventsHubProfile } from "../../../server/profiles/events_hub/events_hub.ts";
import type { Profile } from "../../../server/profiles/profile.ts";
import { ProfileRoutes } from "../../../server/transport/profile_routes.ts";
import { hubQuestion } from "../../../server/http/whole_hub.ts";
import { statsReader } from "../../../server/http/stats.ts";
import { RULES, type TestPeer, withWorld, type World, type WorldOptions } from "../fakes/world.ts";
import type { Credential } from "../../../server/auth/credential.ts";
import { RejectionHistory } from "../../../server/transport/rejection_history.ts";

/** Longest body. */
export const MAX_BYTES = 1_000;

const WEB_FILES = loadWebFiles();

const NOTHING = { publish: [], subscribe: [], admin: false };

/** Keys by their credential. */
const KEYS: Readonly<Record<string, Grant>> = {
  "root.s": grantOf({ ...NOTHING, keyId: "root", admin: true }),
  "news.s": grantOf({ ...NOTHING, keyId: "news", publish: ["news/*"] }),
  "slow.s": grantOf({ ...NOTHING, keyId: "slow", publish: ["*"], maxMessagesPerMinute: 2 }),
  "reader.s": grantOf({ ...NOTHING, keyId: "reader", subscribe: ["news/*"] }),
  "slowreader.s": grantOf({
    ...NOTHING,
    keyId: "slowreader",
    subscribe: ["*"],
    maxMessagesPerMinute: 2,
  }),
  "other.s": grantOf({ ...NOTHING, keyId: "other" }),
};

/** How the routes are built. */
export interface ApiOptions {
  /** Whether keys are configured. */
  readonly keys?: boolean;
  readonly loopbackHostOnly?: boolean;
  readonly allowedOrigins?: readonly string[];
  /** What channels keep: nothing by default. */
  readonly history?: WorldOptions["history"];
}

/** One call. */
export interface Call {
  readonly method?: string;
  /** A credential of KEYS, sent as bearer. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, a string as it stands. */
  readonly body?: unknown;
  /** The other end of the TCP connection. */
  readonly peer?: string;
}

export class Api {
  readonly rejections = new RejectionHistory();
  readonly world: World;
  readonly app: App;
  readonly eventsHub: Profile = eventsHubProfile({
    timing: RULES,
    newId: () => crypto.randomUUID(),
  });
  /** What the next ticket call is answered. */
  ticket: TicketAnswer | Error = { kind: "issued", ticket: "t-1" };
  /** Who asked for tickets. */
  readonly ticketCalls: (string | undefined)[][] = [];
  suspended: Suspension[] = [];
  ready = true;

  constructor(world: World, options: ApiOptions) {
    const { hub, clock, metrics, closeHistory, context: { log } } = this.world = world;
    const readStats = statsReader({
      hub,
      budget: world.budget,
      metrics,
      history: world.history ?? { bytes: 0, channels: 0, evicted: 0 },
      clock,
      idleTimeouts: world.idleTimeouts,
      profileNames: ["json", "events-hub"],
    });
    this.app = httpRoutes({
      askStats: hubQuestion(undefined, "stats", (_: null) => readStats()),
      authenticator: {
        open: !options.keys,
        check: (presented) => Promise.resolve(result(presented)),
      },
      hub,
      clock,
      metrics,
      exposition: () => metrics.text(),
      closeHistory,
      rejections: this.rejections,
      log,
      eventsHub: this.eventsHub,
      routes: new ProfileRoutes([world.profile, this.eventsHub], "json"),
      webFiles: WEB_FILES,
      readiness: () => this.ready ? "ready" : "draining",
      loopbackHostOnly: options.loopbackHostOnly ?? false,
      allowedOrigins: options.allowedOrigins ?? [],
      maxMessageBytes: MAX_BYTES,
      suspensions: {
        list: () => Promise.resolve(this.suspended),
        lift: (keyId) => {
          const before = this.suspended.length;
          this.suspended = this.suspended.filter((suspension) => suspension.keyId !== keyId);
          return Promise.resolve(this.suspended.length < before);
        },
      },
      tickets: {
        issue: ({ keyId }, address) => {
          this.ticketCalls.push([keyId, address]);
          return this.ticket instanceof Error
            ? Promise.reject(this.ticket)
            : Promise.resolve(this.ticket);
        },
      },
      quotas: new Quotas(),
      proxies: { clientAddress: (peer, forwarded) => forwarded ?? peer },
    });
    const result = (presented: Credential) => {
      if (!options.keys) return { kind: "granted", grant: OPEN_GRANT } as const;
      const grant = KEYS[credentialOf(presented)];
      return grant === undefined ? rejected("no such key") : { kind: "granted", grant } as const;
    };
  }

  /** Calls a route. */
  async call(path: string, { method, key, headers, body, peer }: Call = {}): Promise<Response> {
    const authorization: Record<string, string> = key ? { Authorization: `Bearer ${key}` } : {};
    return await this.app.request(`http://localhost${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { Host: "localhost", ...authorization, ...headers },
      body: typeof body === "string" || body === undefined ? body : JSON.stringify(body),
    }, { incoming: { socket: { remoteAddress: peer } } });
  }

  /** Calls a route. @returns the status and the body, parsed */
  // deno-lint-ignore no-explicit-any -- tests look into it freely
  async json(path: string, call?: Call): Promise<{ status: number; body: any }> {
    const response = await this.call(path, call);
    return { status: response.status, body: await response.json() };
  }

  /** A client of the events-hub system connects. */
  subscribe(types: string, keyId?: string): TestPeer {
    const url = `/api/v1/ws/subscribe?event_types=${types}`;
    return this.world.connect({ profile: this.eventsHub, url, grant: { keyId } });
  }
}

/** Runs a test with an API of its own. */
export async function withApi(
  options: ApiOptions,
  test: (api: Api) => Promise<void>,
): Promise<void> {
  const { history } = options;
  await withWorld({ history }, (world) => test(new Api(world, options)));
}

function credentialOf(presented: Credential): string {
  if (presented.kind === "pair") return `${presented.id}.${presented.secret}`;
  return presented.kind === "token" ? presented.token : "";
}
