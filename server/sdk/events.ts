/**
 * The events of a HeartbeatSocket and the EventTarget that dispatches them: to the listeners of
 * `addEventListener` and to one `on…` property for each event, as in WebSocket.
 *
 * @module
 */

/** What a WebSocket can send. */
export type Sendable = string | ArrayBufferLike | Blob | ArrayBufferView;

/** Why a message was never sent. */
export type DropReason =
  /** The outbox was full and this was its oldest message, or the message is larger than the outbox. */
  | "full"
  /** It waited longer than `outboxAgeMs`. */
  | "expired"
  /** The socket was closed, or gave up and is not woken by the network or the page. */
  | "closed";

/** Why a publication, a `history()` or a `presence()` failed. */
export interface RequestError extends Error {
  /** The hub's code, such as `forbidden` or `history_off`, or a `DropReason`. */
  readonly code: string;
}

/**
 * The health of the connection, by its average round trip. To improve, the average must be at most
 * 90 % of the threshold.
 */
export type HealthStatus =
  /** No heartbeat of this connection is answered yet, or there is no connection. */
  | "unknown"
  /** The average round trip is at most `healthyLatency`. */
  | "healthy"
  /** It is at most `degradedLatency`. */
  | "degraded"
  /** It is at most `poorLatency`. */
  | "poor"
  /** It is above `poorLatency`. */
  | "critical"
  /** The last connection was closed because of a heartbeat timeout. */
  | "timeout"
  /** The socket gave up. */
  | "dead";

/** A heartbeat of the server: an answer to ours or, in tank, its own. */
export interface HeartbeatEvent extends Event {
  /** The round trip, ms; undefined for a late answer, and in tank, whose server answers none. */
  readonly rtt: number | undefined;
}

/** A reconnect attempt is scheduled. */
export interface ReconnectingEvent extends Event {
  /** Its number in the series of consecutive attempts, from 1. */
  readonly attempt: number;
  /** From now, ms; Infinity: when the network is available again. */
  readonly delayMs: number;
  /** Why: the close reason of the last connection, the server's advice, or what is back. */
  readonly reason: string;
}

/** It makes no further attempt by itself. */
export interface GiveUpEvent extends Event {
  /** The consecutive attempts that were made. */
  readonly attempts: number;
  /** Why it gave up. */
  readonly reason: string;
}

/** The status has changed. */
export interface HealthEvent extends Event {
  /** The new status. */
  readonly status: HealthStatus;
  /** The status before. */
  readonly previous: HealthStatus;
  /** The average of the last `maxSamples` round trips, ms; undefined before the first. */
  readonly latency: number | undefined;
  /** Their standard deviation, ms. */
  readonly jitter: number;
}

/** A message was dropped: it will not be sent, or not again. */
export interface DropEvent extends Event {
  /** The message. */
  readonly data: Sendable;
  /** Why it was dropped. */
  readonly reason: DropReason;
}

/** Messages of a channel may be missing before the next one. */
export interface GapEvent extends Event {
  /** The channel. */
  readonly channel: string;
}

/** What was missed of a channel while there was no connection has been received. */
export interface RecoveredEvent extends Event {
  /** The channel. */
  readonly channel: string;
  /** How many messages were replayed. */
  readonly count: number;
}

/** A member of a channel. All connections with the same user and name are one member. */
export interface MemberDetails {
  /** The `sub` of its token; null without one. Only this is proof of who it is. */
  readonly user: string | null;
  /** Its name, which it has chosen itself. */
  readonly member: string;
  /** The connection that subscribed last. */
  readonly clientId: string;
  /** What it says of itself by the option `info`; null without it. */
  readonly info: unknown;
}

/** A member has joined the channel, or left it. */
export interface MemberEvent extends Event, MemberDetails {
  /** The channel. */
  readonly channel: string;
}

/** The hub only counts the members of the channel. Which they are is not known any more. */
export interface MembersEvent extends Event {
  /** The channel. */
  readonly channel: string;
  /** How many it has. */
  readonly count: number;
}

/** The hub has ended the subscriptions of a channel. */
export interface UnsubscribedEvent extends Event {
  /** The channel. */
  readonly channel: string;
  /** Why: `forbidden` when a new token does not allow it. */
  readonly reason: string;
}

