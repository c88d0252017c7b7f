/**
 * A WebSocket with a heartbeat: it detects a silent peer, reconnects after a loss as
 * the server wants it, restores its subscriptions and sends what was said in between. It looks like
 * WebSocket and runs wherever there is one: browsers, workers, Deno, Node.
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
import { SDK_PROFILES } from "./profiles.ts";
import { type HealthStatus, HeartbeatEventTarget, type Sendable } from "./events.ts";
import type { Address, HeartbeatSocketOptions } from "./options.ts";
import { bytesOf } from "./outbox.ts";
import { Session } from "./session.ts";
import { settingsOf } from "./settings.ts";

export { HeartbeatEventTarget } from "./events.ts";
export type {
  DropEvent,
  DropReason,
  GiveUpEvent,
  Handler,
  HealthEvent,
  HealthStatus,
  HeartbeatEvent,
  HeartbeatSocketEventMap,
  HeartbeatSocketEventName,
  Listener,
  ReconnectingEvent,
  Sendable,
} from "./events.ts";
export type {
  Address,
  HeartbeatSocketOptions,
  ProfileName,
  WebSocketConstructor,
} from "./options.ts";

/** RFC 6455 5.5 allows 125 to a control frame; two are the code. */
const MAX_REASON_BYTES = 123;

/** A WebSocket that sends heartbeats and reconnects. */
export class HeartbeatSocket extends HeartbeatEventTarget {
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

  readonly #profileName: string;
  readonly #profile: SdkProfile;
  readonly #session: Session;

  /**
   * Connects.
   *
   * @param url http and https stand for ws and wss; in a page it may be relative; a function is
   *   asked before each attempt
   * @param options or, as WebSocket has it, the subprotocols
   * @throws {TypeError} if the URL or an option is none
   * @throws {RangeError} if what must be a number is none, or out of range
   */
  constructor(url: Address, options: HeartbeatSocketOptions | string | string[] = {}) {
    super();
    const isProtocols = typeof options === "string" || Array.isArray(options);
    const settings = settingsOf(isProtocols ? { protocols: options } : options);
    this.#profileName = settings.profile;
    this.#profile = SDK_PROFILES[settings.profile];
    const emit = (event: Event) => void this.dispatchEvent(event);
    this.#session = new Session({ address: url, settings, profile: this.#profile, emit });
  }

  /** As WebSocket's; between two connections CONNECTING. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#session.ending || (this.#session.connection?.isOpen ? 1 : 0);
  }

  /** Of the newest attempt; empty before an address function has returned the first. */
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

  /** Bytes that wait to be sent, those in the outbox included. */
  get bufferedAmount(): number {
    const { connection, outbox } = this.#session;
    return (connection?.socket.bufferedAmount ?? 0) + outbox.bytes;
  }

  /** How binary frames are received. */
  get binaryType(): BinaryType {
    return this.#session.binaryType;
  }

  /** Holds for later connections, too. */
  set binaryType(type: BinaryType) {
    const { connection } = this.#session;
    this.#session.binaryType = type;
    if (connection !== undefined) connection.socket.binaryType = type;
  }

  /** The newest round trip of this connection, ms. */
  get rtt(): number | undefined {
    return this.#session.healthTracker.rtt;
  }

  /** The standard deviation of its last ones (`maxSamples`), ms; 0 below two. */
  get jitter(): number {
    return this.#session.healthTracker.jitter;
  }

  /** The health status, by the average of the last round trips. */
  get status(): HealthStatus {
    return this.#session.healthTracker.status;
  }

  /** Sends, or keeps for the next connection. After `close()` a message is dropped. */
  send(data: Sendable): void {
    this.#session.send(data);
  }

  /** Subscribes to a channel, also after a reconnect. @throws {TypeError} if the profile cannot */
  subscribe(channel: string): void {
    const { channels } = this.#session;
    const frames = this.#able("subscribe")([channel]);
    if (!channels.has(channel)) this.#session.sendAll(frames);
    channels.add(channel);
  }

  /** Unsubscribes from it. @throws {TypeError} if the profile cannot */
  unsubscribe(channel: string): void {
    const frames = this.#able("unsubscribe")([channel]);
    if (this.#session.channels.delete(channel)) this.#session.sendAll(frames);
  }

  /** Publishes on a channel; kept like what `send()` sends. @throws {TypeError} if the profile cannot */
  publish(channel: string, data: unknown): void {
    this.send(this.#able("publish")(channel, data));
  }

  /**
   * Closes for good: no reconnect, whatever was planned.
   *
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

  #able<K extends "subscribe" | "unsubscribe" | "publish">(what: K): NonNullable<SdkProfile[K]> {
    const able = this.#profile[what];
    if (able === undefined) {
      throw new TypeError(`Cannot ${what}: ${this.#profileName} has no frame for it`);
    }
    return able;
  }
}
