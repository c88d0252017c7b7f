/**
 * One probed connection from its first frame to its last: sends pings in their interval or waits in
 * silence, and finds out what the other side does meanwhile. Owns the time line; writes no word.
 *
 * @module
 */

import type { Clock } from "../../base/clock.ts";
import { rounded } from "../../liveness/rtt.ts";
import type { SdkProfile } from "../../sdk/profile.ts";
import { PingInterval, type PingIntervalFigures } from "./ping_interval.ts";
import { type PingFigures, ProbePings } from "./pings.ts";
import type { PeerEnd, ProbeSocket } from "./socket.ts";

/** Which pings: WebSocket's own, or messages of a profile. */
export type PingKind = "control" | "app";

/** What to do with the connection. */
export interface ProbePlan {
  /** Rounds of pings; until stopped when absent. */
  readonly count?: number;
  /** From one round to the next. */
  readonly intervalMs: number;
  /** An answer that takes longer is none. */
  readonly timeoutMs: number;
  /** Send no ping and wait at most so long for the end. */
  readonly idleMs?: number;
  /** Leave the server's pings unanswered. */
  readonly mute: boolean;
  readonly wireProfile?: SdkProfile;
}

/** Something worth a line. */
export type ProbeEvent =
  | {
    readonly kind: "answer";
    readonly ping: PingKind;
    readonly seq: number;
    readonly rttMs: number;
  }
  | { readonly kind: "lost"; readonly ping: PingKind; readonly seq: number }
  | {
    readonly kind: "server_ping";
    readonly ping: PingKind;
    readonly number: number;
    readonly atMs: number;
  };

/** What ended it: the plan was done, the probe was stopped, or the other side closed. */
export type End =
  | { readonly by: "plan" }
  | { readonly by: "stop" }
  | ({ readonly by: "peer" } & PeerEnd);

/** All that was found. */
export interface Findings {
  /** How long the connection was open. */
  readonly openMs: number;
  /** How long before its end the probe wrote its last frame; null: it wrote none. */
  readonly sinceSentMs: number | null;
  /** How long before its end the last frame of the other side came; null: none came. */
  readonly sinceHeardMs: number | null;
  /** Who ended it. */
  readonly end: End;
  /** What became of the control pings. */
  readonly control: PingFigures;
  /** What became of the profile's own pings, if a profile was named. */
  readonly app: PingFigures | null;
  /** What the server sent of its own accord. */
  readonly server: Readonly<Record<PingKind, PingIntervalFigures>>;
  /** Control pongs that answer no open ping. */
  readonly strayPongs: number;
  /** Messages that are no heartbeats. */
  readonly messages: number;
}

/** How long a server may take to answer the close frame. */
const CLOSE_WAIT_MS = 1_000;

export class ProbeSession {
  readonly #socket: ProbeSocket;
  readonly #clock: Clock;
  readonly #plan: ProbePlan;
  readonly #token: string;
  readonly #emit: (event: ProbeEvent) => void;
  readonly #pings: Readonly<Record<PingKind, ProbePings>>;
  readonly #serverPings = { control: new PingInterval(), app: new PingInterval() };
  readonly #done = Promise.withResolvers<Findings>();
  readonly #startMs: number;
  #sentMs: number | undefined;
  #heardMs: number | undefined;
  #rounds = 0;
  #appSent = 0;
  #strayPongs = 0;
  #messages = 0;
  #cancelNext = () => {};
  /** Set when the probe itself has decided to end. */
  #findings: Findings | undefined;

