import { assert, assertEquals } from "@std/assert";
import { MAX_BACKOFF_MS } from "../../server/sdk/backoff.ts";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { withPage } from "../support/fakes/virtual_page.ts";

const CLIENTS = 5_000;
/** The time without a server, ms. */
const DOWN_MS = 20_000;
const BASE_MS = 5_000;
/** From an attempt to its failure, ms. */
const LATENCY_MS = 20;

/** The step and the end of the prediction, ms. */
const STEP_MS = 10;
const HORIZON_MS = DOWN_MS + MAX_BACKOFF_MS + 2_000;
const CELLS = HORIZON_MS / STEP_MS;

/**
 * Attempts of one client that full jitter predicts for each cell of time after the loss: the first
 * is uniform in [0, base); each that falls before the server is back fails, and is followed by one
 * that is uniform in twice the range, up to the cap, after the failure. A uniform wait's density is
 * that of the attempt before, averaged over the range: a difference of its running sums.
 */
function predicted(): number[] {
  const total = new Array<number>(CELLS).fill(0);
  let failed = new Array<number>(CELLS).fill(0);
  failed[0] = 1; // the loss
  let latency = 0;
  for (let rangeMs = BASE_MS, attempt = 1; attempt <= 10; attempt++) {
    const range = rangeMs / STEP_MS;
    const sums = [0];
    for (const share of failed) sums.push(sums.at(-1)! + share);
    const density = failed.map((_, cell) => {
      const to = cell - latency + 1;
      return to <= 0 ? 0 : (sums[to] - sums[Math.max(0, to - range)]) / range;
    });
    density.forEach((share, cell) => total[cell] += share);
    failed = density.map((share, cell) => cell * STEP_MS < DOWN_MS - LATENCY_MS ? share : 0);
    rangeMs = Math.min(MAX_BACKOFF_MS, 2 * rangeMs);
    latency = LATENCY_MS / STEP_MS;
  }
  return total;
}

/** The most attempts in any second. @param cells attempts by cell */
function peakOf(cells: readonly number[]): number {
  const second = 1_000 / STEP_MS;
  let inWindow = 0;
  let peak = 0;
  cells.forEach((count, cell) => {
    inWindow += count - (cells[cell - second] ?? 0);
    peak = Math.max(peak, inWindow);
  });
  return peak;
}

Deno.test("Storm: 5000 clients that lose their server at once reconnect as full jitter predicts", () =>
  withPage(async (page) => {
    const { server } = page;
    server.latencyMs = LATENCY_MS;
    const { WebSocket } = server;
    const clients = Array.from({ length: CLIENTS }, () =>
      new HeartbeatSocket("ws://hub.test/ws", {
        WebSocket,
        heartbeatInterval: 600_000, // heartbeats are not counted here
      }));
    await page.pass(60);
    assertEquals(clients.filter(({ readyState }) => readyState === 1).length, CLIENTS);
    const lostMs = performance.now();
    server.die();
    await page.pass(DOWN_MS);
    server.isUp = true;
    await page.pass(HORIZON_MS - DOWN_MS);

    assertEquals(
      clients.filter(({ readyState }) => readyState === 1).length,
      CLIENTS,
      "all are back",
    );
    const attempts = server.sockets.slice(CLIENTS).map(({ bornMs }) => bornMs - lostMs);
    const measured = new Array<number>(CELLS).fill(0);
    for (const ms of attempts) measured[Math.floor(ms / STEP_MS)]++;
    const prediction = predicted();
    const total = CLIENTS * prediction.reduce((sum, share) => sum + share);
    const peak = peakOf(measured);
    const predictedPeak = CLIENTS * peakOf(prediction);
    console.log(
      `${attempts.length} attempts, ${total.toFixed(0)} predicted; in the worst second ${peak}, ` +
        `${predictedPeak.toFixed(0)} predicted: ${(peak / predictedPeak).toFixed(3)} times; ` +
        `the last was back ${(Math.max(...attempts) / 1_000).toFixed(1)} s after the loss`,
    );
    assert(peak <= 1.2 * predictedPeak, `${peak} of ${predictedPeak}`);
    // 5000 clients differ from the prediction by one or two percent.
    assert(Math.abs(attempts.length / total - 1) < 0.05, `${attempts.length} of ${total}`);
    for (const client of clients) client.close();
  }));
