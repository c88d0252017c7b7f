/**
 * Infoway's numbered messages: which codes ask for which feed, and what their parameters have to be.
 * From the fields of one message to the channels it means, or to the error it gets. Pure; knows
 * neither connections nor limits over time.
 *
 * @module
 */

import { type Fields, isObject } from "../../base/json.ts";

/** Codes that one subscription may name, in all its parts; an unsubscription likewise. */
const MAX_CODES = 600;

/** Longest code of a product, UTF-16 units: with its feed still a channel name for all systems. */
const MAX_CODE_LENGTH = 128;

/** Candles come in types 1 (a minute) to 12 (a year). */
const KLINE_TYPES = Array.from({ length: 12 }, (_, at) => at + 1);

/** The colon of all these texts is full-width, as on the original's wire. */
const COLON = "：";

/** What is wrong with a message, in the system's own numbers. */
export interface Fault {
  /** Distinguishes it from a request. */
  readonly kind: "fault";
  /** The code of the answer. */
  readonly code: number;
  /** What is wrong, in the original's words. */
  readonly msg: string;
}

/** What a message asks for. */
export type Request =
  | {
    readonly kind: "subscribe";
    readonly ackCode: number;
    readonly channels: readonly string[];
    /** How the channels begin that these replace; undefined: none. */
    readonly replaces?: string;
  }
  /** By name, or by how they begin. */
  | {
    readonly kind: "unsubscribe";
    readonly ackCode: number;
    readonly channels: readonly string[];
    readonly prefixes: readonly string[];
  }
  | Fault;

/** Channels to unsubscribe from. */
type Unsubscriptions = Pick<Extract<Request, { kind: "unsubscribe" }>, "channels" | "prefixes">;

/** One kind of data: its messages, and the channels that their `data` names. */
interface Feed {
  readonly name: string;
  readonly subscribe: number;
  readonly ack: number;
  readonly push: number;
  readonly unsubscribe: number;
  /** A later subscription replaces the one before: news comes in one language. */
  readonly isSingle?: boolean;
  readonly subscriptions: (data: Fields) => readonly string[] | Fault;
  readonly unsubscriptions: (data: Fields) => Unsubscriptions | Fault;
}

const UNSUBSCRIBED = 11010;

const FEEDS: readonly Feed[] = [
  { ...listed("trade", "codes"), subscribe: 10000, ack: 10001, push: 10002, unsubscribe: 11000 },
  { ...listed("depth", "codes"), subscribe: 10003, ack: 10004, push: 10005, unsubscribe: 11001 },
  {
    name: "kline",
    subscribe: 10006,
    ack: 10007,
    push: 10008,
    unsubscribe: 11002,
    subscriptions: klineSubscriptions,
    unsubscriptions: klineUnsubscriptions,
  },
  {
    ...listed("news", "lang"),
    subscribe: 10020,
    ack: 10021,
    push: 10022,
    unsubscribe: 11020,
    isSingle: true,
  },
];

const BY_SUBSCRIBE = new Map<unknown, Feed>(FEEDS.map((feed) => [feed.subscribe, feed]));
const BY_UNSUBSCRIBE = new Map<unknown, Feed>(FEEDS.map((feed) => [feed.unsubscribe, feed]));
const PUSHES = new Map(FEEDS.map(({ name, push }) => [name, push]));

/** The message is not one JSON object. */
export const NOT_JSON: Fault = fault(515, "Param is not in json format");

/** What a message other than a heartbeat asks for. */
export function requestOf({ code, data }: Fields): Request {
  if (isMissing(code)) return lost("code");
  const wanted = BY_SUBSCRIBE.get(code);
  if (wanted !== undefined) return subscribe(wanted, data);
  const unwanted = BY_UNSUBSCRIBE.get(code);
  if (unwanted !== undefined) return unsubscribe(unwanted, data);
  return wrong("The code is out of range");
}

/** The code under which a publication on a channel is pushed; undefined: no feed has it. */
export function pushCodeOf(channel: string): number | undefined {
  const feed = /^(?:(trade|depth|news)|(kline)\/(?:[1-9]|1[0-2]))\/[^]/.exec(channel);
  return feed === null ? undefined : PUSHES.get(feed[1] ?? feed[2]);
}

