/** The client library itself, as a page or a program uses it. */

import { HeartbeatSocket } from "../../../server/sdk/heartbeat_socket.ts";
import { platform } from "../../../server/sdk/platform.ts";
import type { Subscription } from "../../../server/sdk/subscription.ts";
import { type ClientContext, type ClientKind, SimClient } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ROOMS } from "../core/json_frames.ts";
import { credentialOf, type KeyName } from "../core/keys.ts";
import { type SimWebSocket, webSocketOf } from "../core/web_socket.ts";

/** What a page has: the network comes and goes, and the page is shown again. */
class Page extends EventTarget {
  readonly navigator = { onLine: true };
}

/** From an advice to the close that goes with it, at most, ms. */
const ADVICE_MS = 2_500;

export class SdkClient extends SimClient {
  readonly isWellBehaved = true;
  readonly page = new Page();
  /** When it has last received anything on an open connection. */
  lastHeardMs = Infinity;
  /** Silence after which it must close, ms. */
  boundMs = Infinity;
  /** What it has asked for before it was allowed to. */
  tooEarly: string | undefined;
  #notBeforeMs = 0;
  #advisedMs = -Infinity;
  /** Timers that the library has not set. */
  ownTimers = 0;
  /** Why it has given up, if it has. */
  gaveUp: string | undefined;
  readonly #key: KeyName | undefined;
  readonly #rooms = new Map<string, Subscription>();
  readonly #sockets = new Map<Connection, SimWebSocket>();
  /** The rooms that have told a gap while it moved, and the connection to which. */
  readonly #movingGaps = new Map<string, Connection | undefined>();
  readonly #publishEveryMs: number;
  #socket!: HeartbeatSocket;

  constructor(context: ClientContext) {
    super(context);
    this.#key = this.simulation.config.auth.keys.length > 0 ? "all" : undefined;
    this.#publishEveryMs = this.random.spread(1_000, 90_000);
    this.script.onEnter = () => this.#enter();
  }

  get socket(): HeartbeatSocket {
    return this.#socket;
  }

