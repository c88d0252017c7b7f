/**
 * The node's end of a simulated connection: the Socket port as npm:ws and node:net fulfil it. Writes
 * down what is true of the connection as the node is told.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { Cancel } from "../../../server/base/clock.ts";
import type { Socket, SocketEvents } from "../../../server/transport/socket.ts";
import type { WsSocketOptions } from "../../../server/transport/ws_socket.ts";
import { OPCODE } from "../../support/peers/frames.ts";
import type { Connection } from "./connection.ts";
import { closeFrame, controlFrame, piecesOf, type UpItem } from "./frames.ts";
import { isLife } from "./profiles.ts";
import type { Simulation } from "./simulation.ts";

/** Turns the upgrades of a node into sockets, as `WsAcceptor` does. */
export class SimAcceptor {
  readonly #simulation: Simulation;
  readonly #options: WsSocketOptions;

  constructor(simulation: Simulation, options: WsSocketOptions) {
    this.#simulation = simulation;
    this.#options = options;
  }

  accept(
    request: IncomingMessage,
    raw: NetSocket,
    _head: Uint8Array,
    accepted: (socket: Socket) => void,
  ): void {
    const { connection } = raw as unknown as Connection["raw"];
    const offered = request.headers["sec-websocket-protocol"]?.split(",").map((it) => it.trim()) ??
      [];
    const protocol = offered.includes("systole") ? "systole" : offered[0] ?? "";
    connection.down.send({ kind: "accepted", protocol }, 129);
    const socket = new ServerSocket(this.#simulation, connection, this.#options.closeWaitMs);
    connection.server = socket;
    connection.node.accept(connection, () => accepted(socket));
  }
}

export class ServerSocket implements Socket {
  readonly #simulation: Simulation;
  readonly #connection: Connection;
  readonly #closeWaitMs: number;
  #events: SocketEvents | undefined;
  #isPaused = false;
  /** Reads no more, for good. */
  #isDeaf = false;
  #closeSent = false;
  #finSent = false;
  #peerCode: number | undefined;
  #hasEnded = false;
  #cancelCloseWait: Cancel | undefined;
  #unread: UpItem[] = [];
  readonly #undrained = new Map<() => void, number>();

