/**
 * One connection attempt and the connection that results from it: one socket, its heartbeat and its
 * round trips. Closes exactly once; after that no event of the socket is handled, so that an old
 * socket never acts on a newer connection.
 *
 * @module
 */

import { type DecodedFrame, HEARTBEAT_ID_PREFIX, type SdkProfile } from "./profile.ts";
import { HeartbeatMonitor } from "./heartbeat_monitor.ts";
import type { Sendable } from "./events.ts";
import { platform } from "./platform.ts";
import type { Settings } from "./settings.ts";
import type { After } from "./timers.ts";

/** How a connection closed. */
export interface CloseInfo {
  /** The close code; 1006 without a close frame, 4000 after a heartbeat timeout. */
  readonly code: number;
  /** The text of the close frame. */
  readonly reason: string;
  /** Whether both sides sent a close frame. */
  readonly wasClean: boolean;
}

type FrameOf<Kind> = Extract<DecodedFrame, { kind: Kind }>;

/** The callbacks that have the name of the kind of their frames. */
type FrameCallbacks = { readonly [Kind in DecodedFrame["kind"]]?: (frame: never) => void };

/** What a connection reports. It calls nothing after `closed` or `closeNow()`. */
export interface ConnectionCallbacks {
  /** It is open. */
  readonly opened: () => void;
  /** The server answered after `suspend()`, and all that was sent before. */
  readonly resumed: () => void;
  /** A frame of the heartbeat came: the server knows the profile. */
  readonly recognized: () => void;
  /** A message for the user. @param frame what it means to the profile */
  readonly received: (event: MessageEvent, frame: DecodedFrame | undefined) => void;
  /** The socket failed; `closed` follows. */
  readonly failed: () => void;
  /** A heartbeat of the server. @param rttMs if it answers our newest heartbeat */
  readonly heartbeat: (rttMs: number | undefined) => void;
  /** The server advises a new connection. */
  readonly advice: (frame: FrameOf<"advice">) => void;
  /** The server asks for a new token. */
  readonly expiring: () => void;
  /** The answer to a new token. */
  readonly refresh: (frame: FrameOf<"refresh">) => void;
  /** The answer to a request. */
  readonly answer: (frame: FrameOf<"answer">) => void;
  /** The server has refused a request, and wants no messages for a while. */
  readonly busy: (frame: FrameOf<"busy">) => void;
  /** The server is silent. @returns whether that is a fault; then `closed` follows */
  readonly timeout: () => boolean;
  /** It is closed, or the attempt failed. */
  readonly closed: (info: CloseInfo) => void;
}

/** What a connection needs. */
export interface ConnectionOptions {
  /** The socket, still connecting. */
  readonly socket: WebSocket;
  /** The frames that it exchanges. */
  readonly profile: SdkProfile;
  /** The times of the heartbeat. */
  readonly settings: Settings;
  /** Sets timers. */
  readonly after: After;
  /** The deadline to open, ms on the monotonic clock. */
  readonly openByMs: number;
}

/** A client's close of a silent connection, as the article's reference client sends it. */
const HEARTBEAT_TIMEOUT: CloseInfo = { code: 4000, reason: "Heartbeat timeout", wasClean: false };

/** A failed attempt, or a server that does not answer the close frame. */
const FAILED: CloseInfo = { code: 1006, reason: "", wasClean: false };

/** An attempt that did not open in time. No close frame is sent for it. */
export const CONNECT_TIMEOUT: CloseInfo = {
  code: 1006,
  reason: "Connect timeout",
  wasClean: false,
};

/**
 * A connection this old is stable, ms: attempts before it no longer count. A server that closes
 * connections sooner gets the same backoff as one that is down.
 */
const STABLE_MS = 10_000;

/** The longest wait for the answer to a close frame, ms. */
const CLOSE_WAIT_MS = 2_000;

/** One socket with its heartbeat. */
export class Connection {
  /** Whether messages wait until the server has answered: the network was lost, or it is replaced. */
  isSuspended = false;
  /** The hub's name for it, where heartbeats are answered: then another one can replace it. */
  clientId?: unknown;
  /** Its newest round trip, ms. */
  rtt: number | undefined;
  readonly #options: ConnectionOptions;
  readonly #callbacks: ConnectionCallbacks;
  readonly #monitor: HeartbeatMonitor;
  #pending: { readonly id: string; readonly sentMs: number } | undefined;
  #openedMs = Infinity;
  #cancelCloseWait = () => {};