/** A message of a subscribed channel. `data` is what was published, a JSON value. */
export interface PublicationEvent extends MessageEvent {
  /** The channel. */
  readonly channel: string;
  /** Its number in the channel's epoch, from 1; undefined where the channel has no history. */
  readonly offset: number | undefined;
  /** When it was published, wall-clock ms of the hub. */
  readonly timestamp: number;
}

/** The events, by name. */
export interface HeartbeatSocketEventMap {
  /** A connection is used from now on: the first one, one after a reconnect, or one after a move. */
  open: Event;
  /** A frame that is no heartbeat traffic, and no answer that a promise waits for; errors are. */
  message: MessageEvent;
  /** A connection failed; `close` follows. */
  error: Event;
  /** A connection closed, or an attempt failed. If another follows, `readyState` is CONNECTING. */
  close: CloseEvent;
  /** A heartbeat of the server. */
  heartbeat: HeartbeatEvent;
  /** The server is silent; `close` follows at once. */
  heartbeattimeout: Event;
  /** A reconnect attempt is scheduled. */
  reconnecting: ReconnectingEvent;
  /**
   * It makes no further attempt: too many failed, until it is woken by `reconnect()`, the network or
   * the page; or the server allows none.
   */
  giveup: GiveUpEvent;
  /** The status has changed. */
  health: HealthEvent;
  /** A message was dropped: it will not be sent, or not again. */
  drop: DropEvent;
  /** Messages of a channel may be missing before the next one. */
  gap: GapEvent;
  /** What was missed of a channel while there was no connection has been received. */
  recovered: RecoveredEvent;
}

/** The names of the events. */
export type HeartbeatSocketEventName = keyof HeartbeatSocketEventMap;

/** The value of an `on…` property. */
export type Handler<E> = ((event: E) => void) | null;

/** A listener of an event. */
export type Listener<E> = ((event: E) => void) | { handleEvent(event: E): void } | null;

/** Adds or removes a listener; of another event than these with the DOM's own types. */
export interface AddListener<Options, Events = HeartbeatSocketEventMap> {
  <N extends keyof Events>(
    type: N,
    listener: Listener<Events[N]>,
    options?: boolean | Options,
  ): void;
  (
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | Options,
  ): void;
}

const NAMES: readonly HeartbeatSocketEventName[] = [
  ...["open", "message", "error", "close", "heartbeat"] as const,
  ...["heartbeattimeout", "reconnecting", "giveup", "health", "drop"] as const,
  ...["gap", "recovered"] as const,
];

/** An EventTarget with typed listeners and an `on…` property for each event. */
export class HeartbeatEventTarget extends EventTarget {
  /** Called for each `open` event. */
  declare onopen: Handler<Event>;
  /** Called for each `message` event. */
  declare onmessage: Handler<MessageEvent>;
  /** Called for each `error` event. */
  declare onerror: Handler<Event>;
  /** Called for each `close` event. */
  declare onclose: Handler<CloseEvent>;
  /** Called for each `heartbeat` event. */
  declare onheartbeat: Handler<HeartbeatEvent>;
  /** Called for each `heartbeattimeout` event. */
  declare onheartbeattimeout: Handler<Event>;
  /** Called for each `reconnecting` event. */
  declare onreconnecting: Handler<ReconnectingEvent>;
  /** Called for each `giveup` event. */
  declare ongiveup: Handler<GiveUpEvent>;
  /** Called for each `health` event. */
  declare onhealth: Handler<HealthEvent>;
  /** Called for each `drop` event. */
  declare ondrop: Handler<DropEvent>;
  /** Called for each `gap` event. */
  declare ongap: Handler<GapEvent>;
  /** Called for each `recovered` event. */
  declare onrecovered: Handler<RecoveredEvent>;

  /** Connects the `on…` properties. */
  constructor() {
    super();
    for (const name of NAMES) {
      this[`on${name}`] = null;
      super.addEventListener(name, (event) => (this[`on${name}`] as Handler<unknown>)?.(event));
    }
  }

  /** As EventTarget's, with the event's type derived from its name. */
  declare addEventListener: AddListener<AddEventListenerOptions>;

  /** As EventTarget's. */
  declare removeEventListener: AddListener<EventListenerOptions>;
}
