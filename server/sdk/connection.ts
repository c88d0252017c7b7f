/**
 * One attempt and the connection that may come of it: one socket of one generation, its heartbeat
 * and its round trips. Ends exactly once; after that no event of the socket is handled any more, so
 * that a new one never sees an old one's events.
 *
 * @module
 */

import { type DecodedFrame, HEARTBEAT_ID, type SdkProfile } from "./profile.ts";
import { HeartbeatMonitor } from "./heartbeat_monitor.ts";
import type { Sendable } from "./events.ts";
import type { Settings } from "./settings.ts";
import type { After } from "./timers.ts";

/** How a connection ended. */
export interface End {
  /** The close code; 1006 without a close frame, the client's own where it closed. */
  readonly code: number;
  /** The text beside it. */
  readonly reason: string;
  /** Whether both sides closed. */
  readonly wasClean: boolean;
}

/** The events of a connection; none after `ended` or `leave()`. */
export interface ConnectionCalls {
  /** It is open. */
  readonly opened: () => void;
  /** The peer is there again after a `hold()`: what is sent need not wait any more. */
  readonly resumed: () => void;
  /** A frame for the user. */
  readonly received: (event: MessageEvent) => void;
  /** The socket failed; the end follows. */
  readonly failed: () => void;
  /** A heartbeat of the peer. @param rttMs if it answers the newest heartbeat */
  readonly alive: (rttMs: number | undefined) => void;
  /** The peer advises to leave. */
  readonly advised: (advice: Extract<DecodedFrame, { kind: "advice" }>) => void;
  /** The peer is silent: it ends because of that. */
  readonly silent: () => void;
  /** It is over. */
  readonly ended: (end: End) => void;
}

/** What a connection is made of. */
export interface ConnectionParts {
  /** Its socket, connecting. */
  readonly socket: WebSocket;
  /** Its peer's language. */
  readonly profile: SdkProfile;
  /** Its heartbeat's times. */
  readonly settings: Settings;
  /** Its timers: calls once, after so many ms, unless it is cancelled. */
  readonly after: After;
  /** When it must be open, ms on the monotonic clock. */
  readonly openByMs: number;
}

/** What a client says of a peer that is silent (PROTOCOLS section 1). */
const SILENT: End = { code: 4000, reason: "Heartbeat timeout", wasClean: false };

/** Of one that did not open, or whose peer does not answer our close frame. */
const FAILED: End = { code: 1006, reason: "", wasClean: false };

/** Of one that did not open in time; no close code of ours reaches it. */
export const TOO_LATE: End = { code: 1006, reason: "Connect timeout", wasClean: false };

/**
 * A connection this old was no accident, ms: attempts before it count no more. A server that lets
 * every client in and soon closes it again is retried with backoff, as if it were down.
 */
const STABLE_MS = 10_000;

/** A peer may take so long to answer a close frame, ms. */
const CLOSE_WAIT_MS = 2_000;

/** Of all connections: an id is never used again, so that no answer is taken for another's. */
let count = 0;

export class Connection {
  /** Whether there was no network, and the peer has not answered since: what is sent may be lost. */
  isHeld = false;
  readonly #parts: ConnectionParts;
  readonly #calls: ConnectionCalls;
  readonly #heartbeatMonitor: HeartbeatMonitor;
  #pending: { readonly id: string; readonly sentMs: number } | undefined;
  #openedMs = Infinity;
  #cancelWait = () => {};

