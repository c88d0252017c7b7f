/**
 * What every Socket must do. Run by the fake of the other tests and by the real one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Socket, SocketEnd, SocketEvents } from "../../server/transport/socket.ts";
import { textFrame } from "../../server/transport/text_frame.ts";

/** The peer of the socket. */
export interface PeerEnd {
  /** What it has received, in order: texts, and `ping <n>`, `pong <n>` with the payload's length. */
  readonly received: readonly string[];
  sendText(text: string): void;
  /** Sends one message, a frame for each piece. */
  sendFragments(pieces: readonly string[]): void;
  ping(payload: Uint8Array): void;
  pong(payload: Uint8Array): void;
  /** Sends a close frame. */
  sendClose(): void;
  /** Drops the connection without a close frame. */
  drop(): void;
}

/** How to make one and wait for it. */
export interface SocketSubject {
  /** Runs a test with an open socket and closes everything afterwards. */
  readonly use: (test: (socket: Socket, peer: PeerEnd) => Promise<void>) => Promise<void>;
  /** Waits until a condition holds. */
  readonly until: (holds: () => boolean) => Promise<void>;
}

/** Records the events of a socket. */
class Recorder implements SocketEvents {
  readonly seen: string[] = [];
  readonly ends: SocketEnd[] = [];
  message(data: Uint8Array): void {
    this.seen.push(new TextDecoder().decode(data));
  }
  continuations(count: number): void {
    this.seen.push(`continuations ${count}`);
  }
  ping(payload: Uint8Array): void {
    this.seen.push(`ping ${payload.length}`);
  }
  pong(payload: Uint8Array): void {
    this.seen.push(`pong ${payload.length}`);
  }
  fault(kind: string): void {
    this.seen.push(`fault ${kind}`);
  }
  closed(end: SocketEnd): void {
    this.ends.push(end);
  }
}

/** Registers the tests. @param name of the implementation */
export function testSocket(name: string, { use, until }: SocketSubject): void {
  const test = (
    what: string,
    body: (context: { socket: Socket; peer: PeerEnd; events: Recorder }) => Promise<void>,
  ) =>
    Deno.test(`${name} ${what}`, () =>
      use(async (socket, peer) => {
        const events = new Recorder();
        socket.attach(events);
        await body({ socket, peer, events });
      }));

  test("emits messages, pings and pongs in the order of arrival", async ({ peer, events }) => {
    peer.sendText("a");
    peer.ping(new Uint8Array(3));
    peer.sendText("b");
    peer.pong(new Uint8Array(2));
    await until(() => events.seen.length === 4);
    assertEquals(events.seen, ["a", "ping 3", "b", "pong 2"]);
  });

  test("emits the continuation frames of a message before the message", async ({ peer, events }) => {
    peer.sendFragments(["a", "", "b", "c"]);
    await until(() => events.seen.includes("abc"));
    const counts = events.seen.slice(0, -1).map((it) => Number(it.replace("continuations ", "")));
    assertEquals(counts.reduce((sum, count) => sum + count), 3);
    assertEquals(events.seen.at(-1), "abc");
  });

  test("writes frames, pings and pongs in order, and reports once that a write has drained", async ({ socket, peer }) => {
    let drained = 0;
    if (socket.write(textFrame("one"), () => drained++)) drained++;
    socket.ping(new Uint8Array(8));
    if (socket.write(textFrame("two"), () => drained++)) drained++;
    socket.pong(new Uint8Array(4));
    await until(() => peer.received.length === 4 && drained === 2);
    assertEquals(peer.received, ["one", "ping 8", "two", "pong 4"]);
  });

  test("emits closed() once, and that the peer closed", async ({ socket, peer, events }) => {
    peer.sendClose();
    await until(() => events.ends.length > 0);
    socket.terminate();
    await until(() => true);
    assertEquals(events.ends, [{ code: 1000, byPeer: true }]);
  });

  test("emits closed() once when the connection drops", async ({ peer, events }) => {
    peer.drop();
    await until(() => events.ends.length > 0);
    assertEquals(events.ends, [{ code: 1006, byPeer: false }]);
  });

  for (const how of ["close", "abort", "terminate"] as const) {
    test(`closes by ${how}(), and later calls have no effect`, async ({ socket, events }) => {
      let drained = 0;
      if (how === "terminate") socket.terminate();
      else socket[how](1012, "drain: server restarting; afterMs=1000");
      await until(() => events.ends.length > 0);
      if (socket.write(textFrame("late"), () => drained++)) drained++;
      socket.ping(new Uint8Array(1));
      socket.pong(new Uint8Array(1));
      socket.pause();
      socket.resume();
      socket.close(1000, "");
      socket.abort(1000, "");
      socket.terminate();
      await until(() => drained === 1);
      assertEquals(events.ends.length, 1);
    });
  }

  test("emits all messages before closed(), and nothing after it", async ({ peer, events }) => {
    peer.sendText("last message");
    peer.sendClose();
    await until(() => events.ends.length > 0);
    assert(events.seen.includes("last message"));
  });
}
