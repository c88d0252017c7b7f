/**
 * The credentials of the five profiles: every place where a client may put one, and the first frame of
 * an accepted client.
 *
 * @module
 */

import { bearer, type RoutedUpgrade } from "./guarded_server.ts";

/** Carries a credential. */
export type Way = (credential: string) => RoutedUpgrade;

/** How one profile's clients authenticate. */
export interface AuthScheme {
  readonly profile: string;
  /** Without any credential. */
  readonly bare: RoutedUpgrade;
  /** By what they are called. */
  readonly ways: Readonly<Record<string, Way>>;
  /** The first frame, with placeholders. */
  readonly welcome: string;
}

const EVENTS_PATH = "/api/v1/ws/subscribe?event_types=pdfm,health";
const OFFER = "Sec-WebSocket-Protocol";

/** In a query. */
const inQuery = (path: string): Way => (credential) => ({
  path: path + encodeURIComponent(credential),
});

/** For keys and tokens: talo takes tickets. */
export const KEY_SCHEMES: readonly AuthScheme[] = [
  {
    profile: "json",
    bare: { path: "/ws" },
    ways: {
      "Authorization": (it) => ({ path: "/ws", headers: bearer(it) }),
      "X-Api-Key": (it) => ({ path: "/ws/json", headers: { "X-Api-Key": it } }),
      "access_token": inQuery("/?access_token="),
      "subprotocol": (it) => ({ path: "/ws", headers: { [OFFER]: `systole.bearer.${it}` } }),
      "subprotocol beside systole": (it) => ({
        path: "/socket",
        headers: { [OFFER]: `systole, systole.bearer.${it}` },
      }),
    },
    welcome: '{"type":"welcome","clientId":"<uuid>","pingPeriodMs":54000,"pongWaitMs":60000}',
  },
  {
    profile: "events-hub",
    bare: { path: EVENTS_PATH },
    ways: {
      "Authorization": (it) => ({ path: EVENTS_PATH, headers: bearer(it) }),
      "X-Api-Key": (it) => ({ path: EVENTS_PATH, headers: { "X-Api-Key": pairOf(it) } }),
      "access_token": inQuery(`${EVENTS_PATH}&access_token=`),
      "authorization": inQuery(`${EVENTS_PATH}&authorization=`),
      "authorization Bearer": inQuery(`${EVENTS_PATH}&authorization=Bearer%20`),
    },
    welcome: '{"id":"<hex64>","event_type":"global","timestamp":"<rfc3339>","message":"WebSocket ' +
      'connection established subscribed to global by default","body":{"client_id":"<uuid>",' +
      '"subscriptions":["pdfm","health","global"]}}',
  },
  {
    profile: "infoway",
    bare: { path: "/ws?business=crypto" },
    ways: {
      "apikey": inQuery("/ws?business=crypto&apikey="),
      "apikey on /news": inQuery("/news?apikey="),
      "X-Api-Key": (it) => ({ path: "/ws/infoway", headers: { "X-Api-Key": it } }),
    },
    welcome: '{"code":200,"msg":"ws connect success"}',
  },
  {
    profile: "tank",
    bare: { path: "/ws?user_id=alice" },
    ways: {
      "token": inQuery("/ws?user_id=alice&token="),
      "X-Api-Key": (it) => ({ path: "/ws/tank?user_id=alice", headers: { "X-Api-Key": it } }),
    },
    welcome: "Hello, alice! Welcome to WebSocket server.",
  },
];

/** Of tickets. */
export const TALO_SCHEME: AuthScheme = {
  profile: "talo",
  bare: { path: "/ws/talo" },
  ways: { "ticket": inQuery("/any/game?ticket=") },
  welcome: '{"res":"v1.connected","data":{}}',
};

/** The scheme of a system. */
export function schemeOf(profile: string): AuthScheme {
  const scheme = [...KEY_SCHEMES, TALO_SCHEME].find((scheme) => scheme.profile === profile);
  if (scheme === undefined) throw new TypeError(`Cannot find a scheme: no profile is ${profile}`);
  return scheme;
}

/** The first way in. */
export function firstWay({ ways }: AuthScheme): Way {
  return Object.values(ways)[0];
}

/** `<id>.<secret>` as base64 of `<id>:<secret>`. */
function pairOf(credential: string): string {
  return btoa(credential.replace(".", ":"));
}
