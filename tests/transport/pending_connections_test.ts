import { assertEquals, assertMatch } from "@std/assert";
import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import { TrustedProxies } from "../../server/auth/client_address.ts";
import { Metrics } from "../../server/metrics/metrics.ts";
import {
  PendingConnections,
  type PendingLimits,
} from "../../server/transport/pending_connections.ts";
import { withWorld, type World } from "../support/fakes/world.ts";

const WAIT_MS = 10_000;
/** A check each 250 ms, and a tick. */
const CHECK_MS = 300;
const PROXY = "10.0.0.1";

/** A TCP or TLS connection as `node:http` announces it. */
class FakeConnection extends EventEmitter {
  readonly remotePort: number;
  bytesRead = 0;
  destroyed = false;
  said = "";

  constructor(readonly remoteAddress: string, port: number) {
    super();
    this.remotePort = port;
  }

  end(text: string): void {
    this.said += text;
  }

  destroySoon(): void {
    this.destroy();
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

class Door {
  readonly server = new EventEmitter();
  readonly metrics = new Metrics();
  readonly pending: PendingConnections;
  readonly world: World;
  #ports = 0;

  constructor(world: World, limits: Partial<PendingLimits>, isTls = false) {
    this.world = world;
    const { wheel, log } = world.context;
    this.pending = new PendingConnections({
      limits: {
        requestWaitMs: WAIT_MS,
        maxPendingConnections: 0,
        maxConnectionsPerAddress: 0,
        ...limits,
      },
      proxies: new TrustedProxies([PROXY]),
      wheel,
      metrics: this.metrics,
      log,
    });
    this.pending.watch(this.server as unknown as Server, isTls);
  }

  arrive(address = "192.0.2.1"): FakeConnection {
    const connection = new FakeConnection(address, ++this.#ports);
    this.server.emit("connection", connection);
    return connection;
  }

  /** The head of a request has come. @returns what ends its body, and its answer */
  request(socket: FakeConnection, headers: Record<string, string> = {}) {
    const request = Object.assign(new EventEmitter(), { socket, headers });
    const response = new EventEmitter();
    socket.bytesRead += 100;
    this.server.emit("request", request, response);
    return { ended: () => request.emit("end"), answered: () => response.emit("close") };
  }

  async cuts(): Promise<Record<string, number>> {
    const text = await this.metrics.text();
    const found = text.matchAll(/^systole_pending_connections_cut_total\{reason="(\w+)"\} (\d+)/gm);
    return Object.fromEntries(
      [...found].filter(([, , count]) => count !== "0").map((
        [, reason, count],
      ) => [reason, Number(count)]),
    );
  }
}

Deno.test("A connection without a request is cut after the wait, one with half a head is told", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, {});
    const silent = door.arrive(), half = door.arrive();
    half.bytesRead = 20;
    await world.clock.pass(WAIT_MS - 50);
    assertEquals([silent.destroyed, half.destroyed, door.pending.size], [false, false, 2]);
    await world.clock.pass(CHECK_MS);
    assertEquals([silent.destroyed, half.destroyed, door.pending.size], [true, true, 0]);
    assertEquals(silent.said, "");
    assertMatch(half.said, /^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/);
    assertMatch(half.said, /"detail":"no whole request came within REQUEST_WAIT_MS"/);
    assertEquals(await door.cuts(), { request_timeout: 2 });
  }));

Deno.test("A whole request ends the wait, its answer begins the next one", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, {});
    const socket = door.arrive();
    await world.clock.pass(WAIT_MS - 50);
    const { answered } = door.request(socket);
    await world.clock.pass(10 * WAIT_MS); // the answer may take its time
    assertEquals([socket.destroyed, door.pending.size], [false, 0]);
    answered();
    await world.clock.pass(WAIT_MS - 50);
    assertEquals([socket.destroyed, door.pending.size], [false, 1]);
    await world.clock.pass(CHECK_MS);
    assertEquals([socket.destroyed, socket.said], [true, ""]); // kept alive: nothing was asked
  }));

