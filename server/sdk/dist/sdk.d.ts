/** What a WebSocket can send. */
export type Sendable = string | ArrayBufferLike | Blob | ArrayBufferView;
/** Why a message was never sent. */
export type DropReason =
  /** The outbox was full, and this the oldest in it, or larger than all that it may keep. */
  | "full"
  /** It had waited too long. */
  | "expired"
  /** The socket was closed or gave up. */
  | "closed";
/** The health status of the connection. */
export type HealthStatus =
  /** No answer yet on this connection, or none there. */
  | "unknown"
  | "healthy"
  | "degraded"
  | "poor"
  | "critical"
  /** The last connection ended because a heartbeat was not answered. */
  | "timeout"
  /** No further attempt will be made. */
  | "dead";
/** A heartbeat of the peer: the answer to the client's or, in tank, its own. */
export interface HeartbeatEvent extends Event {
  /** The round trip, ms; undefined for tank's heartbeats, which answer nothing, and late answers. */
  readonly rtt: number | undefined;
}
/** A new attempt has been scheduled. */
export interface ReconnectingEvent extends Event {
  /** Which in a row, from 1. */ readonly attempt: number;
  /** From now, ms. */
  readonly delayMs: number;
  /** Why the last connection is gone. */
  readonly reason: string;
}
/** There will be no new attempt. */
export interface GiveUpEvent extends Event {
  /** Those made in a row. */ readonly attempts: number;
  /** Why not. */
  readonly reason: string;
}
/** The status has changed. */
export interface HealthEvent extends Event {
  /** What it is. */ readonly status: HealthStatus;
  /** What it was. */
  readonly previous: HealthStatus;
  /** The average of the last round trips (`maxSamples`), ms; undefined before any. */
  readonly latency: number | undefined;
  /** Their standard deviation, ms. */
  readonly jitter: number;
}
/** A message will not be sent. */
export interface DropEvent extends Event {
  /** The message. */ readonly data: Sendable;
  /** Why. */
  readonly reason: DropReason;
}
/** The events by their names. */
export interface HeartbeatSocketEventMap {
  /** A connection is open: the first, or one after a loss. */ open: Event;
  /** A frame, unless it is heartbeat traffic. */
  message: MessageEvent;
  /** A connection failed; `close` follows. */
  error: Event;
  /** A connection is over, or an attempt failed; `readyState` tells whether there will be another. */
  close: CloseEvent;
  /** A heartbeat of the peer. */
  heartbeat: HeartbeatEvent;
  /** The peer is silent; `close` follows at once. */
  heartbeattimeout: Event;
  /** A new attempt has been scheduled. */
  reconnecting: ReconnectingEvent;
  /** There will be no new attempt: too many failed, or the server forbade it. */
  giveup: GiveUpEvent;
  /** The status has changed. */
  health: HealthEvent;
  /** A message will not be sent. */
  drop: DropEvent;
}
/** Their names. */
export type HeartbeatSocketEventName = keyof HeartbeatSocketEventMap;
/** A listener in an `on…` property. */
export type Handler<E> = ((event: E) => void) | null;
/** A listener of an event. */
export type Listener<E> = ((event: E) => void) | { handleEvent(event: E): void } | null;
/** An event target with the events of a HeartbeatSocket. */
export declare class HeartbeatEventTarget extends EventTarget {
  /** Hears `open`. */ onopen: Handler<Event>;
  /** Hears `message`. */
  onmessage: Handler<MessageEvent>;
  /** Hears `error`. */
  onerror: Handler<Event>;
  /** Hears `close`. */
  onclose: Handler<CloseEvent>;
  /** Hears `heartbeat`. */
  onheartbeat: Handler<HeartbeatEvent>;
  /** Hears `heartbeattimeout`. */
  onheartbeattimeout: Handler<Event>;
  /** Hears `reconnecting`. */
  onreconnecting: Handler<ReconnectingEvent>;
  /** Hears `giveup`. */
  ongiveup: Handler<GiveUpEvent>;
  /** Hears `health`. */
  onhealth: Handler<HealthEvent>;
  /** Hears `drop`. */
  ondrop: Handler<DropEvent>;
  /** Connects the `on…` properties. */
  constructor();
  /** Adds a listener; the event's type is that of its name. */
  addEventListener: <N extends HeartbeatSocketEventName>(
    type: N,
    listener: Listener<HeartbeatSocketEventMap[N]>,
    options?: boolean | AddEventListenerOptions,
  ) => void;
  /** Removes a listener. */
  removeEventListener: <N extends HeartbeatSocketEventName>(
    type: N,
    listener: Listener<HeartbeatSocketEventMap[N]>,
    options?: boolean | EventListenerOptions,
  ) => void;
}
/** An address, or what makes one for each attempt: a ticket or token may serve only once. */
export type Address = string | URL | (() => string | URL | Promise<string | URL>);
/** The profiles, by the hub's names. */
export type ProfileName = "json" | "events-hub" | "infoway" | "tank" | "talo";
/** Makes sockets like the platform's own. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols?: string | string[],
) => WebSocket;
/** All are optional; one that is given as undefined keeps its default. Times are in ms. */
export interface HeartbeatSocketOptions {
  /** The profile whose heartbeat and messages it uses; "json". */
  profile?: ProfileName;
  /** Subprotocols to offer, as WebSocket's second argument; none. */
  protocols?: string | string[];
  /** A heartbeat is sent so often; 30000, in tank 5000. */
  heartbeatInterval?: number;
  /** Nothing received for so long after the interval: the connection is dead; 10000. */
  heartbeatTimeout?: number;
  /** A connection that has not opened within this time has failed; 20000. */
  connectTimeout?: number;
  /** Mean of twice the first wait before a new attempt: the backoff's base; 5000. */
  reconnectInterval?: number;
  /** Attempts in a row before it gives up; Infinity is allowed; 10. */
  maxReconnectAttempts?: number;
  /** Send heartbeats by a worker's timers, which a hidden tab does not throttle; false. */
  heartbeatInWorker?: boolean;
  /** Messages kept while there is no connection; of more the oldest is dropped; 256. */
  outboxMessages?: number;
  /** Their bytes, text as UTF-8; of more the oldest is dropped, or what is larger alone; 1048576. */
  outboxBytes?: number;
  /** A kept message older than this is dropped instead of sent; Infinity is allowed; 60000. */
  outboxAgeMs?: number;
  /** Up to this rolling average of round trips the status is healthy; 100. */
  healthyLatency?: number;
  /** Up to this: degraded; 500. */
  degradedLatency?: number;
  /** Up to this: poor, above: critical; 1000. */
  poorLatency?: number;
  /** Round trips that the average and the jitter are of; 10. */
  maxSamples?: number;
  /** Makes the sockets; the platform's WebSocket. */
  WebSocket?: WebSocketConstructor;
}
/** A WebSocket that sends heartbeats and reconnects. */
export declare class HeartbeatSocket extends HeartbeatEventTarget {
  #private;
  /** `readyState` before the first connection, and between two. */
  static readonly CONNECTING = 0;
  /** `readyState` of a connection. */
  static readonly OPEN = 1;
  /** `readyState` after `close()`. */
  static readonly CLOSING = 2;
  /** `readyState` in the end: closed, or given up. */
  static readonly CLOSED = 3;
  /** As of the class. */
  readonly CONNECTING = 0;
  /** As of the class. */
  readonly OPEN = 1;
  /** As of the class. */
  readonly CLOSING = 2;
  /** As of the class. */
  readonly CLOSED = 3;
  /**
   * Connects.
   *
   * @param url http and https stand for ws and wss; in a page it may be relative; a function is
   *   asked before each attempt
   * @param options or, as WebSocket has it, the subprotocols
   * @throws {TypeError} if the URL or an option is none
   * @throws {RangeError} if what must be a number is none, or out of range
   */
  constructor(url: Address, options?: HeartbeatSocketOptions | string | string[]);
  /** As WebSocket's; between two connections CONNECTING. */
  get readyState(): 0 | 1 | 2 | 3;
  /** Of the newest attempt; empty before an address function has returned the first. */
  get url(): string;
  /** The subprotocol that the server chose. */
  get protocol(): string;
  /** The extensions that the server chose. */
  get extensions(): string;
  /** Bytes that wait to be sent, those in the outbox included. */
  get bufferedAmount(): number;
  /** How binary frames are received. */
  binaryType: BinaryType;
  /** The newest round trip of this connection, ms. */
  get rtt(): number | undefined;
  /** The standard deviation of its last ones (`maxSamples`), ms; 0 below two. */
  get jitter(): number;
  /** The health status, by the average of the last round trips. */
  get status(): HealthStatus;
  /** Sends, or keeps for the next connection. After `close()` a message is dropped. */
  send(data: Sendable): void;
  /** Subscribes to a channel, also after a reconnect. @throws {TypeError} if the profile cannot */
  subscribe(channel: string): void;
  /** Unsubscribes from it. @throws {TypeError} if the profile cannot */
  unsubscribe(channel: string): void;
  /** Publishes on a channel; kept like what `send()` sends. @throws {TypeError} if the profile cannot */
  publish(channel: string, data: unknown): void;
  /**
   * Closes for good: no reconnect, whatever was planned.
   *
   * @throws {DOMException} as WebSocket does, if the code or the reason may not be sent
   */
  close(code?: number, reason?: string): void;
}
