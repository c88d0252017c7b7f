/**
 * The DevTools protocol of a browser over one WebSocket: calls with their answers, events by name,
 * and sessions, each the same for one page. Knows nothing of what the methods mean.
 *
 * @module
 */

import { within } from "../until.ts";

/** A browser that has not answered for so long will not. */
const ANSWER_MS = 60_000;

// deno-lint-ignore no-explicit-any -- the protocol has hundreds of shapes; tests look into them freely
type Shape = any;
type Listener = (params: Shape) => void;

interface Wire {
  readonly socket: WebSocket;
  readonly waiting: Map<number, PromiseWithResolvers<Shape>>;
  readonly listeners: Set<{ session?: string; event: string; call: Listener }>;
  lastId: number;
}

/** The browser as a whole, or one session with a part of it. */
export class Devtools {
  readonly #wire: Wire;
  readonly #session: string | undefined;

  private constructor(wire: Wire, session?: string) {
    this.#wire = wire;
    this.#session = session;
  }

  /** Connects to the address that a browser prints at its start. */
  static async connect(url: string): Promise<Devtools> {
    const socket = new WebSocket(url);
    const wire: Wire = { socket, waiting: new Map(), listeners: new Set(), lastId: 0 };
    const opened = Promise.withResolvers<void>();
    socket.onopen = () => opened.resolve();
    socket.onmessage = ({ data }) => take(wire, JSON.parse(data));
    socket.onclose = () => {
      const gone = new Error("the browser has ended the DevTools connection");
      opened.reject(gone);
      for (const { reject } of wire.waiting.values()) reject(gone);
      wire.waiting.clear();
    };
    await within("a DevTools connection", ANSWER_MS, opened.promise);
    return new Devtools(wire);
  }

  /** Calls a method and waits for its answer. */
  async call(method: string, params: Record<string, unknown> = {}): Promise<Shape> {
    const { socket, waiting } = this.#wire;
    const id = ++this.#wire.lastId;
    const answer = Promise.withResolvers<Shape>();
    waiting.set(id, answer);
    socket.send(JSON.stringify({ id, method, params, sessionId: this.#session }));
    try {
      return await within(`the answer to ${method}`, ANSWER_MS, answer.promise);
    } catch (cause) {
      throw new Error(`${method} failed: ${(cause as Error).message}`, { cause });
    } finally {
      waiting.delete(id);
    }
  }

  /** Calls at each event of a name, as long as the connection lives. */
  on(event: string, call: Listener): void {
    this.#wire.listeners.add({ session: this.#session, event, call });
  }

  /** The next event of a name; ask for it before causing it. */
  async once(event: string): Promise<Shape> {
    const { listeners } = this.#wire;
    const seen = Promise.withResolvers<Shape>();
    const listener = { session: this.#session, event, call: seen.resolve };
    listeners.add(listener);
    try {
      return await within(`the event ${event}`, ANSWER_MS, seen.promise);
    } finally {
      listeners.delete(listener);
    }
  }

  /** A session with a target: its own calls and events. */
  async attach(targetId: string): Promise<Devtools> {
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    return new Devtools(this.#wire, sessionId);
  }

  /** Ends the connection; the browser runs on. */
  async close(): Promise<void> {
    const { socket } = this.#wire;
    if (socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
    socket.close();
    await within("the end of a DevTools connection", ANSWER_MS, closed);
  }
}

function take(wire: Wire, message: Shape): void {
  const { id, error, result, method, params, sessionId } = message;
  if (id !== undefined) {
    if (error) wire.waiting.get(id)?.reject(new Error(error.message));
    else wire.waiting.get(id)?.resolve(result);
    return;
  }
  for (const { session, event, call } of [...wire.listeners]) {
    if (session === sessionId && event === method) call(params);
  }
}
