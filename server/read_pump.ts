/**
 * The readPump: from a client's socket to the hub. Every frame is first a sign of life, then counted
 * against the flood limit, then decoded by the profile, then told to the hub; when the hub's mailbox
 * is full it stops reading until there is room.
 *
 * @module
 */

import type { CloseReason } from "./close_codes.ts";
import type { Clock } from "./clock.ts";
import type { RateLimit } from "./guard/rate_limit.ts";
import type { Heartbeat } from "./liveness/heartbeat.ts";
import type { Wheel } from "./liveness/wheel.ts";
import type { Inbound } from "./message.ts";
import type { ProfileCounts } from "./metrics.ts";
import type { Profile } from "./profiles/profile.ts";
import type { Socket, SocketEnd, SocketEvents, SocketFault } from "./socket.ts";

/** What the hub is asked to do for a client; replies too, so that answers keep the order of asking. */
export type Command = Extract<Inbound, { kind: "subscribe" | "unsubscribe" | "publish" | "reply" }>;

/** The client behind the pump. */
export interface Reader {
  /** Decodes its frames. */
  readonly profile: Profile;
  /** Hears its signs of life. */
  readonly heartbeat: Heartbeat;
  /** Bounds its frames. */
  readonly flood: RateLimit;
  /** Counts them. */
  readonly counts: ProfileCounts;
  /** Whether it has been let go: nothing it says counts any more. */
  readonly closing: boolean;
  /** Answers a control ping. */
  pong(payload: Uint8Array): void;
  /** Lets the client go. */
  close(reason: CloseReason): void;
  /** The socket has gone. */
  ended(end: SocketEnd): void;
  /** Tells the hub; "full" asks to stop reading until `room()`. */
  tell(command: Command): "sent" | "full" | "closed";
  /** Resolves when the hub can take more. */
  room(): Promise<void>;
}

/** See the module. */
export class ReadPump implements SocketEvents {
  readonly #reader: Reader;
  readonly #socket: Socket;
  readonly #wheel: Wheel;
  readonly #clock: Clock;
  #paused = false;

  /** Takes over the socket's events. */
  constructor(reader: Reader, socket: Socket, { wheel, clock }: { wheel: Wheel; clock: Clock }) {
    this.#reader = reader;
    this.#socket = socket;
    this.#wheel = wheel;
    this.#clock = clock;
  }

  /** See `SocketEvents`. */
  message(data: Uint8Array, _isBinary: boolean): void {
    if (!this.#admit()) return;
    const { profile, counts } = this.#reader;
    counts.messagesIn++;
    const inbound = profile.decode(data, this.#clock.wall());
    switch (inbound.kind) {
      case "app_pong":
        counts.appPongs++;
        return;
      case "malformed":
        counts.malformed++;
        if (inbound.text !== undefined) this.#tell({ kind: "reply", text: inbound.text });
        return;
      default:
        this.#tell(inbound);
    }
  }

  /** See `SocketEvents`. */
  ping(payload: Uint8Array): void {
    if (this.#admit()) this.#reader.pong(payload);
  }

  /** See `SocketEvents`. */
  pong(_payload: Uint8Array): void {
    if (this.#admit()) this.#reader.counts.controlPongs++;
  }

  /** See `SocketEvents`. */
  fault(kind: SocketFault): void {
    this.#reader.close(kind);
  }

  /** See `SocketEvents`. */
  closed(end: SocketEnd): void {
    this.#reader.ended(end);
  }

  #admit(): boolean {
    if (this.#reader.closing) return false;
    this.#reader.heartbeat.sign(this.#wheel.now());
    // The machine's time, not the wheel's: what piled up during a stall was not sent in one moment.
    if (this.#reader.flood.take(this.#clock.now())) return true;
    this.#reader.close("rate_limited");
    return false;
  }

  #tell(command: Command): void {
    if (this.#reader.tell(command) === "full" && !this.#paused) void this.#pause();
  }

  /** What has been read already is still told: the mailbox takes it beyond its bound. */
  async #pause(): Promise<void> {
    this.#paused = true;
    this.#socket.pause();
    this.#reader.heartbeat.suspend();
    await this.#reader.room();
    this.#paused = false;
    this.#reader.heartbeat.resume(this.#wheel.now());
    if (!this.#reader.closing) this.#socket.resume();
  }
}
