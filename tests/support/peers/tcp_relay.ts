/**
 * A TCP relay in this process to one port of this machine, for connections that a test spoils while they
 * are in use: it resets them, delays what they carry, or forwards nothing more, in one direction or in
 * both, while the sockets stay open. Towards the client it can be as slow as a line.
 *
 * @module
 */

import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** Where bytes go: to the server, or to the client. */
export type Direction = "up" | "down";

/** What a relay is like. */
export interface TcpRelayOptions {
  /** The port that it connects to. */
  readonly target: number;
  /** Of each connection, towards the client. Default: as fast as it goes. */
  readonly bytesPerSecond?: number;
  /** Called with each new connection. */
  readonly connected?: (connection: RelayedConnection) => void;
}

/** A client's connection through the relay. */
export class RelayedConnection {
  /** What all bytes take from now on, in each direction, ms. Never to be lowered: their order would change. */
  delayMs = 0;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #dropped = new Set<Direction>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(client: Socket, { target, bytesPerSecond = Infinity }: TcpRelayOptions) {
    const server = connect({ host: "127.0.0.1", port: target, noDelay: true });
    client.setNoDelay(true);
    this.#client = client;
    this.#server = server;
    this.#forward("up", client, server);
    this.#forward("down", server, client);
    if (bytesPerSecond === Infinity) return;
    server.on("data", ({ length }: Uint8Array) => {
      server.pause();
      this.#after(length / bytesPerSecond * 1_000, () => server.resume());
    });
  }

  /** Whether neither end has closed it. */
  get isOpen(): boolean {
    return !this.#client.destroyed && !this.#server.destroyed;
  }

  /** Ends it at both ends by a RST. */
  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Forwards nothing more in these directions, neither bytes nor the end. */
  drop(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#dropped.add(direction);
  }

  /** Ends it. */
  close(): void {
    this.#timers.forEach(clearTimeout);
    this.#client.destroy();
    this.#server.destroy();
  }

  #forward(direction: Direction, from: Socket, to: Socket): void {
    const passes = () => !this.#dropped.has(direction);
    const later = (call: () => void) =>
      this.delayMs === 0 ? call() : this.#after(this.delayMs, call);
    from.on("data", (bytes: Uint8Array) => passes() && later(() => to.write(bytes)));
    from.on("error", () => passes() && later(() => to.resetAndDestroy()));
    from.on("close", () => passes() && later(() => to.end())); // it has been read to its end, or failed
  }

  #after(ms: number, call: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, ms);
    this.#timers.add(timer);
  }
}

/** A listener, and the connections through it. */
export class TcpRelay implements AsyncDisposable {
  /** All so far. */
  readonly connections: RelayedConnection[] = [];
  /** Whether each new connection is reset. */
  isDown = false;
  readonly #server: Server;

  private constructor(options: TcpRelayOptions) {
    this.#server = createServer((client) => {
      const connection = new RelayedConnection(client, options);
      this.connections.push(connection);
      if (this.isDown) return connection.reset();
      options.connected?.(connection);
    });
  }

  /** Starts to listen on a free port. */
  static async start(options: TcpRelayOptions): Promise<TcpRelay> {
    const relay = new TcpRelay(options);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends it with all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.connections) connection.close();
    await closed;
  }
}
