/**
 * What happened to one connection last: a ring of its liveness events, for whoever asks why it
 * dropped. Pure; time is an argument, always the wheel's, which leaves stalls out; what people are
 * shown leaves nothing out. Whole from the start, 0.9 KiB: a record allocates nothing, and
 * growing would leave behind what has lived long enough to be kept long (0.5 KiB a connection, until
 * a major collection). Owns the kinds of events; does not know what records them.
 *
 * @module
 */

/** A kind of liveness event. What its value means stands beside it; the others have none. */
export type FlightEventKind =
  /** The connection was accepted. */
  | "opened"
  /** We wrote a control ping. */
  | "ping"
  /** It was answered. Value: wire RTT, ms. */
  | "pong"
  /** A pong that answers no ping of ours, or one that is answered already. Value: how many in a row. */
  | "pong_unmatched"
  /** We queued an app ping. */
  | "app_ping"
  /** One was not queued since the queue was full. */
  | "app_ping_skipped"
  /** An app ping was answered. Value: app RTT, ms. */
  | "app_pong"
  /** A ping was missed. Value: how many in a row. */
  | "missed"
  /** The health status changed to unknown: it starts afresh. */
  | "status_unknown"
  /** The health status changed to healthy. Value of this and the next three: average RTT, ms. */
  | "status_healthy"
  /** The health status changed to degraded. */
  | "status_degraded"
  /** The health status changed to poor. */
  | "status_poor"
  /** The health status changed to critical. */
  | "status_critical"
  /** The health status changed to timeout. Value: heartbeat timeouts in a row. */
  | "status_timeout"
  /** The health status changed to dead. */
  | "status_dead"
  /** Transport and application live again. */
  | "liveness_alive"
  /** Only its transport lives. */
  | "liveness_frozen"
  /** Only its application lives: control frames are swallowed. */
  | "liveness_stripped"
  /** Nothing came after a ping. */
  | "liveness_silent"
  /** Timed out. Value: silence, ms. */
  | "liveness_dead"
  /** The server itself had stalled until then. Value: for how long, ms. */
  | "stall"
  /** We stopped reading: the hub's mailbox was full. */
  | "paused"
  /** We read again. */
  | "resumed"
  /** A batch did not drain in time. Value: how long we had waited, ms. */
  | "write_stuck"
  /** The send queue was full. Value: messages in it. */
  | "queue_full"
  /** Advised to come back on a new connection. Value: after how long, ms. */
  | "advised"
  /** We let it go. Value: the close code. */
  | "closing"
  /** Its socket has gone. Value: the peer's close code, 1006 without one (RFC 6455 7.1.5). */
  | "ended";

/** One event, as people are shown it. */
export interface FlightEvent {
  /** What happened. */
  readonly kind: FlightEventKind;
  /** When, ms since the start of the connection, the server's own stalls included. */
  readonly atMs: number;
  /** See its kind, to the hundredth; undefined where there is none. */
  readonly value: number | undefined;
}

/** So many events are kept. */
export const FLIGHT_RECORDER_SIZE = 64;

/** An event's place in memory: kind, time in two parts, value; unaligned, which a DataView allows. */
const BYTES = 10;
/** The time's lower 32 bits; the upper 8 make it last 34 years instead of 49 days. */
const AT_LOW = 1;
const AT_HIGH = 5;
const VALUE = 6;
const LOW_RANGE = 2 ** 32;

/** The number by which each kind is kept; a record, so that the compiler misses none. */
const CODES: Readonly<Record<FlightEventKind, number>> = {
  opened: 0,
  ping: 1,
  pong: 2,
  pong_unmatched: 3,
  app_ping: 4,
  app_ping_skipped: 5,
  app_pong: 6,
  missed: 7,
  status_unknown: 8,
  status_healthy: 9,
  status_degraded: 10,
  status_poor: 11,
  status_critical: 12,
  status_timeout: 13,
  status_dead: 14,
  liveness_alive: 15,
  liveness_frozen: 16,
  liveness_stripped: 17,
  liveness_silent: 18,
  liveness_dead: 19,
  stall: 20,
  paused: 21,
  resumed: 22,
  write_stuck: 23,
  queue_full: 24,
  advised: 25,
  closing: 26,
  ended: 27,
};

