/**
 * A program: thousands of clients of one hub, as various as life. Most answer soon, some late, a few
 * never; some talk; each second some leave, with a word or without, and others come. Says `ready`
 * once all have come, and ends with its stdin.
 *
 * Arguments: the port, how many, and how many leave each second.
 *
 * @module
 */

import { RawSocket } from "../../bench/raw_socket.ts";

/** So many handshakes at a time. */
const CONNECTING = 200;

/** Of them all. */
const NEVER_ANSWER = 0.000_5;
const TALK = 0.02;

const JSON_PATH = "/ws/json";
const PATHS = [...Array(6).fill(JSON_PATH), "/ws/tank"];

const [port, count, leavePerSecond] = Deno.args.map(Number);
/** Each with its path. */
const crowd = new Map<RawSocket, string>();

async function join(index: number): Promise<void> {
  const path = PATHS[index % PATHS.length];
  const socket: RawSocket = await RawSocket.open(port, path, {
    text() {},
    ended: () => void crowd.delete(socket),
  }, { pongDelayMs: pongDelayMs() });
  crowd.set(socket, path);
}

/** A long tail: half within 18 ms, one in a hundred above 350 ms. */
function pongDelayMs(): number {
  if (Math.random() < NEVER_ANSWER) return Infinity;
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) *
    Math.cos(2 * Math.PI * Math.random());
  return Math.min(4_000, 18 * Math.exp(1.3 * normal));
}

function* some(wanted: number): Generator<RawSocket> {
  const start = Math.floor(Math.random() * Math.max(1, crowd.size - wanted));
  let index = 0;
  for (const socket of crowd.keys()) {
    if (index >= start + wanted) return;
    if (index++ >= start) yield socket;
  }
}

function liveASecond(): void {
  for (const socket of some(Math.ceil(count * TALK))) {
    if (crowd.get(socket) !== JSON_PATH) continue; // others would relay it to everybody
    socket.send([JSON.stringify({ type: "ping", timestamp: Date.now() })]);
  }
  for (const socket of [...some(leavePerSecond)]) {
    if (Math.random() < 0.6) socket.close();
    else socket.destroy();
    crowd.delete(socket);
    join(Math.floor(Math.random() * PATHS.length)).catch(() => {}); // the server may be gone
  }
}

for (let joined = 0; joined < count; joined += CONNECTING) {
  const more = Math.min(CONNECTING, count - joined);
  await Promise.all(Array.from({ length: more }, (_, i) => join(joined + i)));
}
console.log("ready");
const timer = setInterval(liveASecond, 1_000);
for await (const _ of Deno.stdin.readable);
clearInterval(timer);
Deno.exit(); // the sockets go with it
