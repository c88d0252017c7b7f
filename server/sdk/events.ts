/**
 * The events of a HeartbeatSocket and the EventTarget that they come from: listeners by
 * `addEventListener`, or one by an `on…` property, as with WebSocket.
 *
 * @module
 */

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
  /** Which in a row, from 1. */
  readonly attempt: number;
  /** From now, ms. */
  readonly delayMs: number;
  /** Why the last connection is gone. */
  readonly reason: string;
}

/** There will be no new attempt. */
export interface GiveUpEvent extends Event {
  /** Those made in a row. */
  readonly attempts: number;
  /** Why not. */
  readonly reason: string;
}

/** The status has changed. */
export interface HealthEvent extends Event {
  /** What it is. */
  readonly status: HealthStatus;
  /** What it was. */
  readonly previous: HealthStatus;
  /** The average of the last round trips (`maxSamples`), ms; undefined before any. */
  readonly latency: number | undefined;
  /** Their standard deviation, ms. */
  readonly jitter: number;
}

/** A message will not be sent. */
export interface DropEvent extends Event {
  /** The message. */
  readonly data: Sendable;
  /** Why. */
  readonly reason: DropReason;
}

/** The events by their names. */
export interface HeartbeatSocketEventMap {
  /** A connection is open: the first, or one after a loss. */
  open: Event;
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

const NAMES: readonly HeartbeatSocketEventName[] = [
  ...["open", "message", "error", "close", "heartbeat"] as const,
  ...["heartbeattimeout", "reconnecting", "giveup", "health", "drop"] as const,
];

/** An event target with the events of a HeartbeatSocket. */
export class HeartbeatEventTarget extends EventTarget {
  /** Hears `open`. */
  declare onopen: Handler<Event>;
  /** Hears `message`. */
  declare onmessage: Handler<MessageEvent>;
  /** Hears `error`. */
  declare onerror: Handler<Event>;
  /** Hears `close`. */
  declare onclose: Handler<CloseEvent>;
  /** Hears `heartbeat`. */
  declare onheartbeat: Handler<HeartbeatEvent>;
  /** Hears `heartbeattimeout`. */
  declare onheartbeattimeout: Handler<Event>;
  /** Hears `reconnecting`. */
  declare onreconnecting: Handler<ReconnectingEvent>;
  /** Hears `giveup`. */
  declare ongiveup: Handler<GiveUpEvent>;
  /** Hears `health`. */
  declare onhealth: Handler<HealthEvent>;
  /** Hears `drop`. */
  declare ondrop: Handler<DropEvent>;

  /** Connects the `on…` properties. */
  constructor() {
    super();
    for (const name of NAMES) {
      this[`on${name}`] = null;
      super.addEventListener(name, (event) => (this[`on${name}`] as Handler<unknown>)?.(event));
    }
  }

  /** Adds a listener; the event's type is that of its name. */
  declare addEventListener: <N extends HeartbeatSocketEventName>(
    type: N,
    listener: Listener<HeartbeatSocketEventMap[N]>,
    options?: boolean | AddEventListenerOptions,
  ) => void;

  /** Removes a listener. */
  declare removeEventListener: <N extends HeartbeatSocketEventName>(
    type: N,
    listener: Listener<HeartbeatSocketEventMap[N]>,
    options?: boolean | EventListenerOptions,
  ) => void;
}
