/**
 * The probe's socket without a wire: keeps what was written, and lets the test speak as the server.
 *
 * @module
 */

import type { PeerEnd, ProbeSocket, ProbeSocketEvents } from "../../../server/cli/probe/socket.ts";

export class FakeProbeSocket implements ProbeSocket {
  readonly subprotocol: string = "";
  readonly extensions: readonly string[] = [];
  /** All that was written, in order: texts, `ping <payload>`, `pong <payload>`, and how it was ended. */
  readonly journal: string[] = [];
  /** The server's half. */
  server!: ProbeSocketEvents;
  /** Set: the server does not answer the goodbye. */
  deaf = false;

  attach(events: ProbeSocketEvents): void {
    this.server = events;
  }

  send(text: string): void {
    this.journal.push(text);
  }

  ping(payload: string): void {
    this.journal.push(`ping ${payload}`);
  }

  pong(payload: Uint8Array): void {
    this.journal.push(`pong ${new TextDecoder().decode(payload)}`);
  }

  close(): void {
    this.journal.push("close");
    if (!this.deaf) this.#end({ how: "close_frame", code: 1000, text: "" });
  }

  terminate(): void {
    this.journal.push("terminate");
    this.#end({ how: "fin" });
  }

  #end(end: PeerEnd): void {
    queueMicrotask(() => this.server.closed(end));
  }
}