  /** Listens to the socket. */
  constructor(options: ConnectionOptions, callbacks: ConnectionCallbacks) {
    const { socket, profile, settings, openByMs, after } = options;
    this.#options = options;
    this.#callbacks = callbacks;
    const { answers, heartbeat } = profile;
    const timing = { ...settings, openByMs, answers, sends: !!heartbeat };
    this.#monitor = new HeartbeatMonitor(timing, {
      after,
      send: () => this.#sendHeartbeat(),
      timeout: () => this.#timedOut(),
    });
    socket.onopen = () => {
      this.#openedMs = platform.now();
      callbacks.opened(); // first the user's messages, a login perhaps, then our first heartbeat
      this.#monitor.opened();
    };
    socket.onmessage = (event) => this.#received(event);
    socket.onerror = () => {
      callbacks.failed();
      // For a failed attempt Node 22 fires no close event; other platforms fire it with the same code.
      if (this.#openedMs === Infinity) this.#closed(FAILED);
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      this.#stop();
      callbacks.closed({ code, reason, wasClean });
    };
  }

  /** The socket, for the properties that HeartbeatSocket shares with WebSocket. */
  get socket(): WebSocket {
    return this.#options.socket;
  }

  /** Whether it can send now. `readyState` changes before the socket's close event. */
  get isOpen(): boolean {
    return this.#openedMs < Infinity && this.socket.readyState === 1;
  }

  /** Whether it has been open for `STABLE_MS`. */
  get isStable(): boolean {
    return platform.now() - this.#openedMs >= STABLE_MS;
  }

  /** Sends if it is open. @returns whether it did */
  send(data: Sendable): boolean {
    if (!this.isOpen) return false;
    this.socket.send(data as string);
    return true;
  }

  /** Requests an answer within a short time. */
  probe(): void {
    if (this.isOpen) this.#monitor.probe();
  }

  /** Messages wait for an answer of the server; silence is no timeout until `probe()`. */
  suspend(): void {
    this.isSuspended = this.isOpen;
    if (this.isSuspended) this.#monitor.suspend();
  }

  /** Starts the closing handshake. @throws {DOMException} what WebSocket's `close()` throws */
  close({ code, reason }: CloseInfo): void {
    this.socket.close(code, reason);
    this.#stop();
    this.#cancelCloseWait = this.#options.after(CLOSE_WAIT_MS, () => this.#closed(FAILED));
  }

  /** Removes its listeners and closes the socket, without waiting for the server's close frame. */
  closeNow({ code, reason }: CloseInfo): void {
    const { socket } = this;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // fired when a socket is closed while it connects
    this.#stop();
    if (code === 1006) socket.close();
    else socket.close(code, reason);
  }

  #stop(): void {
    this.#monitor.stop();
    this.#cancelCloseWait();
  }

  #closed(info: CloseInfo): void {
    if (this.socket.onclose === null) return; // `failed` or `timeout` has called closeNow()
    this.closeNow(info);
    this.#callbacks.closed(info);
  }

  #timedOut(): void {
    if (!this.isOpen) return this.#closed(CONNECT_TIMEOUT);
    if (!this.#callbacks.timeout()) return this.#monitor.excuse();
    this.#closed(HEARTBEAT_TIMEOUT);
  }

  #sendHeartbeat(): void {
    const id = `${HEARTBEAT_ID_PREFIX}${++platform.heartbeats}`;
    const { heartbeat } = this.#options.profile;
    if (heartbeat && this.send(heartbeat(id))) {
      this.#pending = { id, sentMs: platform.now() };
    }
  }

  #received(event: MessageEvent): void {
    if (!this.isSuspended) this.#monitor.received();
    const { decode, answers } = this.#options.profile;
    const frame = decode(event.data);
    if (frame) this.#callbacks.recognized();
    if (frame?.kind === "heartbeat") return this.#answered(frame.id);
    if (frame?.kind === "ping") return void this.send(frame.answer);
    if (frame?.kind === "welcome" && answers) this.clientId = frame.clientId;
    if (frame) (this.#callbacks as FrameCallbacks)[frame.kind]?.(frame as never);
    this.#callbacks.received(event, frame);
  }

  /**
   * An id that is not the newest is a late answer: it proves the connection, but is not measured.
   * While suspended only an answer resumes, since other frames may be older than the loss.
   */
  #answered(id: string | undefined): void {
    const pending = this.#pending;
    const isNewest = pending !== undefined && (id ?? pending.id) === pending.id;
    const { answers } = this.#options.profile;
    const isResumed = this.isSuspended && (isNewest || !answers);
    let rtt: number | undefined;
    if (isNewest && answers) {
      this.#pending = undefined;
      rtt = this.rtt = platform.now() - pending.sentMs;
    }
    this.#callbacks.heartbeat(rtt);
    if (!isResumed) return;
    this.isSuspended = false;
    this.#monitor.received();
    this.#callbacks.resumed();
  }
}
