/**
 * The liveness of a peer's two layers, transport and application. A browser answers control pings while its
 * script hangs (RFC 6455 5.5.2: the pong is the protocol stack's, not the application's); a proxy
 * may swallow control frames while the script answers app pings. So transport and application have
 * clocks of their own.
 *
 * Pure: time comes in as an argument, always the wheel's (ms, without the server's own stalls).
 * Reports only; timeouts are the heartbeat's. Numbers only: nothing is allocated after the
 * constructor.
 *
 * @module
 */

/**
 * Which layers of a peer are active:
 *
 * - alive: as expected, as far as is known;
 * - frozen: the transport answers, the application does not, although it used to: a hanging script. Never
 *   for a client that has not answered an app ping yet, such as a plain WebSocket library;
 * - stripped: the application answers, control pings stay unanswered: something on the way removes
 *   control frames;
 * - silent: nothing came within the heartbeat timeout after a ping;
 * - dead: expired; final.
 */
export const LIVENESS_STATES = ["alive", "frozen", "stripped", "silent", "dead"] as const;
export type LivenessState = typeof LIVENESS_STATES[number];

/**
 * Which layer of a peer was active when its connection timed out: none, its transport alone, or its
 * application too, which then sent frames that its profile does not count as signs of life.
 */
export type ActiveLayer = "nothing" | "transport" | "application";

/**
 * So many control pings in a row that ran out of time while the application spoke make a connection
 * stripped. One alone may have met a stack that was busy; PROTOCOLS' health monitor, too, calls
 * three of a kind the end of doubt.
 */
export const STRIPPED_AFTER = 3;

export class Liveness {
  readonly #timeoutMs: number;
  #transportMs: number;
  /** When the application last showed life: an app pong or a message. */
  #applicationMs: number;
  /** The first ping of either kind since anything came; Infinity when none waits. */
  #pingedMs = Infinity;
  /** The first control ping since a control pong or since one was counted as unanswered. */
  #controlPingedMs = Infinity;
  /** The first app ping since the application spoke. */
  #appPingedMs = Infinity;
  /** Control pings in a row that ran out of time while the application spoke. */
  #unanswered = 0;
  #answersAppPings = false;
  #wasWriting = false;
  #suspended = false;
  #state: LivenessState = "alive";

  /**
   * Starts alive.
   *
   * @param nowMs the start of the connection
   * @param heartbeatTimeoutMs how long an answer to a ping may take: the heartbeat's own
   */
  constructor(nowMs: number, heartbeatTimeoutMs: number) {
    this.#timeoutMs = heartbeatTimeoutMs;
    this.#transportMs = nowMs;
    this.#applicationMs = nowMs;
  }

  /** When the peer's transport last showed life, which whatever arrives does. */
  get transportMs(): number {
    return this.#transportMs;
  }

  /** What the last look found. */
  get state(): LivenessState {
    return this.#state;
  }

  /** Whether a control ping without a pong means anything: not where control frames are stripped. */
  get countsControlPings(): boolean {
    return this.#unanswered < STRIPPED_AFTER;
  }

  /**
   * Bytes came that say nothing about the application: a control ping of the peer, a pong that
   * matches none of our pings, a part of a frame. On the frame path, as are the next three: moves
   * numbers, nothing else.
   */
  transport(nowMs: number): void {
    this.#transportMs = nowMs;
    this.#pingedMs = Infinity;
  }

  /** A message came, whatever it holds: its script runs. */
  application(nowMs: number): void {
    this.transport(nowMs);
    this.#applicationMs = nowMs;
    this.#appPingedMs = Infinity;
  }

  /** One of our app pings was answered. */
  appPong(nowMs: number): void {
    this.#answersAppPings = true;
    this.application(nowMs);
  }

  /** One of our control pings was answered, however late: control frames do pass. */
  controlPong(nowMs: number): void {
    this.transport(nowMs);
    this.#controlPingedMs = Infinity;
    this.#unanswered = 0;
  }

