/**
 * One connection: owns its socket, its queue and its pumps, and is the only room that ends it. Its
 * errors stop here; each connection is told of in two log lines, one when it opens and one when it
 * has ended.
 *
 * @module
 */

import { CLOSE_REASONS, type CloseReason, closeText } from "./close_codes.ts";
import type { Clock } from "./clock.ts";
import { RateLimit } from "./guard/rate_limit.ts";
import type { Hub } from "./hub.ts";
import { Heartbeat } from "./liveness/heartbeat.ts";
import type { Beating, Place, Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging.ts";
import type { Outbound } from "./message.ts";
import type { Metrics, ProfileCounts } from "./metrics.ts";
import type { Profile } from "./profiles/profile.ts";
import { type Command, type Reader, ReadPump } from "./read_pump.ts";
import type { Member } from "./roster.ts";
import type { FrameText, Socket, SocketEnd } from "./socket.ts";
import { type Enqueued, WritePump, type WritePumpOptions } from "./write_pump.ts";

/** What all clients share. */
export interface ClientContext extends WritePumpOptions {
  /** Time of the machine. */
  readonly clock: Clock;
  /** Time without stalls, and who is due. */
  readonly wheel: Wheel;
  /** Who knows the others. */
  readonly hub: Hub;
  /** Where it is counted. */
  readonly metrics: Metrics;
  /** Where it is told. */
  readonly log: Logger;
  /** Makes frames. */
  readonly frameText: FrameText;
  /** A batch must drain within so long, ms. */
  readonly writeWaitMs: number;
  /** The flood limit; 0 = none. */
  readonly maxMessagesPerSecond: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What one client is made of. */
export interface ClientOptions {
  /** Its end of the wire. */
  readonly socket: Socket;
  /** What it speaks. */
  readonly profile: Profile;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** Called once when all is over. */
  readonly onEnd: () => void;
}

/** See the module. */
export class Client implements Member, Reader, Beating {
  /** See `Member`. */
  readonly id: string = crypto.randomUUID();
  /** See `Member` and `Reader`. */
  readonly profile: Profile;
  /** See `Reader`. */
  readonly heartbeat: Heartbeat;
  /** See `Reader`. */
  readonly flood: RateLimit;
  /** See `Reader`. */
  readonly counts: ProfileCounts;
  readonly #context: ClientContext;
  readonly #socket: Socket;
  readonly #address: string;
  readonly #onEnd: () => void;
  readonly #writePump: WritePump;
  readonly #place: Place;
  readonly #bornMs: number;
  #reason: CloseReason | undefined;
  #pings = 0;

  /** Starts both pumps and welcomes the client. */
  constructor({ socket, profile, address, onEnd }: ClientOptions, context: ClientContext) {
    const { clock, wheel, hub, metrics, log, maxMessagesPerSecond, random } = context;
    this.profile = profile;
    this.#context = context;
    this.#socket = socket;
    this.#address = address;
    this.#onEnd = onEnd;
    this.#bornMs = clock.now();
    this.counts = metrics.of(profile.name);
    this.heartbeat = new Heartbeat(profile.rules, wheel.now(), random());
    this.flood = new RateLimit(maxMessagesPerSecond, clock.now());
    this.#writePump = new WritePump(socket, context);
    this.counts.opened++;
    log.info("connection opened", { id: this.id, profile: profile.name, address });
    this.#say({ kind: "welcome", clientId: this.id });
    hub.tell({ kind: "join", member: this });
    this.#place = wheel.enter(this, this.#dueMs(wheel.now()));
    socket.attach(new ReadPump(this, socket, context));
  }

  /** See `Member`. */
  get pendingBytes(): number {
    return this.#writePump.pendingBytes;
  }

  /** See `Reader`. */
  get closing(): boolean {
    return this.#reason !== undefined;
  }

  /** See `Member`. */
  enqueue(frame: Uint8Array): void {
    const enqueued = this.#writePump.enqueue(frame);
    if (enqueued === "queued") {
      this.counts.messagesOut++;
      return;
    }
    this.counts.messagesDropped++;
    if (enqueued === "full") this.close("slow_consumer");
  }

  /** See `Reader`. */
  tell(command: Command): "sent" | "full" | "closed" {
    return this.#context.hub.tell({ kind: "command", member: this, command });
  }

  /** See `Reader`. */
  room(): Promise<void> {
    return this.#context.hub.room();
  }

  /** Answers a control ping within the bound of the send queue: who only pings must read, too. */
  pong(payload: Uint8Array): void {
    if (this.#socket.bufferedBytes > this.#context.queueBytes) this.close("slow_consumer");
    else this.#socket.pong(payload);
  }

  /**
   * Lets the client go, for exactly one reason: later ones change nothing.
   *
   * @param afterMs tells the client to come back after another time than the table's, ms
   */
  close(reason: CloseReason, afterMs?: number): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const { code, ending, mayRetry, afterMs: rowAfterMs } = CLOSE_REASONS[reason];
    if (ending === "polite") {
      if (mayRetry) this.#say({ kind: "reconnect", afterMs: afterMs ?? rowAfterMs, reason });
      this.#writePump.finish();
      this.#socket.close(code, closeText(reason, afterMs));
      return;
    }
    this.counts.messagesDropped += this.#writePump.discard();
    if (ending === "abrupt") this.#socket.abort(code, closeText(reason));
    else this.#socket.terminate();
  }

  /** See `Member`. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** What is due: a verdict, a ping, or nothing. See `Beating`. */
  beat(nowMs: number, mayConvict: boolean): number {
    if (this.closing) return Infinity; // the socket's own closeWait bounds the rest
    if (mayConvict && nowMs >= this.#writePump.writingSinceMs + this.#context.writeWaitMs) {
      this.close("write_timeout");
      return Infinity;
    }
    const finding = this.heartbeat.look(nowMs, mayConvict);
    switch (finding) {
      case "missed":
        this.counts.heartbeatsMissed++;
        this.#ping();
        break;
      case "ping":
        this.#ping();
        break;
      case "stale":
      case "missed_heartbeats":
        this.#context.metrics.detected(nowMs - this.heartbeat.lastLifeMs);
        this.close(finding);
        return Infinity;
    }
    return this.#dueMs(nowMs);
  }

  /** See `Reader`. */
  ended({ byPeer }: SocketEnd): void {
    const { hub, wheel, clock, log } = this.#context;
    this.#reason ??= byPeer ? "client_close" : "network_error";
    this.counts.messagesDropped += this.#writePump.discard();
    wheel.leave(this.#place);
    hub.tell({ kind: "leave", member: this });
    this.counts.closed[this.#reason]++;
    log.info("connection closed", {
      id: this.id,
      profile: this.profile.name,
      address: this.#address,
      reason: this.#reason,
      cause: CLOSE_REASONS[this.#reason].cause,
      seconds: Math.round(clock.now() - this.#bornMs) / 1_000,
      silentSeconds: Math.round(wheel.now() - this.heartbeat.lastLifeMs) / 1_000,
    });
    this.#onEnd();
  }

  /** The write pump's ticker: the control ping goes around the queue, the app ping through it. */
  #ping(): void {
    this.#pings++;
    this.#socket.ping(nonce());
    this.counts.controlPings++;
    const id = `${this.id.slice(0, 8)}-${this.#pings}`;
    const said = this.#say({ kind: "ping", id, timestamp: this.#context.clock.wall() });
    if (said === "queued") this.counts.appPings++;
    else if (said !== undefined) this.counts.appPingsSkipped++;
  }

  /** @returns undefined where the profile has no frame for it */
  #say(outbound: Outbound): Enqueued | undefined {
    const text = this.profile.encode(outbound);
    if (text === undefined) return undefined;
    const enqueued = this.#writePump.enqueue(this.#context.frameText(text));
    if (enqueued === "queued") this.counts.messagesOut++;
    return enqueued;
  }

  /** A batch written right after this look is due after writeWait at the earliest: soon enough. */
  #dueMs(nowMs: number): number {
    const { writeWaitMs } = this.#context;
    const writingSinceMs = Math.min(this.#writePump.writingSinceMs, nowMs);
    return Math.min(this.heartbeat.dueMs, writingSinceMs + writeWaitMs);
  }
}

/** A payload that no other ping has. */
function nonce(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(8));
}
