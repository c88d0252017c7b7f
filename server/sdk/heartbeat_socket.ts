/**
 * A WebSocket that keeps its connection alive: it sends heartbeats, detects a silent server,
 * reconnects when the server allows it, restores its subscriptions and sends the messages that were
 * written meanwhile. It has the interface of WebSocket and runs on every platform that has one:
 * browsers, workers, Deno, Node.
 *
 * ```js
 * import { HeartbeatSocket } from "http://localhost:8080/sdk.js";
 *
 * const socket = new HeartbeatSocket("ws://localhost:8080/ws");
 * socket.onmessage = ({ data }) => console.log(data);
 * socket.subscribe("updates");
 * ```
 *
 * @module
 */

import type { SdkProfile } from "./profile.ts";
import { profileWith } from "./profiles.ts";
import {
  type HealthStatus,
  HeartbeatEventTarget,
  type Listener,
  type PublicationEvent,
  type Sendable,
} from "./events.ts";
import type { Address, HeartbeatSocketOptions, Published, SubscribeOptions } from "./options.ts";
import { bytesOf } from "./outbox.ts";
import { platform } from "./platform.ts";
import { Session } from "./session.ts";
import { settingsOf } from "./settings.ts";
import type { Subscription } from "./subscription.ts";

export { HeartbeatEventTarget } from "./events.ts";
export type {
  AddListener,
  DropEvent,
  DropReason,
  GapEvent,
  GiveUpEvent,
  Handler,
  HealthEvent,
  HealthStatus,
  HeartbeatEvent,
  HeartbeatSocketEventMap,
  HeartbeatSocketEventName,
  Listener,
  MemberDetails,
  MemberEvent,
  MembersEvent,
  PublicationEvent,
  ReconnectingEvent,
  RecoveredEvent,
  RequestError,
  Sendable,
  UnsubscribedEvent,
} from "./events.ts";
export type {
  Address,
  HeartbeatOptions,
  HeartbeatSocketOptions,
  HistoryOptions,
  Position,
  ProfileName,
  Published,
  SubscribeOptions,
  WebSocketConstructor,
} from "./options.ts";
export type {
  HistoryMessage,
  HistoryPage,
  Member,
  PresencePage,
  Subscription,
  SubscriptionEventMap,
} from "./subscription.ts";

/** RFC 6455 5.5 allows 125 bytes in a control frame; two of them are the code. */
const MAX_REASON_BYTES = 123;

/** A WebSocket with a heartbeat, reconnects and subscriptions. */
export class HeartbeatSocket extends HeartbeatEventTarget {
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

  readonly #profileName: string;
  readonly #profile: SdkProfile;
  readonly #session: Session;
  /** By it and their ids the hub recognizes publications that are sent again. Secret. */
  #publisher: string | undefined;

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
  constructor(url: Address, options: HeartbeatSocketOptions | string | string[] = {}) {
    super();
    const isProtocols = typeof options === "string" || Array.isArray(options);
    const settings = settingsOf(isProtocols ? { protocols: options } : options);
    this.#profileName = settings.profile;
    this.#profile = profileWith(settings.profile, settings.heartbeat);
    const emit = (event: Event) => void this.dispatchEvent(event);
    this.#session = new Session({ address: url, settings, profile: this.#profile, emit });
  }

  /** Consecutive attempts to reconnect since the last stable connection. */
  get retryCount(): number {
    return this.#session.attempts;
  }

  /** As WebSocket's; CONNECTING between two connections. */
  get readyState(): 0 | 1 | 2 | 3 {
    const { closeState, isDormant, connection } = this.#session;
    return closeState || (isDormant ? 3 : connection?.isOpen ? 1 : 0);
  }

  /** The address of the newest attempt; empty until an address function has returned one. */
  get url(): string {
    return this.#session.url;
  }

  /** The subprotocol that the server chose. */
  get protocol(): string {
    return this.#session.connection?.socket.protocol ?? "";
  }

