/**
 * The doors of the five systems: every place where a client may put its credential, and the first
 * frame that tells it that it is in.
 *
 * @module
 */

import { bearer, type RoutedUpgrade } from "./guarded_server.ts";

/** Carries a credential. */
export type Way = (credential: string) => RoutedUpgrade;

/** One system's door. */
export interface Door {
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

/** Of keys and tokens: talo's door takes tickets. */
export const KEY_DOORS: readonly Door[] = [
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
export const TALO_DOOR: Door = {
  profile: "talo",
  bare: { path: "/ws/talo" },
  ways: { "ticket": inQuery("/any/game?ticket=") },
  welcome: '{"res":"v1.connected","data":{}}',
};

/** The door of a system. */
export function doorOf(profile: string): Door {
  const door = [...KEY_DOORS, TALO_DOOR].find((door) => door.profile === profile);
  if (door === undefined) throw new TypeError(`Cannot find a door: no profile is ${profile}`);
  return door;
}

/** The first way in. */
export function firstWay({ ways }: Door): Way {
  return Object.values(ways)[0];
}

/** `<id>.<secret>` as base64 of `<id>:<secret>`. */
function pairOf(credential: string): string {
  return btoa(credential.replace(".", ":"));
}