  /** Starts at once. @param token begins this probe's ids, as `HEARTBEAT_ID` begins it; no other's may have it */
  constructor(
    socket: ProbeSocket,
    { clock, plan, token, emit }: {
      readonly clock: Clock;
      readonly plan: ProbePlan;
      readonly token: string;
      readonly emit: (event: ProbeEvent) => void;
    },
  ) {
    this.#socket = socket;
    this.#clock = clock;
    this.#plan = plan;
    this.#token = token;
    this.#emit = (event) => this.#findings ?? emit(event); // nothing after the summary
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
        this.#countPing("control");
        if (!plan.mute) this.#send(() => socket.pong(payload));
      },
      pong: (payload) => {
        this.#heardMs = clock.now();
        if (!this.#answer("control", payload)) this.#strayPongs++;
      },
      closed: (end) => this.#closed(end),
    });
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

  #round(): void {
    const { count = Infinity, intervalMs, wireProfile } = this.#plan;
    const id = `${this.#token}-${++this.#rounds}`;
    this.#pings.control.send(id);
    this.#send(() => this.#socket.ping(id));
    if (wireProfile !== undefined) {
      this.#appSent++;
      if (wireProfile.answers) this.#pings.app.send(id);
      this.#send(() => this.#socket.send(wireProfile.heartbeat(id)));
    }
    if (this.#rounds < count) {
      this.#cancelNext = this.#clock.after(intervalMs, () => this.#round());
    }
  }

  #message(text: string): void {
    this.#heardMs = this.#clock.now();
    const { wireProfile, mute } = this.#plan;
    const frame = wireProfile?.decode(text);
    if (frame?.kind === "ping") {
      this.#countPing("app");
      if (!mute) this.#send(() => this.#socket.send(frame.answer));
    } else if (frame?.kind === "heartbeat" && !wireProfile?.answers) {
      this.#countPing("app");
    } else if (frame?.kind !== "heartbeat" || !this.#answer("app", frame.id)) {
      this.#messages++;
    }
  }

  #answer(ping: PingKind, id: string | undefined): boolean {
    const answered = this.#pings[ping].answer(id);
    if (answered === undefined) return false;
    this.#emit({ kind: "answer", ping, ...answered });
    this.#endIfDone();
    return true;
  }

  /** The server pings of its own accord. */
  #countPing(ping: PingKind): void {
    const nowMs = this.#heardMs = this.#clock.now();
    const number = this.#serverPings[ping].add(nowMs);
    this.#emit({ kind: "server_ping", ping, number, atMs: nowMs - this.#startMs });
  }

  #send(write: () => void): void {
    this.#sentMs = this.#clock.now();
    write();
  }

  #endIfDone(): void {
    const { control, app } = this.#pings;
    if (this.#rounds === this.#plan.count && control.open + app.open === 0) this.#end("plan");
  }

  /** The findings are those until now: the close is not part of them. */
  #end(by: "plan" | "stop"): void {
    if (this.#findings !== undefined) return;
    this.#findings = this.#findingsAt({ by });
    this.#cancelNext();
    for (const pings of Object.values(this.#pings)) pings.forgetAll();
    this.#cancelNext = this.#clock.after(CLOSE_WAIT_MS, () => this.#socket.terminate());
    this.#socket.close();
  }

  #closed(end: PeerEnd): void {
    this.#cancelNext();
    for (const pings of Object.values(this.#pings)) pings.loseAll();
    this.#done.resolve(this.#findings ?? this.#findingsAt({ by: "peer", ...end }));
  }

  #findingsAt(end: End): Findings {
    const nowMs = this.#clock.now();
    const { control, app } = this.#pings;
    const { wireProfile } = this.#plan;
    return {
      openMs: rounded(nowMs - this.#startMs)!,
      sinceSentMs: this.#sentMs === undefined ? null : rounded(nowMs - this.#sentMs),
      sinceHeardMs: this.#heardMs === undefined ? null : rounded(nowMs - this.#heardMs),
      end,
      control: control.figures,
      app: wireProfile === undefined ? null : { ...app.figures, sent: this.#appSent },
      server: { control: this.#serverPings.control.figures, app: this.#serverPings.app.figures },
      strayPongs: this.#strayPongs,
      messages: this.#messages,
    };
  }
}
