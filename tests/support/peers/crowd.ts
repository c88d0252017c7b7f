/**
 * Thousands of clients in one process, each as light as can be: a bare stream that answers control
 * pings and notes when they came. Any of them can stop answering while its socket stays open.
 *
 * @module
 */

import { clientFrame, OPCODE } from "./frames.ts";
import type { Dial } from "./plain_http.ts";
import { RawPeer } from "./raw_peer.ts";
import { at } from "../until.ts";

/** So many handshakes at a time: the backlog of a listener is not what is tested here. */
const CONNECTING = 100;

/** One of them; times are moments of `performance.now()`. */
export class CrowdMember {
  /** Whether it answers control pings. */
  answers = true;
  /** Just before it asked for the connection, and just after it had it. */
  readonly bornMs: { readonly from: number; readonly to: number };
  /** When it last sent something: its birth, or its last answer. */
  lastSentMs: number;
  /** When its first control ping came. */
  firstPingMs: number | undefined;
  /** When the one behind the welcome came. */
  welcomePingMs: number | undefined;
  /** When its connection ended. */
  endedMs: number | undefined;
  /** Resolves at the end. */
  readonly life: Promise<void>;
  readonly #peer: RawPeer;
  /** Payload of its last control ping. */
  #payload: Uint8Array = new Uint8Array();

  constructor(peer: RawPeer, bornMs: { from: number; to: number }) {
    this.#peer = peer;
    this.bornMs = bornMs;
    this.lastSentMs = bornMs.to;
    this.life = this.#live();
  }

  /** Ends it. */
  close(): void {
    this.#peer.close();
  }

  /** Answers its last control ping, again if need be. Resolves when the kernel has the answer. */
  async pong(): Promise<void> {
    this.lastSentMs = performance.now();
    await this.#peer.write(clientFrame(OPCODE.pong, this.#payload)).catch(() => {}); // it has ended
  }

  async #live(): Promise<void> {
    for (let frame = await this.#peer.read(); frame; frame = await this.#peer.read()) {
      if (frame.opcode !== OPCODE.ping) continue;
      if (this.welcomePingMs === undefined) this.welcomePingMs = performance.now();
      else this.firstPingMs ??= performance.now();
      this.#payload = frame.payload;
      if (this.answers) await this.pong();
    }
    this.endedMs = performance.now();
    this.#peer.close();
  }
}

export class Crowd implements AsyncDisposable {
  /** Everybody, in the order of coming. */
  readonly members: CrowdMember[] = [];
  readonly #dial: Dial;

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  /**
   * Lets some come.
   *
   * @param overMs evenly over so long; 0 = as fast as it goes
   */
  async join(count: number, { overMs = 0 } = {}): Promise<void> {
    const startMs = performance.now();
    let next = 0;
    const arrive = async () => {
      while (next < count) {
        const mine = next++;
        await at(startMs + mine * overMs / count);
        this.members.push(await this.#connect());
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONNECTING, count) }, arrive));
  }

  /** Those whose connection has ended. */
  get ended(): CrowdMember[] {
    return this.members.filter(({ endedMs }) => endedMs !== undefined);
  }

  /** Ends everybody. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) member.close();
    await Promise.all(this.members.map(({ life }) => life));
  }

  async #connect(): Promise<CrowdMember> {
    const from = performance.now();
    const peer = await RawPeer.connect(this.#dial, { readBytes: 1_024, patienceMs: Infinity });
    return new CrowdMember(peer, { from, to: performance.now() });
  }
}