  /** The extensions that the server chose. */
  get extensions(): string {
    return this.#session.connection?.socket.extensions ?? "";
  }

  /** Bytes that are not sent yet, including the outbox with what has no answer yet. */
  get bufferedAmount(): number {
    const { connection, outbox } = this.#session;
    return (connection?.socket.bufferedAmount ?? 0) + outbox.bytes;
  }

  /** The type of received binary frames. */
  get binaryType(): BinaryType {
    return this.#session.binaryType;
  }

  /** Applies to later connections, too. */
  set binaryType(type: BinaryType) {
    const { connection } = this.#session;
    this.#session.binaryType = type;
    if (connection) connection.socket.binaryType = type;
  }

  /** The newest round trip of this connection, ms; undefined before the first. */
  get rtt(): number | undefined {
    return this.#session.health.rtt;
  }

  /** The standard deviation of its last `maxSamples` round trips, ms; 0 for fewer than two. */
  get jitter(): number {
    return this.#session.health.jitter;
  }

  /** The health of the connection, by the average of these round trips. */
  get status(): HealthStatus {
    return this.#session.health.status;
  }

  /** Makes the first attempt, which `startClosed` has put off. Otherwise without effect. */
  connect(): void {
    this.#session.start();
  }

  /**
   * Attempts to connect at once, but not earlier than the server allows: instead of an open connection
   * or a scheduled attempt, and after it gave up for too many attempts. Without effect after `close()`
   * and where the server forbids it.
   */
  reconnect(): void {
    this.#session.reconnect();
  }

  /** Sends, or keeps the message for the next connection. After `close()` it is dropped. */
  send(data: Sendable): void {
    this.#session.send(data);
  }

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
  ): Subscription {
    this.#frames("subscribe")([channel]);
    return this.#session.subscriptions.add(channel, listener, options);
  }

  /** Ends all subscriptions of a channel. @throws {TypeError} if the profile cannot */
  unsubscribe(channel: string): void {
    this.#session.subscriptions.remove(channel, this.#frames("unsubscribe")([channel]));
  }

  /**
   * Publishes on a channel. In json the publication stays in the outbox until the hub has answered, and
   * is sent again on the next connection if the answer did not come; it takes effect once.
   *
   * @returns in json the position of the publication, undefined where the channel has no history, or
   *   `degraded`; in other profiles undefined once it is sent. Rejects with a `RequestError`: the hub's refusal, or
   *   why it was dropped. A rejection that nobody watches is no error of the page
   * @throws {TypeError} if the profile cannot, or `data` is no JSON value
   */
  publish(channel: string, data: unknown): Promise<Published | undefined> {
    const frame = this.#frames("publish");
    const session = this.#publisher ??= platform.randomText();
    return this.#session.request((id) => frame(channel, data, { id, session }));
  }

  /**
   * Closes for good: cancels a scheduled reconnect.
   *
   * @param code 1000 (the default) or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8; "Client closed" by default
   * @throws {DOMException} as WebSocket does, if the code or the reason may not be sent
   */
  close(code = 1000, reason = "Client closed"): void {
    const bytes = bytesOf(reason);
    const isCode = code === 1000 || (code >= 3000 && code <= 4999);
    if (!isCode || bytes > MAX_REASON_BYTES) {
      const rule = `code must be 1000 or 3000 to 4999, reason at most ${MAX_REASON_BYTES} bytes`;
      const text = `Cannot close: ${rule}, got ${code} and ${bytes}`;
      throw new DOMException(text, isCode ? "SyntaxError" : "InvalidAccessError");
    }
    this.#session.close({ code, reason, wasClean: false });
  }

  #frames<K extends "subscribe" | "unsubscribe" | "publish">(
    method: K,
  ): NonNullable<SdkProfile[K]> {
    const frames = this.#profile[method];
    if (!frames) {
      throw new TypeError(`Cannot ${method}: ${this.#profileName} has no frame for it`);
    }
    return frames;
  }
}
