/**
 * A simulated client: a machine whose network stack answers control pings, and a script that does the
 * rest. Either can stall without the other. Kinds of clients are in clients/.
 *
 * @module
 */

import { OPCODE } from "../../support/peers/frames.ts";
import type { ClientPeer, Connection, Request } from "./connection.ts";
import type { DownFrame } from "./frames.ts";
import type { PipeOptions } from "./pipe.ts";
import { UNHEARD, UNREAD } from "./excuses.ts";
import { SimProcess } from "./process.ts";
import type { SimRandom } from "./random.ts";
import type { Simulation } from "./simulation.ts";

/** What a client is made with. */
export interface ClientContext {
  readonly simulation: Simulation;
  readonly name: string;
  readonly index: number;
  readonly random: SimRandom;
}

/** A kind of client. One file each, listed in registry.ts. */
export interface ClientKind {
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  create(context: ClientContext): SimClient;
}

/** What fits on a slow line. */
const SLOW_CAPACITY_BYTES = 4_096;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

export abstract class SimClient implements ClientPeer {
  readonly simulation: Simulation;
  readonly name: string;
  readonly index: number;
  readonly random: SimRandom;
  /** Its network stack. */
  readonly process: SimProcess;
  /** What it does itself. */
  readonly script: SimProcess;
  readonly way: PipeOptions;
  readonly address: string;
  /** The newest connection, until it has ended. */
  connection: Connection | undefined;
  /** Whether something on the way drops control frames. */
  isStripped = false;
  /** Its network is gone: what it dials gets no answer. */
  isOffline = false;
  isClosed = false;
  /** How fast its next connection reads, bytes/ms; undefined: as fast as it can. */
  nextReadBytesPerMs: number | undefined;

  constructor({ simulation, name, index, random }: ClientContext) {
    this.simulation = simulation;
    this.name = name;
    this.index = index;
    this.random = random;
    const { scheduler } = simulation;
    this.process = new SimProcess(`${name} stack`, scheduler, random.fork("stack"));
    this.script = new SimProcess(name, scheduler, random.fork("script"));
    this.address = `192.0.${index}.1`;
    this.way = {
      delayMs: random.spread(0.2, 120),
      jitterMs: random.chance(0.3) ? random.spread(0, 200) : 1,
      bytesPerMs: random.chance(0.2) ? random.between(200, 2_000) : 50_000,
      capacityBytes: random.pick([65_536, 262_144, 2_097_152]),
    };
  }

  /** Whether it keeps all rules, so that the node owes it everything. */
  abstract readonly isWellBehaved: boolean;
  abstract start(): void;
  /** Everything is to recover from now on. */
  rest(): void {}
  /** It ends for good. */
  abstract close(): void;
  /** Channels that it is subscribed to, in its own view, with a connection that works. */
  subscribed(): readonly string[] {
    return [];
  }

  opened(connection: Connection, protocol: string): void {
    this.script.read(() => this.onOpen(connection, protocol));
  }

  rejected(connection: Connection, status: number): void {
    this.simulation.note(this.name, `is answered ${status}`);
    this.script.read(() => this.onRejected(connection, status));
  }

  frame(connection: Connection, { opcode, payload }: DownFrame): void {
    switch (opcode) {
      case OPCODE.ping:
        return this.onPing(connection, payload);
      case OPCODE.pong:
        return this.onPong(connection, payload);
      case OPCODE.close: {
        const code = payload.length < 2 ? 1005 : payload[0] * 256 + payload[1];
        const reason = DECODER.decode(payload.subarray(2));
        return this.onCloseFrame(connection, { code, reason });
      }
      case OPCODE.text: {
        const text = DECODER.decode(payload);
        this.simulation.tally.messages++;
        this.simulation.note(connection.label, `gets ${payload.length} bytes`);
        return this.script.read(() => this.onText(connection, text));
      }
    }
  }

  ended(connection: Connection): void {
    if (connection === this.connection) this.connection = undefined;
    this.script.read(() => this.onEnd(connection));
  }

  protected dial(url: string, headers: Readonly<Record<string, string>> = {}): Connection {
    const isSlow = this.nextReadBytesPerMs !== undefined;
    const way = isSlow ? { ...this.way, capacityBytes: SLOW_CAPACITY_BYTES } : this.way;
    const request: Request = { url, headers, address: this.address, way };
    const connection = this.simulation.connect(this, request);
    if (this.isOffline) connection.up.isCut = connection.down.isCut = true;
    if (this.process.isStalled) connection.impair("its machine sleeps", ...UNREAD, ...UNHEARD);
    if (this.nextReadBytesPerMs !== undefined) {
      connection.impair("its line is slow", ...UNREAD, ...UNHEARD);
      connection.down.readBytesPerMs = this.nextReadBytesPerMs;
      this.nextReadBytesPerMs = undefined;
    }
    this.connection = connection;
    return connection;
  }

  sendText(connection: Connection, text: string): void {
    connection.send({ kind: "message", data: ENCODER.encode(text), isBinary: false });
  }

  protected onOpen(_connection: Connection, _protocol: string): void {}
  protected onRejected(_connection: Connection, _status: number): void {}
  protected onText(_connection: Connection, _text: string): void {}
  protected onPong(_connection: Connection, _payload: Uint8Array): void {}
  protected onEnd(_connection: Connection): void {}

  protected onPing(connection: Connection, payload: Uint8Array): void {
    if (!this.isStripped) connection.send({ kind: "pong", payload });
  }

  /** By default it answers as RFC 6455 wants it, and the server ends TCP. */
  protected onCloseFrame(
    connection: Connection,
    { code }: { readonly code: number; readonly reason: string },
  ): void {
    connection.send({ kind: "close", code, reason: "" });
  }
}