Deno.test("A body that does not end is cut, one that ends is not", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, {});
    const slow = door.arrive(), chunked = door.arrive(), quick = door.arrive();
    door.request(slow, { "content-length": "9" });
    door.request(chunked, { "transfer-encoding": "chunked" });
    door.request(quick, { "content-length": "9" }).ended();
    await world.clock.pass(WAIT_MS + CHECK_MS);
    assertEquals([slow, chunked, quick].map(({ destroyed }) => destroyed), [true, true, false]);
    assertMatch(slow.said, /^HTTP\/1\.1 408 /);
  }));

Deno.test("An upgrade ends the wait for good", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, { maxPendingConnections: 1 });
    const socket = door.arrive();
    door.server.emit("upgrade", {}, socket);
    assertEquals([door.pending.size, socket.listenerCount("close")], [0, 0]);
    door.arrive();
    await world.clock.pass(2 * WAIT_MS);
    assertEquals(socket.destroyed, false);
  }));

Deno.test("The oldest of too many is cut at once, and those that end count no more", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, { maxPendingConnections: 3 });
    const [first, second, third] = [door.arrive("::1"), door.arrive("::2"), door.arrive("::3")];
    second.destroy();
    const fourth = door.arrive();
    assertEquals(first.destroyed, false);
    const fifth = door.arrive();
    assertEquals([first, third, fourth, fifth].map(({ destroyed }) => destroyed), [
      true,
      false,
      false,
      false,
    ]);
    assertEquals(await door.cuts(), { too_many_pending: 1 });
  }));

Deno.test("One client has a limit of its own: an address, a /64; a proxy and a unix socket have none", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, { maxConnectionsPerAddress: 2, maxPendingConnections: 100 });
    const guests = ["192.0.2.1", "2001:db8::1", "2001:db8:0:1::1", PROXY, ""];
    const first = guests.map((address) => door.arrive(address));
    for (const address of ["192.0.2.1", "2001:db8::2", "2001:db8:0:2::1", PROXY, ""]) {
      door.arrive(address);
    }
    assertEquals(first.map(({ destroyed }) => destroyed), Array(5).fill(false));
    for (const address of ["192.0.2.1", "2001:db8::3", "2001:db8:0:3::1", PROXY, ""]) {
      door.arrive(address);
    }
    assertEquals(first.map(({ destroyed }) => destroyed), [true, true, false, false, false]);
    assertEquals(await door.cuts(), { too_many_from_address: 2 });
  }));

Deno.test("A TLS handshake counts as waiting, and its time goes on after it", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, {}, true);
    const stuck = door.arrive();
    stuck.bytesRead = 5;
    const raw = door.arrive();
    await world.clock.pass(WAIT_MS / 2);
    const secure = new FakeConnection(raw.remoteAddress, raw.remotePort);
    door.server.emit("secureConnection", secure);
    assertEquals(door.pending.size, 2);
    await world.clock.pass(WAIT_MS / 2 + CHECK_MS);
    assertEquals([stuck, raw, secure].map(({ destroyed }) => destroyed), [true, false, true]);
    assertEquals(stuck.said, ""); // no HTTP inside a handshake
    assertEquals(door.pending.size, 0);
  }));

Deno.test("A stall of the server is nobody's fault", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, {});
    const socket = door.arrive();
    await world.clock.pass(1_000);
    world.clock.block(2 * WAIT_MS);
    await world.clock.pass(WAIT_MS / 2);
    assertEquals(socket.destroyed, false);
    await world.clock.pass(WAIT_MS / 2);
    assertEquals(socket.destroyed, true);
  }));

Deno.test("What was cut is told in one line for each check", () =>
  withWorld({}, async (world) => {
    const door = new Door(world, { maxPendingConnections: 10 });
    for (let i = 0; i < 50; i++) door.arrive();
    await world.clock.pass(WAIT_MS + CHECK_MS);
    const lines = world.log.filter(({ message }) => message.includes("without a whole request"));
    assertEquals(lines.map(({ level, message, properties }) => ({ level, message, properties })), [
      {
        level: "warning",
        message: "connections without a whole request were cut",
        properties: { request_timeout: 0, too_many_pending: 40, too_many_from_address: 0 },
      },
      {
        level: "info",
        message: "connections without a whole request were cut",
        properties: { request_timeout: 10, too_many_pending: 0, too_many_from_address: 0 },
      },
    ]);
  }));
