/**
 * A load balancer for TCP, in this process: each connection goes to the next of the servers that were ready
 * when they were last asked.
 *
 * @module
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { ServerProcess } from "../server/server_process.ts";

/** How often servers are asked whether they are ready, ms. */
const ASK_EVERY_MS = 100;

/** A server behind it. */
interface Target {
  readonly server: ServerProcess;
  isReady: boolean;
}

export class Balancer implements AsyncDisposable {
  readonly #targets: Target[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #turn = 0;
  #isEnded = false;
  #asking: Promise<void> = Promise.resolve();

  private constructor() {
    this.#server = createServer((client) => this.#forward(client));
  }

  /** Starts to listen on a free port. */
  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    await new Promise<void>((resolve) => balancer.#server.listen(0, "127.0.0.1", resolve));
    balancer.#asking = balancer.#askAll();
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Puts a server behind it, which is ready. */
  add(server: ServerProcess): void {
    this.#targets.push({ server, isReady: true });
  }

  /** A server that has ended is behind it no more. */
  remove(server: ServerProcess): void {
    this.#targets.splice(this.#targets.findIndex((target) => target.server === server), 1);
  }

  /** Ends it with all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    await this.#asking;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #askAll(): Promise<void> {
    while (!this.#isEnded) {
      await Promise.all(this.#targets.map(async (target) => {
        const answer = await target.server.ask({ path: "/readyz" }).catch(() => undefined);
        target.isReady = answer?.status === 200;
      }));
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  }

  #forward(client: Socket): void {
    const ready = this.#targets.filter(({ isReady }) => isReady);
    if (ready.length === 0) return void client.destroy();
    const { server: { port } } = ready[this.#turn++ % ready.length];
    const server = connect({ host: "127.0.0.1", port, noDelay: true });
    client.setNoDelay(true);
    for (const [from, to] of [[client, server], [server, client]]) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.end();
      });
    }
  }
}
