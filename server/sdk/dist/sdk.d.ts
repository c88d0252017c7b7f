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
  /** The hub's code, such as `forbidden` or `history_off`, or a `DropReason`. */ readonly code:
    string;
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
  /** Its number in the series of consecutive attempts, from 1. */ readonly attempt: number;
  /** From now, ms; Infinity: when the network is available again. */
  readonly delayMs: number;
  /** Why: the close reason of the last connection, the server's advice, or what is back. */
  readonly reason: string;
}
/** It makes no further attempt by itself. */
export interface GiveUpEvent extends Event {
  /** The consecutive attempts that were made. */ readonly attempts: number;
  /** Why it gave up. */
  readonly reason: string;
}
/** The status has changed. */
export interface HealthEvent extends Event {
  /** The new status. */ readonly status: HealthStatus;
  /** The status before. */
  readonly previous: HealthStatus;
  /** The average of the last `maxSamples` round trips, ms; undefined before the first. */
  readonly latency: number | undefined;
  /** Their standard deviation, ms. */
  readonly jitter: number;
}
/** A message was dropped: it will not be sent, or not again. */
export interface DropEvent extends Event {
  /** The message. */ readonly data: Sendable;
  /** Why it was dropped. */
  readonly reason: DropReason;
}
/** Messages of a channel may be missing before the next one. */
export interface GapEvent extends Event {
  /** The channel. */ readonly channel: string;
}
/** What was missed of a channel while there was no connection has been received. */
export interface RecoveredEvent extends Event {
  /** The channel. */ readonly channel: string;
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
  /** The channel. */ readonly channel: string;
}
/** The hub only counts the members of the channel. Which they are is not known any more. */
export interface MembersEvent extends Event {
  /** The channel. */ readonly channel: string;
  /** How many it has. */
  readonly count: number;
}
/** The hub has ended the subscriptions of a channel. */
export interface UnsubscribedEvent extends Event {
  /** The channel. */ readonly channel: string;
  /** Why: `forbidden` when a new token does not allow it. */
  readonly reason: string;
}
/** A message of a subscribed channel. `data` is what was published, a JSON value. */
export interface PublicationEvent extends MessageEvent {
  /** The channel. */ readonly channel: string;
  /** Its number in the channel's epoch, from 1; undefined where the channel has no history. */
  readonly offset: number | undefined;
  /** When it was published, wall-clock ms of the hub. */
  readonly timestamp: number;
}
/** The events, by name. */
export interface HeartbeatSocketEventMap {
  /** A connection is used from now on: the first one, one after a reconnect, or one after a move. */ open:
    Event;
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
/** An EventTarget with typed listeners and an `on…` property for each event. */
export declare class HeartbeatEventTarget extends EventTarget {
  /** Called for each `open` event. */ onopen: Handler<Event>;
  /** Called for each `message` event. */
  onmessage: Handler<MessageEvent>;
  /** Called for each `error` event. */
  onerror: Handler<Event>;
  /** Called for each `close` event. */
  onclose: Handler<CloseEvent>;
  /** Called for each `heartbeat` event. */
  onheartbeat: Handler<HeartbeatEvent>;
  /** Called for each `heartbeattimeout` event. */
  onheartbeattimeout: Handler<Event>;
  /** Called for each `reconnecting` event. */
  onreconnecting: Handler<ReconnectingEvent>;
  /** Called for each `giveup` event. */
  ongiveup: Handler<GiveUpEvent>;
  /** Called for each `health` event. */
  onhealth: Handler<HealthEvent>;
  /** Called for each `drop` event. */
  ondrop: Handler<DropEvent>;
  /** Called for each `gap` event. */
  ongap: Handler<GapEvent>;
  /** Called for each `recovered` event. */
  onrecovered: Handler<RecoveredEvent>;
  /** Connects the `on…` properties. */
  constructor();
  /** As EventTarget's, with the event's type derived from its name. */
  addEventListener: AddListener<AddEventListenerOptions>;
  /** As EventTarget's. */
  removeEventListener: AddListener<EventListenerOptions>;
}
/**
 * The server's address, or a function that returns one before each attempt, for tickets or tokens
 * that are valid only once.
 */
export type Address = string | URL | (() => string | URL | Promise<string | URL>);
/** The profiles, by the names that the hub has for them. */
export type ProfileName = "json" | "events-hub" | "infoway" | "tank" | "talo";
/** A heartbeat of your own, for a server that has no profile here. */
export interface HeartbeatOptions {
  /** What to send: text or bytes, or a function that returns them for each heartbeat. */ message:
    | Sendable
    | (() => Sendable);
  /**
   * Whether received data is the answer, which then is no `message` event. Without it nothing is
   * measured, and any received data is a sign of life.
   */
  isAnswer?: ((data: unknown) => boolean) | undefined;
  /** As `heartbeatInterval`. Default: 30000. */
  interval?: number | undefined;
  /** As `heartbeatTimeout`. Default: 10000. */
  timeout?: number | undefined;
}
/** A class with the interface of the platform's WebSocket. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols?: string | string[],
) => WebSocket;
/** A place in a channel's history. It means something to this hub and this channel only. */
export interface Position {
  /** The hub's name for the series of offsets; it changes when the hub loses its history. */
  readonly epoch: string;
  /** The message's number in the epoch, from 1; 0: before the first. */
  readonly offset: number;
}
/** What became of a publication: its place, or that only some got it. */
export type Published =
  | Position & { readonly degraded?: undefined }
  /** The hub does not reach its other processes: only subscribers of this one have got it. */
  | {
    readonly degraded: true;
    readonly epoch?: undefined;
    readonly offset?: undefined;
  };
/**
 * What to replay at the start of a subscription, and what the hub tells others of it. `since` and
 * `last` apply only to the first subscription of a channel: a later one gets what is new, and a `gap`
 * event. `presence` and `info` hold until the channel's last subscription ends.
 */
export interface SubscribeOptions {
  /** Replays what was published after this position, as a subscription's `position` returns it. */ readonly since?:
    | Position
    | undefined;
  /**
   * Replays this many of the channel's newest messages, from 1; with `since` only if that fails, as
   * after a reconnect that ends in a gap.
   */
  readonly last?: number | undefined;
  /** true: fires `joined`, `left` and `members`, and is a member of the channel itself. */
  readonly presence?: boolean | undefined;
  /** A JSON value of at most 1 KiB that the other members receive; it makes this client a member. */
  readonly info?: unknown;
}
/** What to read of a channel's history; all that is kept by default. */
export interface HistoryOptions {
  /** Reads what was published after this position, oldest first. */ readonly since?:
    | Position
    | undefined;
  /** Reads this many of the newest messages, from 1; with `since` only if that fails. */
  readonly last?: number | undefined;
}
/** All options are optional; undefined means the default. Times are in ms. */
export interface HeartbeatSocketOptions {
  /** * The wire format of heartbeats and messages. "none" is any other server: nothing is sent to it but * your own messages, and its silence is no timeout. Default: "json", or "none" with a heartbeat of * your own. */ profile?:
    | ProfileName
    | "none"
    | undefined;
  /**
   * false: sends no heartbeat, and silence is no timeout. An object: a heartbeat of your own; the
   * profile is then "none" by default. Default: true, the profile's own heartbeat.
   */
  heartbeat?: boolean | HeartbeatOptions | undefined;
  /** Whether the first attempt waits for `connect()`. Default: false. */
  startClosed?: boolean | undefined;
  /** Called with a line for each decision: an attempt, a timeout, a wait. Default: nothing. */
  debug?: ((text: string) => void) | undefined;
  /**
   * Returns a JWT, as text or as a promise of it. Called before each attempt, and when the hub
   * announces the end of the present token: the new one then replaces it on the living connection. It
   * is offered as the subprotocol `systole.bearer.<token>` beside `systole`, and never stands in the
   * URL. If it fails, it is called again after a wait. An expired token is no reason to give up then.
   * For the profile json. Default: none.
   */
  token?: (() => string | Promise<string>) | undefined;
  /** Subprotocols to offer, as WebSocket's second argument. Default: none. */
  protocols?: string | string[] | undefined;
  /** The period of the client's heartbeat, 1 to 2147483647 ms. Default: 30000, in tank 5000. */
  heartbeatInterval?: number | undefined;
  /**
   * The connection times out after `heartbeatInterval` plus this time without any received frame,
   * 1 to 2147483647 ms. Default: 10000.
   */
  heartbeatTimeout?: number | undefined;
  /** An attempt that has not opened within this time fails, 1 to 2147483647 ms. Default: 20000. */
  connectTimeout?: number | undefined;
  /**
   * The base of the backoff, 1 to 2147483647 ms: the wait before attempt n is random between 0 and
   * min(30000, base * 2^(n - 1)). Default: 5000.
   */
  reconnectInterval?: number | undefined;
  /**
   * Consecutive attempts before it gives up, 0 to Infinity. Then `reconnect()`, a network that is
   * back or a page that is shown again starts anew; with 0 only `reconnect()`. Default: 10.
   */
  maxReconnectAttempts?: number | undefined;
  /**
   * "final": no `close` and no `error` event for a connection that another one follows; only for the
   * end. For libraries that take the first `close` for the end. Default: "all".
   */
  closeEvents?: "all" | "final" | undefined;
  /** Whether a worker's timers send the heartbeat; a hidden tab does not throttle them. Default: false. */
  heartbeatInWorker?: boolean | undefined;
  /**
   * The most messages in the outbox, 0 to Infinity; the oldest is dropped first. In json what is
   * published stays in it until it is answered. Default: 256.
   */
  outboxMessages?: number | undefined;
  /**
   * The most bytes in the outbox, text as UTF-8, 0 to Infinity. The oldest message is dropped first;
   * a message that is larger alone is dropped itself. Default: 1048576.
   */
  outboxBytes?: number | undefined;
  /**
   * An older message in the outbox is dropped instead of sent, 0 to Infinity ms. Less than the hub's
   * `DEDUPE_MS`, so that the hub knows each publication that is sent again. Default: 60000.
   */
  outboxAgeMs?: number | undefined;
  /** The highest average round trip of the status healthy, 0 to Infinity ms. Default: 100. */
  healthyLatency?: number | undefined;
  /** The highest average round trip of the status degraded, 0 to Infinity ms. Default: 500. */
  degradedLatency?: number | undefined;
  /** The highest average round trip of the status poor, 0 to Infinity ms; above: critical. Default: 1000. */
  poorLatency?: number | undefined;
  /** The number of round trips in the average and the jitter, 1 to 2147483647. Default: 10. */
  maxSamples?: number | undefined;
  /** Creates the sockets. Default: the platform's WebSocket. */
  WebSocket?: WebSocketConstructor | undefined;
}
/** The events of a subscription, by name. */
export interface SubscriptionEventMap {
  /** A message was published on the channel. */ message: PublicationEvent;
  /** Messages before the next one may be missing. */
  gap: GapEvent;
  /** What was missed while there was no connection has been received. */
  recovered: RecoveredEvent;
  /** The hub has ended it, and the SDK does not ask again. `subscribe()` begins another one. */
  unsubscribed: UnsubscribedEvent;
  /** With the option `presence`: a member has joined the channel. */
  joined: MemberEvent;
  /** With the option `presence`: a member has left the channel. */
  left: MemberEvent;
  /** With the option `presence`: the hub only counts the members, there are or were too many. */
  members: MembersEvent;
}
/** A message that the hub has kept. */
export interface HistoryMessage {
  /** Its number in the channel's epoch, from 1. */ readonly offset: number;
  /** What was published, a JSON value. */
  readonly data: unknown;
  /** When it was published, wall-clock ms of the hub. */
  readonly timestamp: number;
}
/** A part of a channel's history. */
export interface HistoryPage {
  /** The hub's name for the series of offsets. */ readonly epoch: string;
  /** That of the channel's newest message, 0 before the first. */
  readonly offset: number;
  /** In order, the oldest first. */
  readonly messages: readonly HistoryMessage[];
  /** With `since`: whether nothing that followed it is missing. */
  readonly recovered?: boolean;
  /** Whether more follows: ask again with the last message's offset as `since`. */
  readonly more: boolean;
}
/** A member in the list of a channel. */
export interface Member extends MemberDetails {
  /** When it joined, wall-clock ms of the hub. */ readonly sinceMs: number;
}
/** The members of a channel. */
export interface PresencePage {
  /** How many there are, also where not all are listed. */ readonly count: number;
  /** The members, or some of them. */
  readonly members: readonly Member[];
  /** Whether some are not listed. */
  readonly more: boolean;
}
/**
 * A subscription of one channel. Subscriptions of the same channel share one on the wire, which ends
 * with the last of them.
 */
export interface Subscription extends EventTarget {
  /** The channel. */ readonly channel: string;
  /**
   * Where a later subscription continues, by the option `since`: after the newest received message.
   * Undefined until the hub has answered, and where it keeps no history.
   */
  readonly position: Position | undefined;
  /**
   * Reads the channel's history. Waits for a connection, and asks again on the next one if the answer
   * did not come.
   *
   * @returns rejects with a `RequestError`: `history_off`, `forbidden`, …, or why it was dropped
   * @throws {TypeError} if the profile cannot
   */
  history(options?: HistoryOptions): Promise<HistoryPage>;
  /** Reads who is on the channel. Waits, rejects and throws as `history()`. */
  presence(): Promise<PresencePage>;
  /** Ends it: no event follows. Calls after the first have no effect. */
  unsubscribe(): void;
  /** As `unsubscribe()`. */
  [Symbol.dispose](): void;
  /** As EventTarget's, with the event's type derived from its name. */
  addEventListener: AddListener<AddEventListenerOptions, SubscriptionEventMap>;
  /** As EventTarget's. */
  removeEventListener: AddListener<EventListenerOptions, SubscriptionEventMap>;
}
/** A WebSocket with a heartbeat, reconnects and subscriptions. */
export declare class HeartbeatSocket extends HeartbeatEventTarget {
  #private;
  /** `readyState` while there is no open connection, but attempts are made. */
  static readonly CONNECTING = 0;
  /** `readyState` of an open connection. */
  static readonly OPEN = 1;
  /** `readyState` after `close()`. */
  static readonly CLOSING = 2;
  /** `readyState` after the close is done, or after it gave up. */
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
   * @param url http and https mean ws and wss; in a page it may be relative; a function is called
   *   before each attempt
   * @param options the options or, as in WebSocket, the subprotocols
   * @throws {TypeError} if the URL is not valid, the profile is unknown or has no place for a token,
   *   or the platform has no WebSocket
   * @throws {RangeError} if a numeric option is no number, or out of range
   */
  constructor(url: Address, options?: HeartbeatSocketOptions | string | string[]);
  /** Consecutive attempts to reconnect since the last stable connection. */
  get retryCount(): number;
  /** As WebSocket's; CONNECTING between two connections. */
  get readyState(): 0 | 1 | 2 | 3;
  /** The address of the newest attempt; empty until an address function has returned one. */
  get url(): string;
  /** The subprotocol that the server chose. */
  get protocol(): string;
  /** The extensions that the server chose. */
  get extensions(): string;
  /** Bytes that are not sent yet, including the outbox with what has no answer yet. */
  get bufferedAmount(): number;
  /** The type of received binary frames. */
  binaryType: BinaryType;
  /** The newest round trip of this connection, ms; undefined before the first. */
  get rtt(): number | undefined;
  /** The standard deviation of its last `maxSamples` round trips, ms; 0 for fewer than two. */
  get jitter(): number;
  /** The health of the connection, by the average of these round trips. */
  get status(): HealthStatus;
  /** Makes the first attempt, which `startClosed` has put off. Otherwise without effect. */
  connect(): void;
  /**
   * Attempts to connect at once, but not earlier than the server allows: instead of an open connection
   * or a scheduled attempt, and after it gave up for too many attempts. Without effect after `close()`
   * and where the server forbids it.
   */
  reconnect(): void;
  /** Sends, or keeps the message for the next connection. After `close()` it is dropped. */
  send(data: Sendable): void;
  /**
   * Subscribes to a channel, also after a reconnect: where the hub keeps a history, what was missed
   * meanwhile is replayed.
   *
   * @param listener receives what is published on this channel; json only
   * @param options what to replay now, and whether to be a member of the channel; json only
   * @throws {TypeError} if the profile cannot
   * @throws {RangeError} if `last` is no positive integer
   */
  subscribe(
    channel: string,
    listener?: Listener<PublicationEvent>,
    options?: SubscribeOptions,
  ): Subscription;
  /** Ends all subscriptions of a channel. @throws {TypeError} if the profile cannot */
  unsubscribe(channel: string): void;
  /**
   * Publishes on a channel. In json the publication stays in the outbox until the hub has answered, and
   * is sent again on the next connection if the answer did not come; it takes effect once.
   *
   * @returns in json the position of the publication, undefined where the channel has no history, or
   *   `degraded`; in other profiles undefined once it is sent. Rejects with a `RequestError`: the hub's refusal, or
   *   why it was dropped. A rejection that nobody watches is no error of the page
   * @throws {TypeError} if the profile cannot, or `data` is no JSON value
   */
  publish(channel: string, data: unknown): Promise<Published | undefined>;
  /**
   * Closes for good: cancels a scheduled reconnect.
   *
   * @param code 1000 (the default) or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8; "Client closed" by default
   * @throws {DOMException} as WebSocket does, if the code or the reason may not be sent
   */
  close(code?: number, reason?: string): void;
}