/** More names than a message may bring, or a connection may subscribe to. */
export function tooMany(what: string): Fault {
  return fault(505, `The number of ${what} exceed the limit`);
}

function subscribe(feed: Feed, data: unknown): Request {
  if (isMissing(data)) return lost("data");
  if (!isObject(data)) return wrong("data");
  const channels = feed.subscriptions(data);
  if ("code" in channels) return channels;
  const replaced = feed.isSingle && { replaces: `${feed.name}/` };
  return { kind: "subscribe", ackCode: feed.ack, channels, ...replaced };
}

function unsubscribe(feed: Feed, data: unknown): Request {
  if (!isMissing(data) && !isObject(data)) return wrong("data");
  const left = feed.unsubscriptions(data ?? {});
  return "code" in left ? left : { kind: "unsubscribe", ackCode: UNSUBSCRIBED, ...left };
}

/** A feed whose channels are its name and one of a list. */
function listed(
  name: string,
  param: string,
): Pick<Feed, "name" | "subscriptions" | "unsubscriptions"> {
  const channelsOf = (data: Fields) => {
    const names = namesIn(data[param], param);
    return "code" in names ? names : names.map((each) => `${name}/${each}`);
  };
  return {
    name,
    subscriptions: (data) => {
      const channels = channelsOf(data);
      return "length" in channels && channels.length === 0 ? lost(param) : channels;
    },
    unsubscriptions: (data) => {
      const channels = channelsOf(data);
      if ("code" in channels) return channels;
      return { channels, prefixes: channels.length === 0 ? [`${name}/`] : [] };
    },
  };
}

function klineSubscriptions({ arr }: Fields): readonly string[] | Fault {
  if (isMissing(arr)) return lost("arr");
  if (!Array.isArray(arr)) return wrong("arr");
  if (arr.length === 0) return lost("arr");
  const channels: string[] = [];
  for (const part of arr as readonly unknown[]) {
    if (!isObject(part)) return wrong("arr");
    const { type } = part;
    if (isMissing(type)) return lost("type");
    if (!KLINE_TYPES.some((known) => type === known)) return wrong("The type is out of range");
    const codes = namesIn(part.codes, "codes");
    if ("code" in codes) return codes;
    if (codes.length === 0) return lost("codes");
    for (const code of codes) channels.push(`kline/${type}/${code}`);
    if (channels.length > MAX_CODES) return tooMany("codes");
  }
  return channels;
}

/** No codes: all of these types; no types: all types of these codes; neither: everything. */
function klineUnsubscriptions({ codes, klineTypes }: Fields): Unsubscriptions | Fault {
  const types = namesIn(klineTypes, "klineTypes");
  if ("code" in types) return types;
  if (types.some((type) => !KLINE_TYPES.some((known) => type === `${known}`))) {
    return wrong("The klineTypes is out of range");
  }
  const names = namesIn(codes, "codes");
  if ("code" in names) return names;
  if (names.length === 0) {
    return {
      channels: [],
      prefixes: types.length === 0 ? ["kline/"] : types.map((type) => `kline/${type}/`),
    };
  }
  const each = types.length === 0 ? KLINE_TYPES : types;
  return {
    channels: each.flatMap((type) => names.map((name) => `kline/${type}/${name}`)),
    prefixes: [],
  };
}

/** The names in a list with commas, each once; none where there is no list. */
function namesIn(list: unknown, param: string): readonly string[] | Fault {
  if (isMissing(list)) return [];
  if (typeof list !== "string") return wrong(param);
  const names = new Set(list.split(",").map((name) => name.trim()));
  names.delete("");
  if (names.size > MAX_CODES) return tooMany(param);
  const listed = [...names];
  return listed.some((name) => name.length > MAX_CODE_LENGTH) ? wrong(param) : listed;
}

/** The original takes null for nothing. */
function isMissing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function lost(param: string): Fault {
  return fault(507, `Param lost${COLON}${param}`);
}

function wrong(what: string): Fault {
  return fault(506, `Param error${COLON}${what}`);
}

function fault(code: number, msg: string): Fault {
  return { kind: "fault", code, msg };
}
