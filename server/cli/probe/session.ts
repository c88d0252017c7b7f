/**
 * One probed connection: sends pings at an interval, what it is told, or nothing, and records what the
 * other side does. Owns the times; prints nothing.
 *
 * @module
 */

import type { Clock } from "../../base/clock.ts";
import { rounded } from "../../liveness/rtt.ts";
import type { HubProfile } from "../../sdk/profile.ts";
import { PingInterval, type PingIntervalFigures } from "./ping_interval.ts";
import { type PingFigures, ProbePings } from "./pings.ts";
import type { PeerEnd, ProbeSocket } from "./socket.ts";

/** WebSocket's control pings, or messages of a profile. */
export type PingKind = "control" | "app";

/** What a session does. */
export interface ProbePlan {
  /** Rounds of pings; absent: until stopped. */
  readonly count?: number;
  /** From one round to the next, ms. */
  readonly intervalMs: number;
  /** A ping without an answer after this time is lost, ms. */
  readonly timeoutMs: number;
  /** Set: send no ping and wait for the close, at most this time, ms. */
  readonly idleMs?: number;
  /** Send no ping but what `say()` is told, and tell each message as an event. */
  readonly interactive: boolean;
  /** Leave the server's pings unanswered. */
  readonly mute: boolean;
  /** The frames of the profile, if one is used. */
  readonly profile?: HubProfile;
}

/** An event of a session: one line of output. */
export type ProbeEvent =
  | {
    readonly kind: "answer";
    readonly ping: PingKind;
    readonly seq: number;
    readonly rttMs: number;
  }
  | { readonly kind: "lost"; readonly ping: PingKind; readonly seq: number }
  | { readonly kind: "message"; readonly text: string }
  | {
    readonly kind: "server_ping";
    readonly ping: PingKind;
    readonly number: number;
    readonly atMs: number;
  };

/** Why it ended: the plan was done, the probe was stopped, or the other side closed the connection. */
export type ProbeEnd =
  | { readonly by: "plan" }
  | { readonly by: "stop" }
  | ({ readonly by: "peer" } & PeerEnd);

/** The result of a session. */
export interface Findings {
  /** How long the connection was open, ms. */
  readonly openMs: number;
  /** From the probe's last frame to the end, ms; null: it wrote none. */
  readonly sinceSentMs: number | null;
  /** From the last received frame to the end, ms; null: there was none. */
  readonly sinceHeardMs: number | null;
  /** Why it ended. */
  readonly end: ProbeEnd;
  /** The control pings. */
  readonly control: PingFigures;
  /** The profile's own pings; null without a profile. */
  readonly app: PingFigures | null;
  /** The server's own pings. */
  readonly server: Readonly<Record<PingKind, PingIntervalFigures>>;
  /** Control pongs that match no outstanding ping. */
  readonly strayPongs: number;
  /** Messages that are no heartbeat traffic. */
  readonly messages: number;
}

/** The longest wait for the answer to the close frame, ms. */
const CLOSE_WAIT_MS = 1_000;

/** Starts when it is created. */
export class ProbeSession {
  readonly #socket: ProbeSocket;
  readonly #clock: Clock;
  readonly #plan: ProbePlan;
  readonly #token: string;
  readonly #emit: (event: ProbeEvent) => void;
  readonly #pings: Readonly<Record<PingKind, ProbePings>>;
  readonly #intervals = { control: new PingInterval(), app: new PingInterval() };
  readonly #done = Promise.withResolvers<Findings>();
  readonly #startMs: number;
  #sentMs: number | undefined;
  #receivedMs: number | undefined;
  #rounds = 0;
  #appSent = 0;
  #strayPongs = 0;
  #messages = 0;
  #cancelNext = () => {};
  /** Set when the probe itself ends the session. */
  #findings: Findings | undefined;

