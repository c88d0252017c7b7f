/**
 * One connection: owns its socket, its queue and its pumps, and is the only room that ends it. Its
 * errors stop here; each connection is told of in two log lines, one when it opens and one when it
 * has ended.
 *
 * @module
 */

import { CLOSE_REASONS, type CloseReason, closeText } from "./close_codes.ts";
import type { Clock } from "./clock.ts";
import { type ClosedLog, endOf, lineOf } from "./closed_log.ts";
import type { Grant } from "./guard/grant.ts";
import { RateLimit } from "./guard/rate_limit.ts";
import { perMinute, type SlidingWindow } from "./guard/sliding_window.ts";
import type { Hub } from "./hub.ts";
import { Ledger } from "./ledger.ts";
import { Heartbeat } from "./liveness/heartbeat.ts";
import type { Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging.ts";
import type { Command, Notice } from "./message.ts";
import type { Metrics, ProfileCounts } from "./metrics.ts";
import type { Dialogue, Profile, Rights, UpgradeTarget } from "./profiles/profile.ts";
import { Pulse, type Pulsed } from "./pulse.ts";
import { type Reader, ReadPump } from "./read_pump.ts";
import type { Figures, Member } from "./roster.ts";
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
  /** Where its end is remembered. */
  readonly closedLog: ClosedLog;
  /** Makes frames. */
  readonly frameText: FrameText;
  /** A batch must drain within so long, ms. */
  readonly writeWaitMs: number;
  /** The flood limit; 0 = none. */
  readonly maxMessagesPerSecond: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** See `Visit`. */
  readonly isKey: (credential: string) => boolean;
}

/** What one client is made of. */
export interface ClientOptions {
  /** Its end of the wire. */
  readonly socket: Socket;
  /** What it speaks. */
  readonly profile: Profile;
  /** What it asked for. */
  readonly target: UpgradeTarget;
  /** What it may do. */
  readonly grant: Grant;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** Called once when all is over. */
  readonly onEnd: (reason: CloseReason) => void;
}

/** See the module. */
export class Client implements Member, Reader, Pulsed {
  /** See `Member`. */
  readonly id: string = crypto.randomUUID();
  /** See `Member`. */
  readonly profile: Profile;
  /** See `Member`. */
  readonly keyId: string | undefined;
  /** See `Member`. */
  readonly address: string;
  /** See `Member`, `Reader` and `Pulsed`. */
  readonly dialogue: Dialogue;
  /** See `Reader`. */
  readonly rights: Rights;
  /** See `Reader`. */
  readonly heartbeat: Heartbeat;
  /** See `Reader`. */
  readonly flood: RateLimit;
  /** See `Reader`. */
  readonly quota: SlidingWindow | undefined;
  /** See `Reader`. */
  readonly counts: ProfileCounts;
  readonly #context: ClientContext;
  readonly #socket: Socket;
  readonly #onEnd: (reason: CloseReason) => void;
  readonly #writePump: WritePump;
  readonly #pulse: Pulse;
  readonly #ledger: Ledger;
  #reason: CloseReason | undefined;

  /** Starts both pumps and welcomes the client. */
  constructor(options: ClientOptions, context: ClientContext) {
    const { socket, profile, target, grant, address, onEnd } = options;
    const { clock, wheel, hub, metrics, log, maxMessagesPerSecond, random, isKey } = context;
    const { keyId, rights, expiresAtMs = Infinity, maxMessagesPerMinute } = grant;
    this.profile = profile;
    this.keyId = keyId;
    this.address = address;
    this.rights = rights;
    this.#context = context;
    this.#socket = socket;
    this.#onEnd = onEnd;
    const wallMs = clock.wall();
    this.dialogue = profile.open({ clientId: this.id, target, rights, isKey, wallMs });
    this.counts = metrics.of(profile.name);
    this.#ledger = new Ledger(this.counts, clock);
    this.heartbeat = new Heartbeat(this.dialogue.rules, wheel.now(), random());
    this.flood = new RateLimit(maxMessagesPerSecond, clock.now());
    this.quota = perMinute(maxMessagesPerMinute);
    this.#writePump = new WritePump(socket, context);
    log.info("connection opened", { id: this.id, profile: profile.name, key: keyId, address });
    for (const text of this.dialogue.greeting) this.say(text);
    hub.tell({ kind: "join", member: this, follows: this.dialogue.follows });
    this.#pulse = new Pulse(this, expiresAtMs, context);
    socket.attach(new ReadPump(this, socket, context));
  }

  /** See `Member`. */
  get pendingBytes(): number {
    return this.#writePump.pendingBytes;
  }

  /** See `Member`. */
  figures(): Figures {
    const idleMs = this.#context.wheel.now() - this.heartbeat.lastLifeMs;
    return this.#ledger.figures({ idleMs, queuedMessages: this.#writePump.queuedMessages });
  }

  /** See `Pulsed`. */
  get writingSinceMs(): number {
    return this.#writePump.writingSinceMs;
  }

  /** See `Reader` and `Pulsed`. */
  get closing(): boolean {
    return this.#reason !== undefined;
  }

  /** See `Member`. */
  enqueue(frame: Uint8Array): void {
    const enqueued = this.#queue(frame);
    if (enqueued !== "queued") this.counts.messagesDropped++;
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

  /** See `Reader`. */
  received(): void {
    this.#ledger.received();
  }

  /** See `Pulsed`. */
  ping(payload: Uint8Array): void {
    this.#socket.ping(payload);
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
    const row = CLOSE_REASONS[reason];
    const farewell = this.dialogue.farewell?.(reason);
    const goodbye = farewell ?? { code: row.code, reason: closeText(reason, afterMs) };
    if (row.ending === "polite") {
      if (row.mayRetry) {
        this.#notify({ kind: "reconnect", afterMs: afterMs ?? row.afterMs, reason });
      }
      if (farewell?.text !== undefined) this.say(farewell.text);
      this.#writePump.finish();
      this.#socket.close(goodbye.code, goodbye.reason);
      return;
    }
    // Where the system says goodbye itself, what it was answered before comes before that.
    if (farewell?.text !== undefined) this.say(farewell.text);
    if (farewell !== undefined) this.#writePump.finish();
    else this.counts.messagesDropped += this.#writePump.discard();
    if (row.ending === "terminate" && farewell === undefined) return this.#socket.terminate();
    this.#socket.abort(goodbye.code, goodbye.reason);
  }

  /** See `Member`. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** See `Reader`. */
  ended({ byPeer }: SocketEnd): void {
    const { hub, clock, log, closedLog } = this.#context;
    this.#reason ??= byPeer ? "client_close" : "network_error";
    const end = endOf(this, this.#reason, clock.wall());
    this.counts.messagesDropped += this.#writePump.discard();
    this.#pulse.stop();
    hub.tell({ kind: "leave", member: this });
    this.counts.closed[this.#reason]++;
    closedLog.add(end);
    log.info("connection closed", lineOf(end));
    this.#onEnd(this.#reason);
  }

  /** @returns undefined where the system has no frame for it */
  #notify(notice: Notice): Enqueued | undefined {
    const text = this.dialogue.notify(notice);
    return text === undefined ? undefined : this.say(text);
  }

  /** See `Pulsed`. */
  say(text: string): Enqueued {
    return this.#queue(this.#context.frameText(text));
  }

  #queue(frame: Uint8Array): Enqueued {
    const enqueued = this.#writePump.enqueue(frame);
    if (enqueued === "queued") this.#ledger.sent();
    return enqueued;
  }
}
