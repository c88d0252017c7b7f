/**
 * A program that uses the client library as its users do, in any runtime that has WebSocket: follows
 * a channel, says something, loses its server, says twenty things more, and reads them all on the
 * next one. Prints a line of JSON for each stage; the test that runs it kills and starts the server.
 *
 * Arguments: the library's address, the hub's; in a page `arg` twice in the query.
 */

const [library, address] = globalThis.Deno?.args ?? globalThis.process?.argv.slice(2) ??
  new URLSearchParams(location.search).getAll("arg");
const { HeartbeatSocket } = await import(library);

const tell = (stage, more) => console.log(JSON.stringify({ stage, ...more }));
const channel = "updates";
const numbers = Array.from({ length: 20 }, (_, index) => index);
const heard = [];
const seen = {};
let opened = 0;

const socket = new HeartbeatSocket(address, {
  heartbeatInterval: 200,
  heartbeatTimeout: 2_000,
  reconnectInterval: 100,
  maxReconnectAttempts: Infinity,
});

const names = ["open", "error", "close", "heartbeat", "heartbeattimeout", "reconnecting", "drop"];
for (const name of names) {
  socket.addEventListener(name, () => seen[name] = (seen[name] ?? 0) + 1);
}

socket.onopen = () => {
  if (++opened === 2) tell("back");
};

socket.onheartbeat = ({ rtt }) => {
  if (seen.heartbeat === 3) tell("alive", { rtt, status: socket.status, jitter: socket.jitter });
};

socket.onreconnecting = ({ attempt }) => {
  if (attempt !== 2) return;
  for (const number of numbers) socket.publish(channel, number);
  tell("lost", { buffered: socket.bufferedAmount, readyState: socket.readyState });
};

socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type !== "message") return;
  heard.push(message.data);
  if (message.data === numbers.at(-1)) socket.close();
};

socket.onclose = ({ code, reason }) => {
  if (socket.readyState !== HeartbeatSocket.CLOSED) return;
  clearTimeout(deadline);
  tell("closed", { code, reason, heard, seen });
};

socket.subscribe(channel);
socket.publish(channel, "hello");

// Whoever started this may be gone.
const deadline = setTimeout(() => {
  tell("too late", { heard, seen });
  socket.close();
}, 60_000);
