/**
 * Runs in a page of a real browser: holds sockets of the SDK by name and writes down what happens to
 * them and to the page, so that a test can first show that the page really was offline, frozen or
 * throttled. The SDK is imported as its users do, from the hub, another origin than the page's.
 *
 * @module
 */

const { HeartbeatSocket } = await import(new URLSearchParams(location.search).get("sdk"));

const TICK_MS = 100;

const SOCKET_EVENTS = [
  ...["open", "close", "error", "heartbeat", "heartbeattimeout"],
  ...["reconnecting", "giveup", "health", "drop", "gap", "recovered"],
];

const seen = [];
const note = (type, more = {}) => seen.push({ type, atMs: performance.now(), ...more });

for (const type of ["freeze", "resume", "visibilitychange"]) {
  document.addEventListener(type, () => note(type, { visibility: document.visibilityState }));
}
for (const type of ["online", "offline"]) addEventListener(type, () => note(type));

let tickedMs = performance.now();
const silentMs = () => performance.now() - tickedMs;
setInterval(() => {
  if (silentMs() > 3 * TICK_MS) note("silence", { ms: silentMs() });
  tickedMs = performance.now();
}, TICK_MS);

globalThis.witness = {
  /** What happened so far. */
  seen,
  /** For how long the page's timers have not run. */
  silentMs,
  /** Sockets by name. */
  sockets: {},
  /** Opens a socket. */
  connect(socket, url, options) {
    const made = this.sockets[socket] = new HeartbeatSocket(url, options);
    for (const type of SOCKET_EVENTS) {
      made.addEventListener(
        type,
        ({ code, reason, rtt, count }) => note(type, { socket, code, reason, rtt, count }),
      );
    }
    made.addEventListener("message", ({ data }) => note("message", { socket, data }));
  },
};
