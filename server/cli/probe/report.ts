/**
 * What the probe prints: each event as a line, for people or as JSON, and the summary. Pure.
 *
 * @module
 */

import { rounded } from "../../liveness/rtt.ts";
import type { PingFigures } from "./pings.ts";
import type { Refusal } from "./rejection.ts";
import type { PingIntervalFigures } from "./ping_interval.ts";
import type { Findings, PingKind, ProbeEvent } from "./session.ts";
import type { PeerEnd, ProbeSocket } from "./socket.ts";
import { milliseconds, printable, seconds, shownSubprotocol, shownUrl } from "./format.ts";

/** What a report is about. */
export interface ReportSubject {
  /** Where the probe connects; its query may hold a secret. */
  readonly url: URL;
  /** The name of the profile's pings. */
  readonly profile?: string;
  /** Whether the profile's server answers its heartbeat. */
  readonly answered?: boolean;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Whether the probe stays silent. */
  readonly idle: boolean;
}

/** One way to print. */
export interface Report {
  /** The handshake was done. */
  opened(socket: ProbeSocket, handshakeMs: number): string;
  /** A ping, a pong or another frame went or came. */
  event(event: ProbeEvent): string;
  /** The connection has ended. */
  summary(findings: Findings): string;
  /** There is no connection. */
  refused(refusal: Refusal): string;
}

/** For programs: an object a line. Documented in README. */
export function jsonReport({ url, profile }: ReportSubject): Report {
  const address = shownUrl(url);
  const line = (kind: string, rest: object) => JSON.stringify({ kind, ...rest });
  return {
    opened: ({ subprotocol, extensions }, handshakeMs) =>
      line("open", {
        url: address,
        handshakeMs: rounded(handshakeMs),
        subprotocol: subprotocol === "" ? null : shownSubprotocol(subprotocol),
        extensions,
      }),
    event: ({ kind, ...rest }) => {
      const times = Object.entries(rest).map(([name, value]) =>
        [name, typeof value === "number" ? rounded(value) : value] as const
      );
      return line(kind, Object.fromEntries(times));
    },
    summary: (findings) => line("summary", { url: address, profile: profile ?? null, ...findings }),
    refused: (refusal) => line("refused", { url: address, ...refusal }),
  };
}

/** Lines to read. */
export function textReport(subject: ReportSubject): Report {
  const { url, profile, timeoutMs } = subject;
  const nameOf = (ping: PingKind) => ping === "control" ? "control" : profile!;
  return {
    opened: ({ subprotocol, extensions }, handshakeMs) =>
      `connected to ${shownUrl(url)} in ${milliseconds(handshakeMs)}, subprotocol ` +
      `${subprotocol === "" ? "none" : shownSubprotocol(subprotocol)}, extensions ` +
      (extensions.length === 0 ? "none" : printable(extensions.join(", "))),
    event(event) {
      const name = nameOf(event.ping);
      switch (event.kind) {
        case "answer":
          return `${name} ping ${event.seq}: ${milliseconds(event.rttMs)}`;
        case "lost":
          return `${name} ping ${event.seq}: no answer within ${timeoutMs / 1_000} s`;
        case "server_ping":
          return `server's ${name} ping ${event.number}, after ${seconds(event.atMs)}`;
      }
    },
    summary: (findings) => describe(findings, subject).join("\n"),
    refused: ({ message, advice }) => `${message}.\n${advice}`,
  };
}

function describe(findings: Findings, subject: ReportSubject): string[] {
  const { url, profile, idle, answered } = subject;
  const { openMs, control, app, server, messages, strayPongs } = findings;
  const lines = ["", `--- ${shownUrl(url)}, open for ${seconds(openMs)} ---`];
  if (!idle) lines.push(...describePings("control", control));
  if (!idle && app !== null) {
    if (answered) lines.push(...describePings(profile!, app));
    else lines.push(`${profile} pings: ${app.sent} sent; its server answers none`);
  }
  lines.push(`server's control pings: ${describeCadence(server.control)}`);
  if (app !== null) lines.push(`server's ${profile} pings: ${describeCadence(server.app)}`);
  if (messages > 0) lines.push(`other messages: ${messages}`);
  if (strayPongs > 0) lines.push(`control pongs that came late or unasked: ${strayPongs}`);
  lines.push(...describeEnd(findings, idle), ...describeSilence(findings, profile));
  return lines;
}

function describePings(name: string, figures: PingFigures): string[] {
  const { sent, answered, lost, lossPercent } = figures;
  if (lossPercent === null) return [`${name} pings: ${sent} sent, no answer and no loss yet`];
  const counts =
    `${name} pings: ${sent} sent, ${answered} answered, ${lost} lost (${lossPercent} %)`;
  if (answered === 0) return [counts];
  const { minMs, averageMs, maxMs, deviationMs, jitterMs } = figures;
  const times = [minMs, averageMs, maxMs, deviationMs, jitterMs].map((ms) => ms!.toFixed(2));
  return [counts, `  min/avg/max/stddev/jitter = ${times.join("/")} ms`];
}

function describeCadence({ count, periodMs }: PingIntervalFigures): string {
  if (count === 0) return "none";
  return periodMs === null ? `${count}` : `${count}, every ${seconds(periodMs)}`;
}

function describeEnd(
  { end, openMs, sinceHeardMs, sinceSentMs }: Findings,
  idle: boolean,
): string[] {
  if (end.by === "stop") return ["ended by the probe, which was stopped"];
  if (end.by === "plan") {
    return [idle ? "still open: the probe ended it" : "ended by the probe"];
  }
  if (end.how === "bad_frame") return [describePeerEnd(end)];
  const last = `its last frame: ${ago(sinceHeardMs)}, the probe's: ${ago(sinceSentMs)}`;
  const lines = [`cut by the other side after ${seconds(openMs)} (${last})`];
  lines.push(`  ${describePeerEnd(end)}`);
  if (!idle) return lines;
  const sent = sinceSentMs !== null;
  lines.push(
    sent ? "  answering its pings did not keep it" : "  to keep it, send something sooner",
  );
  return lines;
}

function ago(ms: number | null): string {
  return ms === null ? "none" : `${seconds(ms)} before`;
}

function describePeerEnd(end: PeerEnd): string {
  switch (end.how) {
    case "close_frame": {
      const text = end.text === "" ? "" : ` "${printable(end.text)}"`;
      return `close frame, ${end.code === null ? "no code" : `code ${end.code}`}${text}: ` +
        "the server decided it";
    }
    case "fin":
      return "TCP ended without a close frame: a proxy's timeout, a server that took this client " +
        "for dead, or a crash";
    case "reset":
      return "TCP was reset: a proxy or firewall that dropped the connection, or a crash";
    case "bad_frame":
      return `ended by the probe: what came is no valid frame (${printable(end.problem)})`;
    case "network":
      return `the network failed (${printable(end.problem)})`;
  }
}

/** Answers of one kind alone say where to look. */
function describeSilence({ control, app }: Findings, profile?: string): string[] {
  const silent = (pings: PingFigures) => pings.lost > 0 && pings.answered === 0;
  if (silent(control)) {
    if (app === null) {
      return [
        "no control pong came back: the server hangs, or control frames are dropped on the way",
      ];
    }
    return [
      app.answered > 0
        ? `control pongs do not come back, ${profile} answers do: control frames are dropped on the way`
        : "nothing came back: the server hangs",
    ];
  }
  if (app !== null && silent(app) && control.answered > 0) {
    return [
      `control pongs come back, ${profile} answers do not: another system, or frozen behind it`,
    ];
  }
  return [];
}
