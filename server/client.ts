/**
 * One connection: owns its socket, its queue and its pumps, and is the only room that ends it. Its
 * errors stop here; each connection is told of in two log lines, one when it opens and one when it
 * has ended.
 *
 * @module
 */

import { causeOf } from "./diagnosis/close_cause.ts";
import {
  type Cause,
  CLOSE_REASONS,
  type CloseChange,
  type CloseReason,
  closeText,
} from "./close_codes.ts";
import { endOf, lineOf } from "./client/close_history.ts";
import { RateLimit } from "./auth/rate_limit.ts";
import type { SlidingWindow } from "./auth/sliding_window.ts";
import { Alarm, type Watched } from "./client/health_actions.ts";
import type { ClientContext, ClientOptions } from "./client/client_deps.ts";
import { Ledger } from "./client/connection_counters.ts";
import { Heartbeat } from "./liveness/heartbeat.ts";
import type { Command, Notice } from "./message.ts";
import type { ProfileCounts } from "./metrics/counts.ts";
import type { Dialogue, Profile, Rights } from "./profiles/profile.ts";
import { Pulse, type Pulsed } from "./client/heartbeat_timer.ts";
import { type Reader, ReadPump } from "./read_pump.ts";
import type { Figures, Member } from "./hub/subscription_registry.ts";
import type { Socket, SocketEnd } from "./transport/socket.ts";
import { Vitals } from "./client/connection_health.ts";
import { type Enqueued, WritePump } from "./write_pump.ts";

/** See the module. */
export class Client implements Member, Reader, Pulsed, Watched {
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
  /** See `Reader`, `Pulsed` and `Watched`. */
  readonly vitals: Vitals;
  /** See `Reader`. */
  readonly flood: RateLimit;
  /** See `Reader`. */
  readonly quota: SlidingWindow | undefined;
  /** See `Reader`. */
  readonly counts: ProfileCounts;
  readonly #context: ClientContext;
  readonly #socket: Socket;
  readonly #proxy: string | undefined;
  readonly #onEnd: () => void;
  readonly #onViolation: () => void;
  readonly #writePump: WritePump;
  readonly #pulse: Pulse;
  readonly #ledger: Ledger;
  readonly #alarm: Alarm;
  #reason: CloseReason | undefined;

  /** Starts both pumps and welcomes the client. */
  constructor(options: ClientOptions, context: ClientContext) {
    const { socket, profile, target, grant, quota, address, proxy, onEnd, onViolation } = options;
    const { clock, wheel, hub, metrics, log, maxMessagesPerSecond, random, isKey } = context;
    const { keyId, rights, expiresAtMs = Infinity } = grant;
    this.profile = profile;
    this.keyId = keyId;
    this.address = address;
    this.rights = rights;
    this.#context = context;
    this.#socket = socket;
    this.#proxy = proxy;
    this.#onEnd = onEnd;
    this.#onViolation = onViolation;
    const wallMs = clock.wall();
    this.dialogue = profile.open({ clientId: this.id, target, rights, isKey, wallMs });
    this.counts = metrics.of(profile.name);
    this.#ledger = new Ledger(this.counts, clock);
    this.heartbeat = new Heartbeat(this.dialogue.rules, wheel.now(), random());
    this.#alarm = new Alarm(this, context);
    this.vitals = new Vitals({
      clientId: this.id,
      nowMs: wheel.now(),
      random: random(),
      rules: this.dialogue.rules,
      watcher: this.#alarm,
    });
    this.flood = new RateLimit(maxMessagesPerSecond, clock.now());
    this.quota = quota;
    this.#writePump = new WritePump(socket, context, () => this.#fallBehind());
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
  get overdueBytes(): number {
    return this.#writePump.overdueBytes;
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
    if (enqueued === "full") this.#fallBehind();
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

  /** Lets the client go, for exactly one reason: later ones change nothing. See `Member`. */
  close(reason: CloseReason, change?: CloseChange): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (reason === "rate_limited") this.#onViolation();
    const { ending, mayRetry, afterMs, ...row } = { ...CLOSE_REASONS[reason], ...change };
    const farewell = this.dialogue.farewell?.(reason);
    const { code, reason: text } = farewell ?? { ...row, reason: closeText(reason, afterMs) };
    this.vitals.recorder.record("closing", this.#context.wheel.now(), code);
    const isPolite = ending === "polite";
    if (isPolite && mayRetry) this.notify({ kind: "reconnect", afterMs, reason });
    // Where the system says goodbye itself, what it was answered before comes before that.
    const last = farewell?.text === undefined ? undefined : this.#context.frameText(farewell.text);
    if (last !== undefined) this.#ledger.sent();
    if (isPolite || farewell !== undefined) this.#writePump.finish(last);
    else this.counts.messagesDropped += this.#writePump.discard();
    if (isPolite) this.#socket.close(code, text);
    else if (ending === "terminate" && farewell === undefined) this.#socket.terminate();
    else this.#socket.abort(code, text);
  }

  /** See `Member`. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** See `Reader`. */
  ended({ byPeer, code }: SocketEnd): void {
    const { wheel, hub, clock, log, closedLog, metrics } = this.#context;
    const reason = this.#reason ??= byPeer ? "client_close" : "network_error";
    const cause = this.#causeOf(reason);
    const end = endOf(this, { reason, cause, closedMs: clock.wall() });
    metrics.death(cause);
    this.counts.messagesDropped += this.#writePump.discard();
    this.#pulse.stop();
    this.#alarm.end();
    this.vitals.end(wheel.now(), code);
    hub.tell({ kind: "leave", member: this });
    this.counts.closed[reason]++;
    closedLog.add(end);
    log.info("connection closed", lineOf(end));
    this.#onEnd();
  }

  #causeOf(reason: CloseReason): Cause {
    const { wheel, clock, pathLimits, log } = this.#context;
    const { survivor, lastHeardOrPingedMs } = this.vitals;
    const found = reason === "network_error"
      ? pathLimits.ended({
        address: this.address,
        proxy: this.#proxy,
        idleMs: wheel.now() - Math.max(lastHeardOrPingedMs, this.#writePump.lastWriteMs),
        nowMs: clock.wall(),
      })
      : undefined;
    if (found?.isNews) log.warning("idle connections are cut on the way", { ...found.limit });
    const { sinceStandstillMs } = wheel;
    return causeOf({ reason, sinceStandstillMs, survivor, wasCut: found !== undefined });
  }

  /** See `Watched`. */
  notify(notice: Notice): boolean {
    const text = this.dialogue.notify(notice);
    if (text === undefined || this.say(text) !== "queued") return false;
    const nowMs = this.#context.wheel.now();
    if (notice.kind === "reconnect") this.vitals.recorder.record("advised", nowMs, notice.afterMs);
    return true;
  }

  /** See `Pulsed`. */
  say(text: string): Enqueued {
    return this.#queue(this.#context.frameText(text));
  }

  #fallBehind(): void {
    const { recorder } = this.vitals;
    recorder.record("queue_full", this.#context.wheel.now(), this.#writePump.queuedMessages);
    this.close("slow_consumer");
  }

  #queue(frame: Uint8Array): Enqueued {
    const enqueued = this.#writePump.enqueue(frame);
    if (enqueued === "queued") this.#ledger.sent();
    return enqueued;
  }
}
