/**
 * A control of the bench: Deno's own WebSocket server, `Deno.serve` and `Deno.upgradeWebSocket`.
 * Owns a broadcast loop; the pings are Deno's, half its idle timeout after the last sign of life.
 * What each path does is the same in all controls (`../wire.ts`).
 *
 * Environment: PORT; PING_PERIOD_MS, 0 (the default) = no pings.
 *
 * @module
 */

const WELCOME = JSON.stringify({
  type: "welcome",
  clientId: "00000000-0000-4000-8000-000000000000",
  pingPeriodMs: 54_000,
  pongWaitMs: 60_000,
});

/** Seconds; Deno pings after half of it. 0 = no pings. */
const idleTimeout = 2 * Number(Deno.env.get("PING_PERIOD_MS") ?? 0) / 1_000;
const subscribers = new Set<WebSocket>();

Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.env.get("PORT")),
  onListen() {},
}, (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/readyz") return new Response();
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout });
  socket.onopen = () => {
    socket.send(WELCOME);
    if (pathname !== "/publish" && pathname !== "/json") subscribers.add(socket);
  };
  socket.onclose = () => subscribers.delete(socket);
  if (pathname === "/publish") socket.onmessage = ({ data }) => broadcast(data);
  if (pathname === "/json") socket.onmessage = ({ data }) => socket.send(answerOf(data));
  return response;
});

function broadcast(text: string): void {
  for (const socket of subscribers) socket.send(text);
}

function answerOf(text: string): string {
  const { type, channel, data } = JSON.parse(text);
  return JSON.stringify(
    type === "subscribe"
      ? { type: "subscribed", channel }
      : { type: "message", channel, data, timestamp: Date.now() },
  );
}
