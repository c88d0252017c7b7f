/**
 * Connections of the library, watched on the wire: it hides a message that comes twice, and one that is
 * missing looks to it like one of another connection.
 *
 * @module
 */

// @ts-types="@types/ws"
import { WebSocket } from "ws";
import type { WebSocketConstructor } from "../../../server/sdk/heartbeat_socket.ts";

export class WatchedSockets {
  /** How many there were. */
  opened = 0;
  /** Answers that refused something for a while. */
  unavailable = 0;
  /** What was wrong. */
  readonly faults: string[] = [];
  readonly #open = new Set<WebSocket>();

  /** The class of such connections. */
  socketClass(): WebSocketConstructor {
    const watch = (socket: WebSocket) => this.#watch(socket);
    return class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        watch(this);
      }
    } as unknown as WebSocketConstructor;
  }

  /** Cuts some. @param share of them */
  cut(share: number, random: () => number): void {
    for (const socket of [...this.#open]) {
      if (random() < share) socket.terminate();
    }
  }

  #watch(socket: WebSocket): void {
    /** The newest offset of each channel; undefined after an answer that names another. */
    const offsets = new Map<string, number | undefined>();
    socket.on("open", () => {
      this.opened++;
      this.#open.add(socket);
    });
    socket.on("close", () => this.#open.delete(socket));
    socket.on("message", (bytes) => {
      const { type, channel, offset, code } = JSON.parse(String(bytes));
      if (type === "error") this.unavailable += code === "unavailable" || code === "busy" ? 1 : 0;
      if (type === "gap" || type === "subscribed") offsets.set(channel, undefined);
      if (type !== "message" || offset === undefined) return;
      const before = offsets.get(channel);
      if (before !== undefined && offset !== before + 1) {
        this.faults.push(`${channel}: ${offset} follows ${before} on one connection`);
      }
      offsets.set(channel, offset);
    });
  }
}
