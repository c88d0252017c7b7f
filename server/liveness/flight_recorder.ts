/**
 * The last liveness events of one connection, in a ring, to explain why it dropped. Pure; time is an
 * argument, always the wheel's, which excludes stalls; the times that are shown include them. The
 * ring is allocated whole at the start, 0.9 KiB: recording allocates nothing, and a ring that grows
 * would leave its predecessors in the old generation (0.5 KiB a connection, until a major
 * collection). Owns the kinds of events; must not know who records them.
 *
 * @module
 */

/** A kind of liveness event, with the meaning of its value where it has one. */
export type FlightEventKind =
  /** The connection was accepted. */
  | "opened"
  /** We wrote a control ping. */
  | "ping"
  /** A control ping was answered. Value: wire RTT, ms. */
  | "pong"
  /** A pong that answers no outstanding ping of ours. Value: how many in a row. */
  | "pong_unmatched"
  /** We queued an app ping. */
  | "app_ping"
  /** An app ping was not queued because the queue was full. */
  | "app_ping_skipped"
  /** An app ping was answered. Value: app RTT, ms. */
  | "app_pong"
  /** A ping was missed. Value: how many in a row. */
  | "missed"
  /** The health status changed to unknown. */
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
  /** Transport and application are active again. */
  | "liveness_alive"
  /** Only the transport answers. */
  | "liveness_frozen"
  /** Only the application answers: control frames are dropped on the path. */
  | "liveness_stripped"
  /** Nothing arrived after a ping. */
  | "liveness_silent"
  /** The connection timed out. Value: silence, ms. */
  | "liveness_dead"
  /** A stall of the server itself ended. Value: how long it lasted, ms. */
  | "stall"
  /** We stopped reading: the hub's mailbox was full. */
  | "paused"
  /** We read again. */
  | "resumed"
  /** A write did not complete in time. Value: how long it had waited, ms. */
  | "write_stuck"
  /** The send queue was full. Value: messages in it. */
  | "queue_full"
  /** The client was advised to reconnect. Value: after how long, ms. */
  | "advised"
  /** We started to close the connection. Value: the close code. */
  | "closing"
  /** The socket has closed. Value: the peer's close code, 1006 without one (RFC 6455 7.1.5). */
  | "ended";

/** One event, as it is shown. */
export interface FlightEvent {
  readonly kind: FlightEventKind;
  /** ms since the connection was opened, the server's own stalls included. */
  readonly atMs: number;
  /** See its kind, rounded to hundredths; undefined where there is none. */
  readonly value: number | undefined;
}

/** How many events are kept. */
export const FLIGHT_RECORDER_SIZE = 64;

/** An event in memory: kind, time in two parts, value; unaligned, which a DataView allows. */
const BYTES = 10;
/** The time's lower 32 bits; the upper 8 make it last 34 years instead of 49 days. */
const AT_LOW = 1;
const AT_HIGH = 5;
const VALUE = 6;
const LOW_RANGE = 2 ** 32;

/** The number that stands for each kind; a record, so that the compiler finds a missing one. */
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

/** Every kind, at the index of its number. */
export const FLIGHT_EVENT_KINDS = Object.keys(CODES) as readonly FlightEventKind[];

/** Bytes of one ring. */
const RING_BYTES = FLIGHT_RECORDER_SIZE * BYTES;

/**
 * So many rings share a buffer, since a buffer of its own costs a connection 300 bytes more (measured).
 * It lives as long as one of them.
 */
const RINGS_IN_BUFFER = 8;

let buffer = new DataView(new ArrayBuffer(0));
let usedBytes = 0;

/** The ring of one connection's events. */
export class FlightRecorder {
  readonly #openedMs: number;
  readonly #ring: DataView;
  /** Where the ring begins, bytes. */
  readonly #start: number;
  /** Offset of the next event in the ring, bytes: that of the oldest one, once the ring is full. */
  #next = 0;
  #length = 0;
  /** Stalls so far, ms. */
  #stalledMs = 0;

  /** @param openedMs when the connection was opened, time on the wheel */
  constructor(openedMs: number) {
    this.#openedMs = openedMs;
    if (usedBytes === buffer.byteLength) {
      buffer = new DataView(new ArrayBuffer(RINGS_IN_BUFFER * RING_BYTES));
      usedBytes = 0;
    }
    this.#ring = buffer;
    this.#start = usedBytes;
    usedBytes += RING_BYTES;
  }

  /**
   * Records one event. Unmatched pongs in a row are one event: a flood of them must not overwrite
   * all earlier events.
   *
   * @param nowMs time on the wheel
   * @param value see the kind; ignored for an unmatched pong
   */
  record(kind: Exclude<FlightEventKind, "stall">, nowMs: number, value: number = NaN): void {
    const code = CODES[kind];
    if (kind !== "pong_unmatched") return this.#append(code, nowMs, value);
    const latest = this.#offset(-1);
    if (this.#length > 0 && this.#ring.getUint8(latest) === code) {
      return this.#write(latest, nowMs, this.#ring.getFloat32(latest + VALUE) + 1);
    }
    this.#append(code, nowMs, 1);
  }

  /**
   * Records a stall of the server; all later events are shown later by its length. Events recorded
   * since the stall began, before the wheel detected it, happened at its end. A stall that began
   * before the connection was opened is ignored.
   *
   * @param sinceMs when the stall began, time on the wheel
   * @param stalledMs how long it lasted
   */
  stalled(sinceMs: number, stalledMs: number): void {
    if (sinceMs < this.#openedMs) return;
    const beganMs = this.#ageMs(sinceMs);
    this.#stalledMs += stalledMs;
    const endedMs = this.#ageMs(sinceMs);
    for (let n = 1; n <= this.#length; n++) {
      const at = this.#offset(-n);
      if (this.#atMs(at) <= beganMs) break;
      this.#stamp(at, endedMs);
    }
    this.#append(CODES.stall, sinceMs, stalledMs);
  }

  /** The oldest first. Allocates: for the API, not for the frame path. */
  events(): FlightEvent[] {
    return Array.from({ length: this.#length }, (_, index) => {
      const at = this.#offset(index - this.#length);
      const value = this.#ring.getFloat32(at + VALUE);
      return {
        kind: FLIGHT_EVENT_KINDS[this.#ring.getUint8(at)],
        atMs: this.#atMs(at),
        value: Number.isNaN(value) ? undefined : Math.round(value * 100) / 100,
      };
    });
  }

  #append(code: number, nowMs: number, value: number): void {
    const at = this.#offset(0);
    this.#ring.setUint8(at, code);
    this.#write(at, nowMs, value);
    this.#next = (this.#next + BYTES) % RING_BYTES;
    if (this.#length < FLIGHT_RECORDER_SIZE) this.#length++;
  }

  /** Where an event is in the buffer, bytes. @param events from the next one; negative = before it */
  #offset(events: number): number {
    return this.#start + (this.#next + events * BYTES + RING_BYTES) % RING_BYTES;
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
    return Math.max(0, Math.round(nowMs - this.#openedMs + this.#stalledMs));
  }
}