  start(): void {
    this.script.run(() => this.#start());
  }

  override rest(): void {
    this.isOffline = false;
    this.isStripped = false;
    if (this.page.navigator.onLine) return;
    this.setOnline(true);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.simulation.ledger.ends(this.name);
    this.script.read(() => this.#socket.close());
  }

  override subscribed(): readonly string[] {
    return this.isClosed || this.gaveUp !== undefined ? [] : [...this.#rooms.keys()];
  }

  get #mostRooms(): number {
    return this.simulation.config.limits.maxSubscriptions;
  }

  /** The platform reports the network. */
  setOnline(isOnline: boolean): void {
    this.isOffline = !isOnline;
    if (isOnline) this.lastHeardMs = this.simulation.nowMs; // what was silent before is no timeout
    this.page.navigator.onLine = isOnline;
    this.script.read(() => this.page.dispatchEvent(new Event(isOnline ? "online" : "offline")));
  }

  /** The page is shown again from the browser's cache. */
  show(): void {
    this.script.read(() => this.page.dispatchEvent(new Event("pageshow")));
  }

  protected override onOpen(connection: Connection, protocol: string): void {
    this.lastHeardMs = this.simulation.nowMs;
    this.#sockets.get(connection)?.opened(protocol);
  }

  protected override onText(connection: Connection, text: string): void {
    this.lastHeardMs = this.simulation.nowMs;
    if (text.startsWith('{"type":"reconnect"')) this.#advisedMs = this.simulation.nowMs;
    this.#sockets.get(connection)?.received(text);
  }

  protected override onCloseFrame(
    connection: Connection,
    frame: { readonly code: number; readonly reason: string },
  ): void {
    super.onCloseFrame(connection, frame);
    this.script.read(() => {
      const afterMs = Number(/; afterMs=(\d+)$/.exec(frame.reason)?.[1] ?? 0);
      const { nowMs } = this.simulation;
      // The advice to return comes before the close that goes with it.
      const sinceMs = nowMs - this.#advisedMs < ADVICE_MS ? this.#advisedMs : nowMs;
      // What it has given up, it does not hear any more.
      const isHeard = this.#sockets.get(connection)?.onclose !== null;
      if (isHeard && connection === this.connection) this.#notBeforeMs = sinceMs + afterMs;
      this.#sockets.get(connection)?.closing(frame.code, frame.reason);
    });
  }

  protected override onEnd(connection: Connection): void {
    this.#sockets.get(connection)?.ended();
    this.#sockets.delete(connection);
  }

  /** What the library finds global is that of this client. */
  #enter(): void {
    const { script, random, page } = this;
    platform.now = () => script.now();
    platform.wall = () => script.wall();
    platform.random = () => random.number();
    platform.randomText = () => random.uuid();
    platform.after = (ms, call) => script.after(ms, call);
    platform.page = page;
  }

  #start(): void {
    const { random, simulation } = this;
    const WebSocket = webSocketOf({
      connect: (socket, protocols) => {
        const offered: Record<string, string> = {};
        if (protocols.length > 0) offered["sec-websocket-protocol"] = protocols.join(", ");
        const { pathname, search } = new URL(socket.url);
        if (simulation.nowMs < this.#notBeforeMs - 1) {
          this.tooEarly = `comes back ${
            (this.#notBeforeMs - simulation.nowMs).toFixed(0)
          } ms too early`;
        }
        const connection = this.dial(`${pathname}${search}`, offered);
        this.#sockets.set(connection, socket);
        return connection;
      },
      send: (connection, text) => this.sendText(connection, text),
    });
    const query = this.#key === undefined ? "" : `?access_token=${credentialOf(this.#key)}`;
    const heartbeatInterval = random.pick([10_000, 30_000]);
    this.boundMs = heartbeatInterval + 10_000;
    this.#socket = new HeartbeatSocket(`ws://hub.test/ws${query}`, {
      WebSocket,
      heartbeatInterval,
      reconnectInterval: random.pick([500, 5_000]),
      maxReconnectAttempts: Infinity,
      outboxMessages: random.pick([4, 256]),
      debug: (text) => simulation.note(this.name, text),
    });
    this.#socket.addEventListener("giveup", ({ reason }) => this.gaveUp = reason);
    const rooms = ROOMS.filter(() => random.chance(0.5)).slice(0, this.#mostRooms);
    for (const room of rooms) this.#subscribe(room);
    this.#publishLater();
    if (random.chance(0.5)) this.#changeLater();
  }

  /** What waits is sent as soon as there is a connection: it must not expire on one that works. */
  #refused(code: string): void {
    const { simulation, connection, script } = this;
    simulation.note(this.name, `is refused a publication: ${code}`);
    const isConnected = this.#socket.readyState === 1 && connection?.truth.isImpaired === false &&
      simulation.nowMs - connection.truth.openedMs > 10_000 && !script.wasStepped &&
      script.stalls.every(({ toMs }) => toMs < connection.truth.openedMs) &&
      simulation.nowMs - simulation.burstAtMs > 60_000 && simulation.node.engine === undefined &&
      simulation.redis === undefined;
    if (code !== "expired" || !isConnected) return;
    simulation.find("answers", `${this.name} lets a publication expire on a connection`, [
      connection!,
    ]);
  }

  #subscribe(room: string): void {
    const { ledger } = this.simulation;
    const subscription = this.#socket.subscribe(room, ({ data, offset }) => {
      const epoch = subscription.position?.epoch;
      ledger.received({
        owner: this.name,
        client: this,
        key: this.#key,
        channel: room,
        data,
        epoch,
        offset,
      });
    });
    subscription.addEventListener("unsubscribed", ({ reason: code }) => {
      this.simulation.find("subscriptions", `${this.name} has lost ${room}: ${code}`, [this.name]);
    });
    subscription.addEventListener("gap", () => {
      // While it moves to another connection, it tells more gaps than there are: the last connection
      // tells one, and the next one answers what was asked before.
      const { connection } = this;
      const isAgain = connection !== undefined && this.#movingGaps.get(room) === connection;
      this.#movingGaps.delete(room);
      if (this.#sockets.size > 1) this.#movingGaps.set(room, connection);
      else if (!isAgain) ledger.missing(this.name, room);
      ledger.begins(this.name, room, undefined);
    });
    this.#rooms.set(room, subscription);
  }

  #later(ms: number, call: () => void): void {
    this.ownTimers++;
    this.script.after(ms, () => {
      this.ownTimers--;
      call();
    });
  }

  #publishLater(): void {
    this.#later(
      this.random.between(0.5, 1.5) * this.#publishEveryMs * this.simulation.quietness,
      () => {
        if (this.isClosed || this.simulation.isResting) return;
        const room = this.random.pick(ROOMS);
        const bytes = this.random.chance(0.05) ? 4_000 : this.random.int(100);
        const { ledger } = this.simulation;
        const data = ledger.publish(this, room, { key: this.#key, bytes, isRepeatable: true });
        this.#socket.publish(room, data).then(
          (place) => ledger.accepted(data, place?.degraded ? undefined : place, this.name),
          ({ code }) => this.#refused(code),
        );
        this.#publishLater();
      },
    );
  }

  /** It leaves a room and comes back to it, or goes to another one. */
  #changeLater(): void {
    this.#later(this.random.spread(5_000, 200_000), () => {
      if (this.isClosed || this.simulation.isResting) return;
      const room = this.random.pick(ROOMS);
      const subscription = this.#rooms.get(room);
      if (subscription === undefined) {
        if (this.#rooms.size < this.#mostRooms) this.#subscribe(room);
      } else {
        subscription.unsubscribe();
        this.#rooms.delete(room);
        this.simulation.ledger.ends(this.name, room);
      }
      this.#changeLater();
    });
  }
}

export const sdk: ClientKind = { weight: 8, create: (context) => new SdkClient(context) };
