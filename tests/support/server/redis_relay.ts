/**
 * A way to a Redis on which subscribing connections may fall silent: they stay open, and nothing comes
 * through them any more.
 *
 * @module
 */

interface Way {
  isSubscriber: boolean;
  isSilent: boolean;
}

export class RedisRelay implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #target: URL;
  readonly #ways = new Set<Way>();
  readonly #sockets = new Set<Deno.Conn>();
  readonly #run: Promise<void>;
  readonly #pipes: Promise<void>[] = [];

  /** @param url of the Redis */
  constructor(url: string) {
    this.#target = new URL(url);
    this.#run = this.#accept();
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** The subscribing connections that are open now fall silent. @returns how many */
  silenceSubscribers(): number {
    const ways = [...this.#ways].filter(({ isSubscriber }) => isSubscriber);
    for (const way of ways) way.isSilent = true;
    return ways.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets) close(socket);
    await this.#run;
    await Promise.all(this.#pipes);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const server = await Deno.connect({
          hostname: this.#target.hostname,
          port: Number(this.#target.port),
        });
        const way: Way = { isSubscriber: false, isSilent: false };
        this.#ways.add(way);
        for (const socket of [client, server]) this.#sockets.add(socket);
        this.#pipes.push(
          pipe(client, server, (text) => {
            way.isSubscriber ||= text.includes("\r\nsubscribe\r\n");
            return true;
          }),
          pipe(server, client, () => !way.isSilent).then(() => void this.#ways.delete(way)),
        );
      }
    } catch {
      // The listener or the Redis has gone.
    }
  }
}

/** Carries bytes until one end closes; then the other one is closed. */
async function pipe(
  from: Deno.Conn,
  to: Deno.Conn,
  isCarried: (text: string) => boolean,
): Promise<void> {
  const buffer = new Uint8Array(65_536);
  const latin1 = new TextDecoder("latin1");
  try {
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      const bytes = buffer.slice(0, count);
      if (!isCarried(latin1.decode(bytes))) continue;
      for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
    }
  } catch {
    // Closed by the other way.
  }
  for (const socket of [from, to]) close(socket);
}

function close(socket: Deno.Conn): void {
  try {
    socket.close();
  } catch {
    // It is closed.
  }
}
