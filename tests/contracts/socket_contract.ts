/**
 * What every Socket must do. Run by the fake that other tests stand on, and by the real one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Socket, SocketEnd, SocketEvents } from "../../server/transport/socket.ts";
import { textFrame } from "../../server/transport/text_frame.ts";

/** The peer's end of the wire. */
export interface PeerEnd {
  /** What has come, in order: texts, and `ping <n>`, `pong <n>` with the payload's length. */
  readonly received: readonly string[];
  say(text: string): void;
  /** One message in so many frames. */
  sayInPieces(pieces: readonly string[]): void;
  ping(payload: Uint8Array): void;
  pong(payload: Uint8Array): void;
  /** Says goodbye with a close frame. */
  leave(): void;
  /** Cuts the wire. */
  cut(): void;
}

/** How to make one and wait for it. */
export interface SocketSubject {
  /** Runs a test with an open socket and takes everything down afterwards. */
  readonly use: (test: (socket: Socket, peer: PeerEnd) => Promise<void>) => Promise<void>;
  /** Waits until something holds. */
  readonly until: (holds: () => boolean) => Promise<void>;
}

/** Writes down what a socket tells. */
class Recorder implements SocketEvents {
  readonly told: string[] = [];
  readonly ends: SocketEnd[] = [];
  message(data: Uint8Array): void {
    this.told.push(new TextDecoder().decode(data));
  }
  continuations(count: number): void {
    this.told.push(`continuations ${count}`);
  }
  ping(payload: Uint8Array): void {
    this.told.push(`ping ${payload.length}`);
  }
  pong(payload: Uint8Array): void {
    this.told.push(`pong ${payload.length}`);
  }
  fault(kind: string): void {
    this.told.push(`fault ${kind}`);
  }
  closed(end: SocketEnd): void {
    this.ends.push(end);
  }
}

/** Registers the tests. @param name of the implementation */
export function testSocket(name: string, { use, until }: SocketSubject): void {
  const test = (
    what: string,
    body: (scene: { socket: Socket; peer: PeerEnd; events: Recorder }) => Promise<void>,
  ) =>
    Deno.test(`${name} ${what}`, () =>
      use(async (socket, peer) => {
        const events = new Recorder();
        socket.attach(events);
        await body({ socket, peer, events });
      }));

  test("tells messages, pings and pongs in the order they came", async ({ peer, events }) => {
    peer.say("a");
    peer.ping(new Uint8Array(3));
    peer.say("b");
    peer.pong(new Uint8Array(2));
    await until(() => events.told.length === 4);
    assertEquals(events.told, ["a", "ping 3", "b", "pong 2"]);
  });

  test("tells the frames of a message after its first before the message", async ({ peer, events }) => {
    peer.sayInPieces(["a", "", "b", "c"]);
    await until(() => events.told.includes("abc"));
    const counts = events.told.slice(0, -1).map((it) => Number(it.replace("continuations ", "")));
    assertEquals(counts.reduce((sum, count) => sum + count), 3);
    assertEquals(events.told.at(-1), "abc");
  });

  test("writes frames, pings and pongs in order, and says once that a write has drained", async ({ socket, peer }) => {
    let drained = 0;
    socket.write(textFrame("one"), () => drained++);
    socket.ping(new Uint8Array(8));
    socket.write(textFrame("two"), () => drained++);
    socket.pong(new Uint8Array(4));
    assertEquals(drained, 0, "drained during the call");
    await until(() => peer.received.length === 4 && drained === 2);
    assertEquals(peer.received, ["one", "ping 8", "two", "pong 4"]);
  });

  test("tells the end once, and that it was the peer's", async ({ socket, peer, events }) => {
    peer.leave();
    await until(() => events.ends.length > 0);
    socket.terminate();
    await until(() => true);
    assertEquals(events.ends, [{ code: 1000, byPeer: true }]);
  });

  test("tells the end once when the wire is cut", async ({ peer, events }) => {
    peer.cut();
    await until(() => events.ends.length > 0);
    assertEquals(events.ends, [{ code: 1006, byPeer: false }]);
  });

  for (const how of ["close", "abort", "terminate"] as const) {
    test(`ends by ${how}(), and all calls afterwards are harmless`, async ({ socket, events }) => {
      let drained = 0;
      if (how === "terminate") socket.terminate();
      else socket[how](1012, "drain: server restarting; afterMs=1000");
      await until(() => events.ends.length > 0);
      socket.write(textFrame("late"), () => drained++);
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

  test("has told everything before the end, and nothing after it", async ({ peer, events }) => {
    peer.say("last words");
    peer.leave();
    await until(() => events.ends.length > 0);
    assert(events.told.includes("last words"));
  });
}