/** Every kind, at the place of its number. */
export const FLIGHT_EVENT_KINDS = Object.keys(CODES) as readonly FlightEventKind[];

export class FlightRecorder {
  readonly #startMs: number;
  readonly #ring = new DataView(new ArrayBuffer(FLIGHT_RECORDER_SIZE * BYTES));
  /** Where the next event goes, in bytes: on the oldest one, once the ring is full. */
  #next = 0;
  #length = 0;
  /** Stalls so far, ms. */
  #stalledMs = 0;

  /** Starts empty. @param startMs the start of the connection, time on the wheel */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /**
   * Remembers one event. Odd pongs in a row are one event, or a flood of them would wash out all
   * that came before.
   *
   * @param kind what happened
   * @param nowMs time on the wheel
   * @param value see the kind; ignored for an odd pong
   */
  record(kind: Exclude<FlightEventKind, "stall">, nowMs: number, value: number = NaN): void {
    const code = CODES[kind];
    if (kind !== "pong_unmatched") return this.#append(code, nowMs, value);
    const latest = (this.#next || this.#ring.byteLength) - BYTES;
    if (this.#length > 0 && this.#ring.getUint8(latest) === code) {
      return this.#write(latest, nowMs, this.#ring.getFloat32(latest + VALUE) + 1);
    }
    this.#append(code, nowMs, 1);
  }

  /**
   * Records a stall of the event loop, by which all later events are later. What was
   * recorded since, before the wheel noticed, came at its end. One that began before the start is
   * none of this connection's.
   *
   * @param sinceMs when that began, time on the wheel
   * @param stalledMs how long it lasted
   */
  stalled(sinceMs: number, stalledMs: number): void {
    if (sinceMs < this.#startMs) return;
    const beganMs = this.#ageMs(sinceMs);
    this.#stalledMs += stalledMs;
    const endedMs = this.#ageMs(sinceMs);
    const { byteLength } = this.#ring;
    for (let n = 1; n <= this.#length; n++) {
      const at = (this.#next - n * BYTES + byteLength) % byteLength;
      if (this.#atMs(at) <= beganMs) break;
      this.#stamp(at, endedMs);
    }
    this.#append(CODES.stall, sinceMs, stalledMs);
  }

  /** The oldest first. Allocates: for people, not for the server's own use. */
  events(): FlightEvent[] {
    const { byteLength } = this.#ring;
    const oldest = this.#next - this.#length * BYTES + byteLength;
    return Array.from({ length: this.#length }, (_, index) => {
      const at = (oldest + index * BYTES) % byteLength;
      const value = this.#ring.getFloat32(at + VALUE);
      return {
        kind: FLIGHT_EVENT_KINDS[this.#ring.getUint8(at)],
        atMs: this.#atMs(at),
        value: Number.isNaN(value) ? undefined : Math.round(value * 100) / 100,
      };
    });
  }

  #append(code: number, nowMs: number, value: number): void {
    this.#ring.setUint8(this.#next, code);
    this.#write(this.#next, nowMs, value);
    this.#next = (this.#next + BYTES) % this.#ring.byteLength;
    if (this.#length < FLIGHT_RECORDER_SIZE) this.#length++;
  }

  #write(at: number, nowMs: number, value: number): void {
    this.#stamp(at, this.#ageMs(nowMs));
    this.#ring.setFloat32(at + VALUE, value);
  }

  #stamp(at: number, ageMs: number): void {
    this.#ring.setUint32(at + AT_LOW, ageMs); // takes the lower 32 bits
    this.#ring.setUint8(at + AT_HIGH, Math.floor(ageMs / LOW_RANGE));
  }

  #atMs(at: number): number {
    return this.#ring.getUint8(at + AT_HIGH) * LOW_RANGE + this.#ring.getUint32(at + AT_LOW);
  }

  #ageMs(nowMs: number): number {
    return Math.max(0, Math.round(nowMs - this.#startMs + this.#stalledMs));
  }
}
