/**
 * The outstanding pings of one connection: which pong answers which ping, and how long it took.
 * Control pings are matched by payload alone; app pings by id, or else by timestamp, or else the
 * newest. Pure: time is an argument, always the wheel's (ms). Owns what is outstanding; must not
 * know sockets or frames, and does not decide when a connection times out.
 *
 * @module
 */

/** Outstanding pings kept of each kind. One more replaces the oldest, whose pong is then late. */
export const PING_CAPACITY = 8;

/** Bytes of a control ping's payload: six of the connection's own, two of the ping's number. */
const PING_PAYLOAD_BYTES = 8;

const PAYLOAD = new Uint8Array(PING_PAYLOAD_BYTES);

/** Characters of the client's id that an app ping's id starts with. */
const ID_PREFIX = 8;
/** Digits that an app ping's number may have: the id in a pong may be as long as a message. */
const MAX_DIGITS = 10;

/** Control ping numbers wrap here: a multiple of `PING_CAPACITY`, so slots continue in order. */
const NUMBERS = 0x10000;

/** Three rings in one array of doubles (see rtt.ts on why): NaN where nothing is outstanding. */
const CONTROL_SENT = 0;
const APP_SENT = PING_CAPACITY;
const APP_TIMESTAMP = 2 * PING_CAPACITY;
const CELLS = 3 * PING_CAPACITY;

/** Which ping an app pong answers. */
export interface AppPong {
  readonly id?: string;
  readonly timestamp?: number;
}

/**
 * The result of matching a pong: the round trip, ms; "late" for a control pong whose ping is no
 * longer outstanding; "unknown" when it answers no ping of ours. A time below 0 (after
 * `invalidateOutstanding()`, or when the wheel's time stepped back at the end of a stall) means
 * answered, round trip unknown; `RttEstimator.sample` treats it so.
 */
export type PongTime = number | "late" | "unknown";

/** The outstanding pings of one connection. */
export class OutstandingPings {
  readonly #clientId: string;
  readonly #mark: number;
  readonly #submark: number;
  readonly #cells = new Array<number>(CELLS).fill(NaN);
  /** The next control ping's number. */
  #next = 0;
  /** The newest app ping's number. */
  #newestApp = 0;

  /**
   * @param clientId at least 8 characters; the id of an app ping is `<its first 8>-<number>`
   * @param random a number in [0, 1), whose first 48 bits mark this connection's control pings
   */
  constructor(clientId: string, random: number) {
    this.#clientId = clientId;
    this.#mark = (random * 2 ** 32) | 0; // the remainder is dropped: bits 1 to 32
    this.#submark = (random * 2 ** 48) & 0xffff; // bits 33 to 48
  }

  /**
   * The payload of the next control ping, the same until `sent()`. One array for all connections:
   * it holds until the next call.
   */
  payload(): Uint8Array {
    for (let i = 0; i < PING_PAYLOAD_BYTES - 2; i++) PAYLOAD[i] = this.#markByte(i);
    PAYLOAD[6] = this.#next >>> 8;
    PAYLOAD[7] = this.#next;
    return PAYLOAD;
  }

  /** The control ping with that payload was written. @returns how many pings it replaced: lost */
  sent(nowMs: number): number {
    const slot = CONTROL_SENT + this.#next % PING_CAPACITY;
    const lost = this.#forget(slot);
    this.#cells[slot] = nowMs;
    this.#next = (this.#next + 1) % NUMBERS;
    return lost;
  }