  /** We wrote a control ping. */
  controlPinged(nowMs: number): void {
    if (this.#pingedMs === Infinity) this.#pingedMs = nowMs;
    if (this.#controlPingedMs === Infinity) this.#controlPingedMs = nowMs;
    // A connection whose pings come faster than they time out is classified by the oldest of them.
    if (nowMs - this.#controlPingedMs < this.#timeoutMs) return;
    this.#settleControlPing();
    this.#controlPingedMs = nowMs;
  }

  /** We wrote an app ping: not one that was skipped because the queue was full. */
  appPinged(nowMs: number): void {
    if (this.#pingedMs === Infinity) this.#pingedMs = nowMs;
    if (this.#appPingedMs === Infinity) this.#appPingedMs = nowMs;
  }

  /**
   * Called before each evaluation by the wheel. An app ping may wait behind what has not been written yet: its
   * time starts when an evaluation finds no batch in flight. A frozen connection stays frozen.
   *
   * @param writingSinceMs when the batch in flight was written; Infinity when there is none
   */
  writing(writingSinceMs: number, nowMs: number): void {
    const isHeld = this.#wasWriting || writingSinceMs !== Infinity;
    this.#wasWriting = writingSinceMs !== Infinity;
    if (!isHeld || this.#appPingedMs === Infinity || this.#state === "frozen") return;
    this.#appPingedMs = nowMs;
  }

  /** We stopped reading: nothing that is missing proves anything until `resume()`. */
  suspend(): void {
    this.#suspended = true;
  }

  /** We read again: what was asked before is forgotten, what was learnt is not. */
  resume(): void {
    this.#suspended = false;
    this.#pingedMs = Infinity;
    this.#controlPingedMs = Infinity;
    this.#appPingedMs = Infinity;
  }

  /** The connection has timed out. @param sinceMs a layer that was active after that is the last active one */
  expire(sinceMs: number): ActiveLayer {
    this.#state = "dead";
    if (this.#applicationMs > sinceMs) return "application";
    return this.#transportMs > sinceMs ? "transport" : "nothing";
  }

  /**
   * Looks how it lives. Not to be called while the server recovers from a stall of its own: answers
   * may lie unread.
   */
  evaluate(nowMs: number): LivenessState {
    if (this.#suspended || this.#state === "dead") return this.#state;
    if (nowMs - this.#controlPingedMs >= this.#timeoutMs) {
      this.#settleControlPing();
      this.#controlPingedMs = Infinity;
    }
    this.#state = this.#classify(nowMs);
    return this.#state;
  }

  /** When time alone may change the state next; Infinity when only the peer or a ping can. */
  dueMs(nowMs: number): number {
    if (this.#suspended || this.#state === "dead") return Infinity;
    return Math.min(
      this.#timeoutAfter(this.#pingedMs, nowMs),
      this.#timeoutAfter(this.#controlPingedMs, nowMs),
      this.#timeoutAfter(this.#appPingedMs, nowMs),
    );
  }

  #classify(nowMs: number): LivenessState {
    if (nowMs - this.#pingedMs >= this.#timeoutMs) return "silent";
    if (!this.countsControlPings) return "stripped";
    // It is not silent, so something came since the app ping, and that was no application.
    const isOverdue = nowMs - this.#appPingedMs >= this.#timeoutMs;
    return isOverdue && this.#answersAppPings ? "frozen" : "alive";
  }

  /**
   * A control ping ran out of time. In utter silence that says nothing about control frames. On a
   * short way the application may answer within the same ms.
   */
  #settleControlPing(): void {
    if (this.#applicationMs >= this.#controlPingedMs) this.#unanswered++;
  }

  #timeoutAfter(pingedMs: number, nowMs: number): number {
    const dueMs = pingedMs + this.#timeoutMs;
    return dueMs > nowMs ? dueMs : Infinity;
  }
}