  /** Begins to listen. */
  constructor(parts: ConnectionParts, calls: ConnectionCalls) {
    const { socket, profile, settings } = parts;
    this.#parts = parts;
    this.#calls = calls;
    this.#heartbeatMonitor = new HeartbeatMonitor({
      ...settings,
      openByMs: parts.openByMs,
      answers: profile.answers,
    }, {
      after: parts.after,
      send: () => this.#sendHeartbeat(),
      dead: () => this.#dead(),
    });
    socket.onopen = () => {
      this.#openedMs = performance.now();
      calls.opened(); // the user's first messages, a login perhaps, go before the first heartbeat
      this.#heartbeatMonitor.opened();
    };
    socket.onmessage = (event) => this.#receive(event);
    socket.onerror = () => {
      calls.failed();
      // Of a failed attempt Node 22 reports no more than this; elsewhere the close event says the same.
      if (this.#openedMs === Infinity) this.#give(FAILED);
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      this.#heartbeatMonitor.stop();
      this.#cancelWait();
      calls.ended({ code, reason, wasClean });
    };
  }

  /** Its socket, for the properties of WebSocket. */
  get socket(): WebSocket {
    return this.#parts.socket;
  }

  /** Whether it can send now. A socket knows that it is closing before its close event comes. */
  get isOpen(): boolean {
    return this.#openedMs < Infinity && this.socket.readyState === 1;
  }

  /** Whether it has been open for a while. */
  get isStable(): boolean {
    return performance.now() - this.#openedMs >= STABLE_MS;
  }

  /** Sends if it is open. @returns whether it did */
  send(data: Sendable): boolean {
    if (!this.isOpen) return false;
    this.socket.send(data as string);
    return true;
  }

  /** Asks for a sign of life within a short time. */
  probe(): void {
    if (this.isOpen) this.#heartbeatMonitor.probe();
  }

  /** There is no network: no timeout until a probe. */
  hold(): void {
    this.isHeld = this.isOpen;
    if (this.isHeld) this.#heartbeatMonitor.hold();
  }

  /** Begins the closing handshake. @throws {DOMException} what WebSocket's `close()` throws */
  close(end: End): void {
    this.socket.close(end.code, end.reason);
    this.#heartbeatMonitor.stop();
    this.#cancelWait = this.#parts.after(CLOSE_WAIT_MS, () => this.#give(FAILED));
  }

  /** Leaves at once and ignores later events; a dead peer's part of the handshake is not waited for. */
  leave({ code, reason }: End): void {
    const { socket } = this;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // of a socket closed while connecting
    this.#heartbeatMonitor.stop();
    this.#cancelWait();
    if (code === 1006) socket.close();
    else socket.close(code, reason);
  }

  #give(end: End): void {
    if (this.socket.onclose === null) return; // left by a handler of the failure
    this.leave(end);
    this.#calls.ended(end);
  }

  #dead(): void {
    if (!this.isOpen) return this.#give(TOO_LATE);
    this.#calls.silent();
    this.#give(SILENT);
  }

  #sendHeartbeat(): void {
    const id = `${HEARTBEAT_ID}${++count}`;
    if (this.send(this.#parts.profile.heartbeat(id))) {
      this.#pending = { id, sentMs: performance.now() };
    }
  }

  #receive(event: MessageEvent): void {
    if (!this.isHeld) this.#heartbeatMonitor.touch();
    const { data } = event;
    const frame = typeof data === "string" ? this.#parts.profile.decode(data) : undefined;
    if (frame?.kind === "heartbeat") return this.#answered(frame.id);
    if (frame?.kind === "ping") return void this.send(frame.answer);
    if (frame?.kind === "advice") this.#calls.advised(frame);
    this.#calls.received(event);
  }

  /**
   * An id of ours that is not the newest's is a late answer: a sign of life, but no measurement.
   * Frames from before the network went may come after it is back: there only an answer is proof.
   */
  #answered(id: string | undefined): void {
    const pending = this.#pending;
    const isNewest = pending !== undefined && (id ?? pending.id) === pending.id;
    const { answers } = this.#parts.profile;
    if (this.isHeld && (isNewest || !answers)) {
      this.isHeld = false;
      this.#heartbeatMonitor.touch();
      this.#calls.resumed();
    }
    if (!isNewest || !answers) return this.#calls.alive(undefined);
    this.#pending = undefined;
    const rttMs = performance.now() - pending.sentMs;
    this.#calls.alive(rttMs);
  }
}
