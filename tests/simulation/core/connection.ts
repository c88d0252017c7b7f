/**
 * A simulated TCP connection from a client to a node, and what is true of it: what each side was told
 * and when, and for which reasons the node may end it. Invariants compare the node with that.
 *
 * @module
 */

import type { CloseReason } from "../../../server/close_codes.ts";
import { UNHEARD } from "./excuses.ts";
import { type DownFrame, type DownItem, sizeOf, type UpItem } from "./frames.ts";
import { Pipe, type PipeOptions } from "./pipe.ts";
import type { SimNode } from "./node.ts";
import type { SimProcess } from "./process.ts";
import type { ServerSocket } from "./server_socket.ts";
import type { Simulation } from "./simulation.ts";

/** The end of a connection that a client holds. */
export interface ClientPeer {
  readonly name: string;
  readonly process: SimProcess;
  /** Whether it shows that it lives just before the deadline. */
  readonly isLazy?: boolean;
  /** The handshake was accepted. */
  opened(connection: Connection, protocol: string): void;
  /** The handshake was answered by something else. */
  rejected(connection: Connection, status: number): void;
  frame(connection: Connection, frame: DownFrame): void;
  /** TCP has ended. */
  ended(connection: Connection): void;
  /** The node has ended the connection, whether the client knows it or not. */
  leftNode?(connection: Connection): void;
}

/** What a client asks for. */
export interface Request {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address: string;
  readonly way: PipeOptions;
}

/** A close frame of the node. */
export interface CloseSent {
  readonly code: number;
  readonly reason: string;
  readonly atMs: number;
  /** Whether it answers that of the client. */
  readonly isAnswer: boolean;
}

/** What is true of a connection. */
export interface Truth {
  /** The profile that its URL names. */
  readonly profile: string;
  /** The id that the node has given it; undefined while it is no client. */
  id: string | undefined;
  openedMs: number;
  /** Reasons for which the node may end it; in the beginning none. */
  readonly excuses: Map<CloseReason, string>;
  /** The last sign of life that the node has read, in the time in which the node was awake. */
  lifeAwakeMs: number;
  lifeMs: number;
  /** The first control ping that the node has sent since, awake; Infinity: none. */
  pingAwakeMs: number;
  /** The last control ping of the node, awake; and how many. */
  lastPingAwakeMs: number;
  pings: number;
  /** How long it was paused by the node until then, and since when it is; awake. */
  pausedSinceMs: number;
  /** Whether the way or the client was ever other than it should be: what arrives is not promised. */
  isImpaired: boolean;
  /** Since when its script hangs for good, while its stack answers. */
  frozenSinceMs: number | undefined;
  /** When its token ends by the wall clock of the node: not before, and not later. */
  expiry: { readonly fromMs: number; readonly toMs: number } | undefined;
  /** When both ways were cut. */
  cutMs: number | undefined;
  /** When it has sent far more than it may. */
  floodedMs: number | undefined;
  /** When the node has begun to close it, awake; NaN: not yet. */
  closingAwakeMs: number;
  /** How the node has closed it: code and text of the close frame that it sent. */
  closeSent: CloseSent | undefined;
  /** When the socket has told the node of its end. */
  endedMs: number | undefined;
  /** The reason and the cause that the node has logged. */
  logged:
    | { readonly reason: CloseReason; readonly cause: string; readonly atMs: number }
    | undefined;
}

/** The node's view of TCP during the handshake, as far as its code looks at it. */
class RawSocket {
  destroyed = false;
  readonly remoteAddress: string;
  readonly connection: Connection;
  readonly #listeners = new Map<string, (() => void)[]>();

  constructor(connection: Connection, address: string) {
    this.connection = connection;
    this.remoteAddress = address;
  }

  on(type: string, call: () => void): this {
    const calls = this.#listeners.get(type) ?? [];
    this.#listeners.set(type, [...calls, call]);
    return this;
  }

  once(type: string, call: () => void): this {
    return this.on(type, call);
  }

  end(text: string): void {
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
    this.connection.down.send({ kind: "http", status }, text.length);
    this.connection.down.send({ kind: "fin" }, 0);
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.connection.resetByServer();
    this.emit("close");
  }

  emit(type: string): void {
    const calls = this.#listeners.get(type) ?? [];
    this.#listeners.delete(type);
    for (const call of calls) call();
  }
}

export class Connection {
  readonly number: number;
  readonly client: ClientPeer;
  readonly node: SimNode;
  readonly request: Request;
  readonly up: Pipe<UpItem>;
  readonly down: Pipe<DownItem>;
  readonly raw: RawSocket;
  readonly truth: Truth;
  /** The node's end, once the handshake is accepted. */
  server: ServerSocket | undefined;
  /** Whether the client still holds its end. */
  isOpen = true;
  readonly #simulation: Simulation;
  #isRefused = false;