  /** Matches a control pong. Changes nothing unless its ping is outstanding. */
  pong(payload: Uint8Array, nowMs: number): PongTime {
    if (payload.length !== PING_PAYLOAD_BYTES) return "unknown";
    for (let i = 0; i < PING_PAYLOAD_BYTES - 2; i++) {
      if (payload[i] !== this.#markByte(i)) return "unknown";
    }
    const number = (payload[6] << 8) | payload[7];
    const age = (this.#next - 1 - number + NUMBERS) % NUMBERS;
    if (age >= PING_CAPACITY) return age < NUMBERS / 2 ? "late" : "unknown";
    return this.#take(CONTROL_SENT + number % PING_CAPACITY, nowMs) ?? "late";
  }

  /**
   * An app ping was queued.
   *
   * @param n its number, greater than the last one's; numbers may be skipped
   * @param timestamp the timestamp in the frame
   * @param nowMs when it was queued: its round trip less the control ping's is the queue's delay
   * @returns how many pings it replaced: lost
   * @throws RangeError if the number does not ascend
   */
  appSent(n: number, timestamp: number, nowMs: number): number {
    if (!Number.isSafeInteger(n) || n <= this.#newestApp) {
      throw new RangeError(
        `Cannot note an app ping: its number must exceed ${this.#newestApp}, got ${n}`,
      );
    }
    let lost = 0;
    for (let k = Math.max(this.#newestApp + 1, n - PING_CAPACITY + 1); k <= n; k++) {
      lost += this.#forget(APP_SENT + k % PING_CAPACITY);
    }
    this.#newestApp = n;
    this.#cells[APP_SENT + n % PING_CAPACITY] = nowMs;
    this.#cells[APP_TIMESTAMP + n % PING_CAPACITY] = timestamp;
    return lost;
  }

  /** Matches an app pong. An id that matches nothing is not tried by timestamp, and so on. */
  appPong({ id, timestamp }: AppPong, nowMs: number): PongTime {
    if (id !== undefined) return this.#takeApp(this.#numberIn(id), nowMs);
    if (timestamp !== undefined) return this.#takeApp(this.#numberAt(timestamp), nowMs);
    return this.#takeApp(this.#newestOutstanding(), nowMs);
  }

  /**
   * Gives up control pings sent at `beforeMs` or earlier: their pongs are late from now on, so no
   * round trip longer than the caller's timeout is ever measured.
   *
   * @returns how many: lost
   */
  expire(beforeMs: number): number {
    return this.#expire(CONTROL_SENT, beforeMs);
  }

  /** Gives up app pings queued at `beforeMs` or earlier. @returns how many: lost */
  expireApp(beforeMs: number): number {
    return this.#expire(APP_SENT, beforeMs);
  }

  /**
   * We stopped reading for a while, so the round trips of all outstanding pings are unknown: their
   * pongs still match, with a time below 0, and a missing pong is not a loss.
   */
  invalidateOutstanding(): void {
    for (let slot = 0; slot < APP_TIMESTAMP; slot++) {
      if (!Number.isNaN(this.#cells[slot])) this.#cells[slot] = Infinity;
    }
  }

  #markByte(index: number): number {
    const byte = index < 4 ? this.#mark >>> (8 * (3 - index)) : this.#submark >>> (8 * (5 - index));
    return byte & 0xff;
  }

  /** @returns undefined where nothing is outstanding */
  #take(slot: number, nowMs: number): number | undefined {
    const sentMs = this.#cells[slot];
    if (Number.isNaN(sentMs)) return undefined;
    this.#cells[slot] = NaN;
    return nowMs - sentMs;
  }

  #takeApp(n: number, nowMs: number): PongTime {
    if (n <= this.#newestApp - PING_CAPACITY || n > this.#newestApp || n < 1) return "unknown";
    return this.#take(APP_SENT + n % PING_CAPACITY, nowMs) ?? "unknown";
  }

  /** @returns 1 if a ping is lost by it: not one whose answer we may have left unread */
  #forget(slot: number): number {
    const lost = Number.isFinite(this.#cells[slot]) ? 1 : 0;
    this.#cells[slot] = NaN;
    return lost;
  }

  #expire(ring: number, beforeMs: number): number {
    let lost = 0;
    for (let slot = ring; slot < ring + PING_CAPACITY; slot++) {
      if (this.#cells[slot] <= beforeMs) lost += this.#forget(slot);
    }
    return lost;
  }

  /** The number in an id of ours, 0 for any other. Allocates nothing, since ids come from the peer. */
  #numberIn(id: string): number {
    const digits = id.length - ID_PREFIX - 1;
    if (digits < 1 || digits > MAX_DIGITS || id[ID_PREFIX] !== "-") return 0;
    for (let i = 0; i < ID_PREFIX; i++) {
      if (id.charCodeAt(i) !== this.#clientId.charCodeAt(i)) return 0;
    }
    let n = 0;
    for (let i = ID_PREFIX + 1; i < id.length; i++) {
      const digit = id.charCodeAt(i) - 48; // "0"
      if (digit < 0 || digit > 9 || (n === 0 && digit === 0)) return 0;
      n = n * 10 + digit;
    }
    return n;
  }

  /** The oldest, if two have the same timestamp: answers come in order. */
  #numberAt(timestamp: number): number {
    for (let n = this.#oldestApp; n <= this.#newestApp; n++) {
      if (this.#isOutstanding(n) && this.#cells[APP_TIMESTAMP + n % PING_CAPACITY] === timestamp) {
        return n;
      }
    }
    return 0;
  }

  #newestOutstanding(): number {
    for (let n = this.#newestApp; n >= this.#oldestApp; n--) if (this.#isOutstanding(n)) return n;
    return 0;
  }

  get #oldestApp(): number {
    return Math.max(1, this.#newestApp - PING_CAPACITY + 1);
  }

  #isOutstanding(n: number): boolean {
    return !Number.isNaN(this.#cells[APP_SENT + n % PING_CAPACITY]);
  }
}