  /**
   * Sends the first pings at once.
   *
   * @param token the prefix of this probe's ids: begins with `HEARTBEAT_ID_PREFIX`, unique
   */
  constructor(
    socket: ProbeSocket,
    { clock, plan, token, onEvent }: {
      readonly clock: Clock;
      readonly plan: ProbePlan;
      readonly token: string;
      readonly onEvent: (event: ProbeEvent) => void;
    },
  ) {
    this.#socket = socket;
    this.#clock = clock;
    this.#plan = plan;
    this.#token = token;
    this.#emit = (event) => this.#findings ?? onEvent(event); // nothing after the summary
    this.#startMs = clock.now();
    const pingsOf = (ping: PingKind) =>
      new ProbePings(clock, plan.timeoutMs, (seq) => {
        this.#emit({ kind: "lost", ping, seq });
        this.#endIfDone();
      });
    this.#pings = { control: pingsOf("control"), app: pingsOf("app") };
    socket.attach({
      message: (text) => this.#message(text),
      ping: (payload) => {
        this.#serverPing("control");
        if (!plan.mute) this.#send(() => socket.pong(payload));
      },
      pong: (payload) => {
        this.#receivedMs = clock.now();
        if (!this.#answer("control", payload)) this.#strayPongs++;
      },
      closed: (end) => this.#closed(end),
    });
    if (plan.interactive) return;
    if (plan.idleMs === undefined) this.#round();
    else this.#cancelNext = clock.after(plan.idleMs, () => this.#end("plan"));
  }

  /** Resolves when the connection has ended. */
  get findings(): Promise<Findings> {
    return this.#done.promise;
  }

  /** Ends it now. */
  stop(): void {
    this.#end("stop");
  }

  /** Sends a text message. */
  say(text: string): void {
    this.#send(() => this.#socket.send(text));
  }

  /** Ends it when the other side has had the timeout of an answer. */
  endAfterAnswers(): void {
    if (this.#findings !== undefined) return;
    this.#cancelNext();
    this.#cancelNext = this.#clock.after(this.#plan.timeoutMs, () => this.#end("plan"));
  }

  #round(): void {
    const { count = Infinity, intervalMs, profile } = this.#plan;
    const id = `${this.#token}-${++this.#rounds}`;
    this.#pings.control.send(id);
    this.#send(() => this.#socket.ping(id));
    if (profile !== undefined) {
      this.#appSent++;
      if (profile.answers) this.#pings.app.send(id);
      this.#send(() => this.#socket.send(profile.heartbeat(id)));
    }
    if (this.#rounds < count) {
      this.#cancelNext = this.#clock.after(intervalMs, () => this.#round());
    }
  }

  #message(text: string): void {
    this.#receivedMs = this.#clock.now();
    const { profile, mute } = this.#plan;
    const frame = profile?.decode(text);
    if (frame?.kind === "ping") {
      this.#serverPing("app");
      if (!mute) this.#send(() => this.#socket.send(frame.answer));
    } else if (frame?.kind === "heartbeat" && !profile?.answers) {
      this.#serverPing("app");
    } else if (frame?.kind !== "heartbeat" || !this.#answer("app", frame.id)) {
      this.#messages++;
      if (this.#plan.interactive) this.#emit({ kind: "message", text });
    }
  }

  #answer(ping: PingKind, id: string | undefined): boolean {
    const answered = this.#pings[ping].answer(id);
    if (answered === undefined) return false;
    this.#emit({ kind: "answer", ping, ...answered });
    this.#endIfDone();
    return true;
  }

  /** The server has sent a ping. */
  #serverPing(ping: PingKind): void {
    const nowMs = this.#receivedMs = this.#clock.now();
    const number = this.#intervals[ping].record(nowMs);
    this.#emit({ kind: "server_ping", ping, number, atMs: nowMs - this.#startMs });
  }

  #send(write: () => void): void {
    this.#sentMs = this.#clock.now();
    write();
  }

  #endIfDone(): void {
    const { control, app } = this.#pings;
    if (this.#rounds === this.#plan.count && control.outstanding + app.outstanding === 0) {
      this.#end("plan");
    }
  }

  /** The findings end here: they do not include the closing handshake. */
  #end(by: "plan" | "stop"): void {
    if (this.#findings !== undefined) return;
    this.#findings = this.#findingsAt({ by });
    this.#cancelNext();
    for (const pings of Object.values(this.#pings)) pings.cancelAll();
    this.#cancelNext = this.#clock.after(CLOSE_WAIT_MS, () => this.#socket.terminate());
    this.#socket.close();
  }

  #closed(end: PeerEnd): void {
    this.#cancelNext();
    for (const pings of Object.values(this.#pings)) pings.loseAll();
    this.#done.resolve(this.#findings ?? this.#findingsAt({ by: "peer", ...end }));
  }

  #findingsAt(end: ProbeEnd): Findings {
    const nowMs = this.#clock.now();
    const { control, app } = this.#pings;
    const { profile } = this.#plan;
    return {
      openMs: rounded(nowMs - this.#startMs)!,
      sinceSentMs: this.#sentMs === undefined ? null : rounded(nowMs - this.#sentMs),
      sinceHeardMs: this.#receivedMs === undefined ? null : rounded(nowMs - this.#receivedMs),
      end,
      control: control.figures,
      app: profile === undefined ? null : { ...app.figures, sent: this.#appSent },
      server: { control: this.#intervals.control.figures, app: this.#intervals.app.figures },
      strayPongs: this.#strayPongs,
      messages: this.#messages,
    };
  }
}