  constructor(
    simulation: Simulation,
    { number, client, node, request, profile }: {
      readonly number: number;
      readonly client: ClientPeer;
      readonly node: SimNode;
      readonly request: Request;
      readonly profile: string;
    },
  ) {
    this.#simulation = simulation;
    this.number = number;
    this.client = client;
    this.node = node;
    this.request = request;
    const { scheduler } = simulation;
    const random = simulation.random.fork(`way ${number}`);
    this.up = new Pipe(request.way, { scheduler, random, arrive: (item) => this.#arriveUp(item) });
    this.down = new Pipe(request.way, {
      scheduler,
      random,
      arrive: (item) => client.process.read(() => this.#arriveDown(item)),
    });
    this.raw = new RawSocket(this, request.address);
    this.truth = {
      profile,
      id: undefined,
      openedMs: NaN,
      excuses: new Map(),
      lifeAwakeMs: NaN,
      lifeMs: NaN,
      pingAwakeMs: Infinity,
      lastPingAwakeMs: NaN,
      pings: 0,
      pausedSinceMs: NaN,
      isImpaired: false,
      floodedMs: undefined,
      cutMs: undefined,
      frozenSinceMs: undefined,
      expiry: undefined,
      closingAwakeMs: NaN,
      closeSent: undefined,
      endedMs: undefined,
      logged: undefined,
    };
  }

  get label(): string {
    return `#${this.number} ${this.client.name}`;
  }

  /** Dials: SYN, SYN+ACK and the request are on their way. */
  dial(): void {
    const { scheduler } = this.#simulation;
    const { delayMs } = this.request.way;
    this.#simulation.note(this.label, `dials ${this.node.name} ${this.request.url}`);
    scheduler.after(3 * delayMs, () => {
      if (!this.isOpen) return;
      if (this.up.isCut || this.node.isLost) return; // no answer ever: the client has its own deadline
      if (!this.node.isListening) return this.#refuse(delayMs);
      this.node.process.read(() => this.node.upgrade(this));
    });
  }

  /** The node may end it for a reason. @param why for the report */
  excuse(why: string, ...reasons: readonly CloseReason[]): void {
    for (const reason of reasons) this.truth.excuses.set(reason, why);
  }

  /** The way is other than it should be: what is on it may be lost or late. */
  impair(why: string, ...reasons: readonly CloseReason[]): void {
    this.truth.isImpaired = true;
    this.excuse(why, ...reasons);
  }

  send(item: UpItem): void {
    if (!this.isOpen) return;
    // Its deadline can pass before TCP has ended: a close is no sign of life.
    if (item.kind === "close") this.excuse("the client closes", "client_close", ...UNHEARD);
    this.#simulation.note(this.label, `sends ${item.kind} ${sizeOf(item)}`);
    this.up.send(item, sizeOf(item));
  }

  /** The client ends TCP in order, after what it has sent. */
  fin(): void {
    if (!this.isOpen) return;
    this.excuse("the client ends TCP", "network_error", "client_close");
    this.send({ kind: "fin" });
    this.isOpen = false;
    this.down.close();
  }

  /** The client, or something on the way, resets the connection. */
  reset(why: string): void {
    this.impair(why, "network_error", "client_close");
    const wasOpen = this.isOpen;
    this.up.close();
    this.down.close();
    this.isOpen = false;
    const { scheduler } = this.#simulation;
    scheduler.after(
      this.request.way.delayMs,
      () => this.node.process.read(() => this.#lostAtNode()),
    );
    if (!wasOpen) return;
    scheduler.after(
      this.request.way.delayMs,
      () => this.client.process.read(() => this.client.ended(this)),
    );
  }

  /** The node's kernel resets it. */
  resetByServer(): void {
    this.up.close();
    this.down.close();
    if (!this.isOpen) return;
    this.#simulation.scheduler.after(this.request.way.delayMs, () => {
      if (!this.isOpen) return;
      this.isOpen = false;
      this.client.process.read(() => this.client.ended(this));
    });
  }

  #refuse(delayMs: number): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.isOpen = false;
    this.#simulation.scheduler.after(
      delayMs,
      () => this.client.process.read(() => this.client.ended(this)),
    );
  }

  #lostAtNode(): void {
    if (this.server !== undefined) return this.server.lost();
    this.raw.destroyed = true;
    this.raw.emit("close");
  }

  #arriveUp(item: UpItem): void {
    this.node.process.read(() => {
      if (this.server !== undefined) this.server.receive(item);
      else if (item.kind === "fin") this.#lostAtNode();
    });
  }

  #arriveDown(item: DownItem): void {
    if (!this.isOpen) return;
    const { client } = this;
    switch (item.kind) {
      case "accepted":
        return client.opened(this, item.protocol);
      case "http":
        return client.rejected(this, item.status);
      case "frames":
        for (const frame of item.frames) if (this.isOpen) client.frame(this, frame);
        return;
      case "fin":
        this.isOpen = false;
        this.up.send({ kind: "fin" }, 0);
        return client.ended(this);
    }
  }
}
