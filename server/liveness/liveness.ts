/**
 * The liveness of one connection's transport and of its application, tracked separately. A browser
 * answers control pings while its script hangs (RFC 6455 5.5.2: the pong comes from the protocol
 * stack, not from the application); a proxy may drop control frames while the script answers app
 * pings. So transport and application each have a timestamp of their own.
 *
 * Pure: time is an argument, always the wheel's (ms, without the server's own stalls). Only
 * classifies; the heartbeat decides when a connection is closed. Numbers only: nothing is allocated
 * after construction.
 *
 * @module
 */

/**
 * The liveness of a connection:
 *
 * - alive: no fault is known;
 * - frozen: the transport answers, the application no longer does: a hanging script. Never the state
 *   of a client that has not answered an app ping yet, such as a plain WebSocket library;
 * - stripped: the application sends, control pings stay unanswered: something on the path drops them;
 * - silent: nothing arrived within the heartbeat timeout after a ping;
 * - dead: timed out; final.
 */
export const LIVENESS_STATES = ["alive", "frozen", "stripped", "silent", "dead"] as const;
export type LivenessState = typeof LIVENESS_STATES[number];

/**
 * The highest layer that was still active when the connection timed out. "application": it sent
 * messages, but none that its system accepts as a heartbeat.
 */
export type ActiveLayer = "nothing" | "transport" | "application";

/**
 * This many control pings in a row that timed out while the application was sending make a
 * connection stripped. A single one may be due to a busy stack; the health monitor of the
 * json profile's article, too, concludes after three.
 */
export const STRIPPED_AFTER = 3;

/** The liveness of one connection. */
export class Liveness {
  readonly #timeoutMs: number;
  #transportMs: number;
  #applicationMs: number;
  /** The first ping of either kind since anything arrived; Infinity when none is outstanding. */
  #pingedMs = Infinity;
  /** The first control ping since a control pong or since one was counted as unanswered. */
  #controlPingedMs = Infinity;
  /** The first app ping since an app pong or a message. */
  #appPingedMs = Infinity;
  /** Control pings in a row that timed out while the application was sending. */
  #unanswered = 0;
  #answersAppPings = false;
  #wasWriting = false;
  #suspended = false;
  #state: LivenessState = "alive";

  /**
   * @param nowMs when the connection was opened
   * @param heartbeatTimeoutMs how long an answer to a ping may take: the same as the heartbeat's
   */
  constructor(nowMs: number, heartbeatTimeoutMs: number) {
    this.#timeoutMs = heartbeatTimeoutMs;
    this.#transportMs = nowMs;
    this.#applicationMs = nowMs;
  }

  /** When anything last arrived. */
  get transportMs(): number {
    return this.#transportMs;
  }

  /** When an app pong or a message last arrived. */
  get applicationMs(): number {
    return this.#applicationMs;
  }

  /** The result of the last `evaluate()`. */
  get state(): LivenessState {
    return this.#state;
  }

  /** Whether an unanswered control ping means anything: not where control frames are stripped. */
  get countsControlPings(): boolean {
    return this.#unanswered < STRIPPED_AFTER;
  }

  /**
   * Bytes arrived that say nothing about the application: a control ping of the peer, a pong that
   * matches none of our pings, a fragment. On the frame path, as are the next three: changes
   * numbers, nothing else.
   */
  transport(nowMs: number): void {
    this.#transportMs = nowMs;
    this.#pingedMs = Infinity;
  }

  /** A message arrived, whatever its content: the script runs. */
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

  /** One of our control pings was answered, however late: control frames pass. */
  controlPong(nowMs: number): void {
    this.transport(nowMs);
    this.#controlPingedMs = Infinity;
    this.#unanswered = 0;
  }

  /** We wrote a control ping. */
  controlPinged(nowMs: number): void {
    if (this.#pingedMs === Infinity) this.#pingedMs = nowMs;
    if (this.#controlPingedMs === Infinity) this.#controlPingedMs = nowMs;
    // When pings are sent faster than they time out, the oldest unanswered one counts.
    if (nowMs - this.#controlPingedMs < this.#timeoutMs) return;
    this.#settleControlPing();
    this.#controlPingedMs = nowMs;
  }

  /** We queued an app ping: not one that was skipped because the queue was full. */
  appPinged(nowMs: number): void {
    if (this.#pingedMs === Infinity) this.#pingedMs = nowMs;
    if (this.#appPingedMs === Infinity) this.#appPingedMs = nowMs;
  }

  /**
   * Called before each `evaluate()` by the wheel. An app ping may wait behind data that is not yet
   * written: its timeout starts when no write is in flight any more. A frozen connection stays
   * frozen.
   *
   * @param writingSinceMs when the batch in flight was written; Infinity when there is none
   */
  writing(writingSinceMs: number, nowMs: number): void {
    const isDelayed = this.#wasWriting || writingSinceMs !== Infinity;
    this.#wasWriting = writingSinceMs !== Infinity;
    if (!isDelayed || this.#appPingedMs === Infinity || this.#state === "frozen") return;
    this.#appPingedMs = nowMs;
  }

  /** We stopped reading: a missing answer proves nothing until `resume()`. */
  suspend(): void {
    this.#suspended = true;
  }

  /** We read again: outstanding pings are forgotten, what is known of the client is kept. */
  resume(): void {
    this.#suspended = false;
    this.#pingedMs = Infinity;
    this.#controlPingedMs = Infinity;
    this.#appPingedMs = Infinity;
  }

  /** The connection timed out. @param sinceMs a layer that was active after this is the answer */
  expire(sinceMs: number): ActiveLayer {
    this.#state = "dead";
    if (this.#applicationMs > sinceMs) return "application";
    return this.#transportMs > sinceMs ? "transport" : "nothing";
  }

  /**
   * Updates the state. MUST NOT be called while the server recovers from a stall of its own: answers
   * may be unread.
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

  /** When the state may change next without an event; Infinity when only a frame or a ping can. */
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
    // Not silent: something arrived since the app ping, and it was neither app pong nor message.
    const isOverdue = nowMs - this.#appPingedMs >= this.#timeoutMs;
    return isOverdue && this.#answersAppPings ? "frozen" : "alive";
  }

  /**
   * A control ping timed out. It counts as unanswered only when the application was active since,
   * for in complete silence it says nothing about control frames. `>=`: on a short path the
   * application may answer within the same ms.
   */
  #settleControlPing(): void {
    if (this.#applicationMs >= this.#controlPingedMs) this.#unanswered++;
  }

  #timeoutAfter(pingedMs: number, nowMs: number): number {
    const dueMs = pingedMs + this.#timeoutMs;
    return dueMs > nowMs ? dueMs : Infinity;
  }
}
