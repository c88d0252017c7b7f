/**
 * The Socket port: what a pump needs of a connection, so that a test's fake can stand in for a real
 * one. Every implementation MUST pass tests/contracts/socket_contract.ts.
 *
 * @module
 */

/** The events of a connection. The calls of one socket never overlap. */
export interface SocketEvents {
  /** A whole message, text or binary. `data` is only valid during the call. */
  message(data: Uint8Array, isBinary?: boolean): void;
  /** So many frames of a message after its first have come; the message follows when it is whole. */
  continuations(count: number): void;
  /** A control ping. It has not been answered yet. */
  ping(payload: Uint8Array): void;
  /** A control pong, solicited or not. */
  pong(payload: Uint8Array): void;
  /** Invalid bytes; the socket has already sent the close code and will close. */
  fault(kind: SocketFault, code: number): void;
  /** The connection has ended, its descriptor is released. Exactly once, the last call. */
  closed(end: SocketEnd): void;
}

/** What is wrong with a frame. */
export type SocketFault = "message_too_big" | "bad_frame" | "rate_limited";

/** How a connection ended, as the socket saw it. */
export interface SocketEnd {
  /** The peer's close code; 1005 without one, 1006 without a close frame. */
  readonly code: number;
  /** Whether the peer sent a close frame. */
  readonly byPeer: boolean;
}

/** One connection. All calls are harmless after it has ended. */
export interface Socket {
  /** Starts the events. Called once, before anything has been read. */
  attach(events: SocketEvents): void;
  /**
   * Writes whole frames, in order with the other calls. MUST NOT wait.
   *
   * @param drained called later, once, when the bytes have left for the kernel or never will; not if
   *   that is so already
   * @returns whether it is so already, as it usually is
   */
  write(frames: Uint8Array, drained: () => void): boolean;
  /** Writes a control ping at once. @param payload at most 125 bytes */
  ping(payload: Uint8Array): void;
  /** Writes a control pong at once. @param payload at most 125 bytes */
  pong(payload: Uint8Array): void;
  /** Bytes written that the kernel has not taken. */
  readonly bufferedBytes: number;
  /** Stops reading; what has been read is still delivered. */
  pause(): void;
  /** Reads on after `pause()`. */
  resume(): void;
  /** Starts the closing handshake; MUST end within closeWait whatever the peer does. */
  close(code: number, text: string): void;
  /** Reads no more, sends the close frame and ends TCP as soon as it has left, within closeWait. */
  abort(code: number, text: string): void;
  /** Ends at once, without a frame. Nothing can block it. */
  terminate(): void;
}
