/**
 * What a client of the bench says to a server and how it reads the answers, as plain data, so that
 * the load process drives every server by the same code. Owns the paths that the controls have:
 *
 * - `/publish`: each text that comes is sent to all subscribers as it is.
 * - `/json`: a request is parsed, and its answer composed and sent back, as the json profile would.
 * - any other: the client is a subscriber.
 *
 * @module
 */

/** In texts that a client sends, what is replaced by a channel's name. */
export const CHANNEL = "$channel";

/** In texts that a publisher sends, what is replaced by the data. */
export const DATA = "$data";

/** How a client speaks to one kind of server. A prefix is the beginning of a text. */
export interface Wire {
  /** Sent right after the upgrade. */
  hello?: string;
  /** Prefix of the text after which a client is connected. */
  welcome: string;
  /** Prefix of the answer to a subscription. */
  subscribed: string;
  /** Prefix of a delivery; its last character is at that place in no other text of the server. */
  delivery: string;
  /** A ping that is a text: its prefix, and what its answer has in the place of the prefix. */
  ping: { prefix: string; answer: string };
  /** Which pings are counted: one for each period. */
  countedPings: "control" | "text";
  /** One publisher and many subscribers of one channel. */
  fanout: { subscriberPath: string; publisherPath: string; subscribe?: string; publish: string };
  /** A client that publishes on the channel to which it alone subscribes. */
  own: { path: string; subscribe: string; publish: string };
}

const JSON_SUBSCRIBE = `{"type":"subscribe","channel":"${CHANNEL}"}`;
const JSON_PUBLISH = `{"type":"publish","channel":"${CHANNEL}","data":"${DATA}"}`;
const JSON_DELIVERY =
  `{"type":"message","channel":"${CHANNEL}","data":"${DATA}","timestamp":1795232557603}`;

/** Systole's json profile. */
export const SYSTOLE: Wire = {
  welcome: '{"type":"welcome"',
  subscribed: '{"type":"subscribed"',
  delivery: '{"type":"m',
  ping: { prefix: '{"type":"ping"', answer: '{"type":"pong"' },
  countedPings: "control",
  fanout: {
    subscriberPath: "/ws",
    publisherPath: "/ws",
    subscribe: JSON_SUBSCRIBE,
    publish: JSON_PUBLISH,
  },
  own: { path: "/ws", subscribe: JSON_SUBSCRIBE, publish: JSON_PUBLISH },
};

/**
 * The controls that pass on a publication as it is: they deliver the same bytes as Systole, and are
 * spared parsing and composing, which is a part of what Systole costs.
 */
export const CONTROL: Wire = {
  ...SYSTOLE,
  fanout: { subscriberPath: "/", publisherPath: "/publish", publish: JSON_DELIVERY },
  own: { ...SYSTOLE.own, path: "/json" },
};

const SOCKET_IO_PATH = "/socket.io/?EIO=4&transport=websocket";
const SOCKET_IO_SUBSCRIBE = `42["subscribe","${CHANNEL}"]`;
const SOCKET_IO_PUBLISH = `42["publish",{"channel":"${CHANNEL}","data":"${DATA}"}]`;

/** Socket.IO 4 over Engine.IO 4: 0 open, 2 ping, 3 pong, 40 connected, 42 event. */
export const SOCKET_IO: Wire = {
  hello: "40",
  welcome: "40{",
  subscribed: '42["subscribed"',
  delivery: '42["m',
  ping: { prefix: "2", answer: "3" },
  countedPings: "text",
  fanout: {
    subscriberPath: SOCKET_IO_PATH,
    publisherPath: SOCKET_IO_PATH,
    subscribe: SOCKET_IO_SUBSCRIBE,
    publish: SOCKET_IO_PUBLISH,
  },
  own: { path: SOCKET_IO_PATH, subscribe: SOCKET_IO_SUBSCRIBE, publish: SOCKET_IO_PUBLISH },
};

/** A text with its channel and data in place. */
export function fill(
  text: string,
  { channel, data = "" }: { channel: string; data?: string },
): string {
  return text.replace(CHANNEL, channel).replace(DATA, data);
}