  constructor(simulation: Simulation, connection: Connection, closeWaitMs: number) {
    this.#simulation = simulation;
    this.#connection = connection;
    this.#closeWaitMs = closeWaitMs;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether the node has begun to close it. */
  get isClosing(): boolean {
    return !Number.isNaN(this.#connection.truth.closingAwakeMs) || this.#closeSent ||
      this.#hasEnded;
  }

  /** Since when a write has not left, awake; Infinity: all have. */
  get writingSinceAwakeMs(): number {
    const [sinceMs = Infinity] = this.#undrained.values();
    return sinceMs;
  }

  get bufferedBytes(): number {
    return this.#connection.down.waitingBytes;
  }

  attach(events: SocketEvents): void {
    this.#events = events;
    const { truth, node } = this.#connection;
    truth.openedMs = truth.lifeMs = this.#simulation.nowMs;
    truth.lifeAwakeMs = truth.lastPingAwakeMs = node.process.awakeMs;
  }

  write(frames: Uint8Array, drained: () => void): boolean {
    if (this.#closeSent || this.#hasEnded) return true;
    const { down } = this.#connection;
    const pieces = piecesOf(frames);
    pieces.forEach(({ frames, bytes }, i) => {
      for (const { opcode } of frames) if (opcode === OPCODE.ping) this.#pinged();
      const isLast = i === pieces.length - 1;
      down.send(
        { kind: "frames", frames },
        bytes,
        isLast ? () => this.#drained(drained) : undefined,
      );
    });
    if (down.waitingBytes === 0) return true;
    this.#undrained.set(drained, this.#connection.node.process.awakeMs);
    return false;
  }

  ping(payload: Uint8Array): void {
    this.#pinged();
    this.#control(OPCODE.ping, payload);
  }

  pong(payload: Uint8Array): void {
    this.#control(OPCODE.pong, payload);
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#connection.truth.pausedSinceMs = this.#connection.node.process.awakeMs;
    this.#connection.up.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isDeaf) return;
    this.#isPaused = false;
    const { truth, node, up } = this.#connection;
    truth.pausedSinceMs = NaN;
    truth.lifeAwakeMs = truth.lastPingAwakeMs = node.process.awakeMs; // the peer's time starts anew
    truth.lifeMs = this.#simulation.nowMs;
    truth.pingAwakeMs = Infinity;
    const unread = this.#unread;
    this.#unread = [];
    for (const item of unread) this.receive(item);
    up.resume();
  }

  close(code: number, text: string): void {
    this.#begins();
    if (this.#hasEnded || this.#closeSent) return;
    this.#sendClose(code, text);
    if (this.#peerCode !== undefined) this.#fin();
  }

  abort(code: number, text: string): void {
    this.#begins();
    if (this.#hasEnded) return;
    this.#isDeaf = true;
    if (!this.#closeSent) this.#sendClose(code, text);
    if (this.#finSent) return;
    this.#finSent = true;
    const { down } = this.#connection;
    const { process } = this.#connection.node;
    const hasLeft = () => this.#ended(1006, false);
    down.send({ kind: "fin" }, 0, () => process.read(hasLeft));
    if (down.waitingBytes === 0) process.turn(hasLeft);
  }

  terminate(): void {
    this.#begins();
    if (this.#hasEnded) return;
    this.#isDeaf = true;
    this.#closeSent = true;
    this.#connection.resetByServer();
    // What the process does to its own socket is no news from the network.
    this.#connection.node.process.turn(() => this.#ended(this.#peerCode ?? 1006, false));
  }

  /** Something has arrived. */
  receive(item: UpItem): void {
    if (this.#hasEnded) return;
    if (this.#isPaused && !this.#isDeaf) return void this.#unread.push(item);
    if (item.kind === "fin") {
      return this.#ended(this.#peerCode ?? 1006, this.#peerCode !== undefined);
    }
    if (this.#isDeaf || this.#peerCode !== undefined) return;
    const events = this.#events!;
    this.#lives(item);
    switch (item.kind) {
      case "message":
        return events.message(item.data, item.isBinary);
      case "pieces":
        events.continuations(item.frames - 1);
        return events.message(item.data, false);
      case "ping":
        return events.ping(item.payload);
      case "pong":
        return events.pong(item.payload);
      case "close":
        this.#peerCode = item.code;
        if (!this.#closeSent) this.#sendClose(item.code, "");
        return this.#fin();
      case "bad":
        if (!this.#closeSent) this.#sendClose(item.code, "");
        return events.fault(item.fault, item.code);
    }
  }

  /** TCP was reset. */
  lost(): void {
    this.#ended(this.#peerCode ?? 1006, this.#peerCode !== undefined);
  }

  #lives(item: UpItem): void {
    const { truth, node } = this.#connection;
    if (this.#closeSent || !isLife(truth.profile, this.#connection.request.url, item)) return;
    truth.lifeMs = this.#simulation.nowMs;
    truth.lifeAwakeMs = node.process.awakeMs;
    truth.pingAwakeMs = Infinity;
  }

  #begins(): void {
    const { truth, node } = this.#connection;
    if (Number.isNaN(truth.closingAwakeMs)) truth.closingAwakeMs = node.process.awakeMs;
  }

  #pinged(): void {
    const { truth, node } = this.#connection;
    if (this.#closeSent || this.#hasEnded) return;
    truth.pings++;
    this.#simulation.tally.pings++;
    truth.lastPingAwakeMs = node.process.awakeMs;
    if (truth.pings > 1 && truth.pingAwakeMs === Infinity) {
      truth.pingAwakeMs = truth.lastPingAwakeMs;
    }
  }

  #control(opcode: number, payload: Uint8Array): void {
    if (this.#closeSent || this.#hasEnded) return;
    const [{ frames, bytes }] = piecesOf(controlFrame(opcode, payload));
    this.#connection.down.send({ kind: "frames", frames }, bytes);
  }

  #sendClose(code: number, reason: string): void {
    this.#closeSent = true;
    const { truth, down, node } = this.#connection;
    const isAnswer = this.#peerCode !== undefined;
    truth.closeSent = { code, reason, atMs: this.#simulation.nowMs, isAnswer };
    const [{ frames, bytes }] = piecesOf(closeFrame(code, reason));
    down.send({ kind: "frames", frames }, bytes);
    this.#cancelCloseWait = node.process.after(this.#closeWaitMs, () => {
      this.#connection.resetByServer();
      this.#ended(this.#peerCode ?? 1006, this.#peerCode !== undefined);
    });
  }

  #fin(): void {
    if (this.#finSent) return;
    this.#finSent = true;
    this.#connection.down.send({ kind: "fin" }, 0);
  }

  #drained(drained: () => void): void {
    this.#connection.node.process.read(() => {
      if (this.#undrained.delete(drained)) drained();
    });
  }

  #ended(code: number, byPeer: boolean): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelCloseWait?.();
    this.#connection.truth.endedMs = this.#simulation.nowMs;
    const { up, down } = this.#connection;
    up.close();
    if (!this.#finSent) this.#connection.resetByServer();
    else if (down.waitingBytes > 0 && !this.#closeSent) down.close();
    this.#simulation.note(this.#connection.label, `ended ${code} ${byPeer}`);
    for (const drained of this.#undrained.keys()) drained();
    this.#events?.closed({ code, byPeer });
  }
}
