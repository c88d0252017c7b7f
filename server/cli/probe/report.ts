/**
 * The probe's output: a line for each event, as text or JSON, and the summary. Pure.
 *
 * @module
 */

import { rounded } from "../../liveness/rtt.ts";
import type { PingFigures } from "./pings.ts";
import type { Rejection } from "./rejection.ts";
import type { PingIntervalFigures } from "./ping_interval.ts";
import type { Findings, PingKind, ProbeEvent } from "./session.ts";
import type { PeerEnd, ProbeSocket } from "./socket.ts";
import { milliseconds, printable, seconds, shownSubprotocol, shownUrl } from "./format.ts";

/** What a report is about. */
export interface ReportSubject {
  /** The address; its query may contain a secret. */
  readonly url: URL;
  /** The name of the profile, and of its pings. */
  readonly profileName?: string;
  /** Whether the profile's server answers a heartbeat. */
  readonly answers?: boolean;
  /** The timeout of an answer, ms. */
  readonly timeoutMs: number;
  /** Whether the probe sends no pings. */
  readonly idle: boolean;
}

/** One output format. */
export interface Report {
  /** The connection is open. */
  opened(socket: ProbeSocket, handshakeMs: number): string;
  /** A ping was answered or lost, or the server sent one, or a message. */
  event(event: ProbeEvent): string;
  /** The connection is closed. */
  summary(findings: Findings): string;
  /** There is no connection. */
  rejected(rejection: Rejection): string;
}

/** For programs: an object per line. */
export function jsonReport({ url, profileName }: ReportSubject): Report {
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
    summary: (findings) =>
      line("summary", { url: address, profile: profileName ?? null, ...findings }),
    rejected: (rejection) => line("refused", { url: address, ...rejection }),
  };
}

/** For people. */
export function textReport(subject: ReportSubject): Report {
  const { url, profileName, timeoutMs } = subject;
  const nameOf = (ping: PingKind) => ping === "control" ? "control" : profileName!;
  return {
    opened: ({ subprotocol, extensions }, handshakeMs) =>
      `connected to ${shownUrl(url)} in ${milliseconds(handshakeMs)}, subprotocol ` +
      `${subprotocol === "" ? "none" : shownSubprotocol(subprotocol)}, extensions ` +
      (extensions.length === 0 ? "none" : printable(extensions.join(", "))),
    event(event) {
      if (event.kind === "message") return `< ${printable(event.text)}`;
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
    rejected: ({ message, advice }) => `${message}.\n${advice}`,
  };
}

function describe(findings: Findings, subject: ReportSubject): string[] {
  const { url, profileName, idle, answers } = subject;
  const { openMs, control, app, server, messages, strayPongs } = findings;
  const lines = ["", `--- ${shownUrl(url)}, open for ${seconds(openMs)} ---`];
  if (!idle) lines.push(...describePings("control", control));
  if (!idle && app !== null) {
    if (answers) lines.push(...describePings(profileName!, app));
    else lines.push(`${profileName} pings: ${app.sent} sent; its server answers none`);
  }
  lines.push(`server's control pings: ${describeInterval(server.control)}`);
  if (app !== null) lines.push(`server's ${profileName} pings: ${describeInterval(server.app)}`);
  if (messages > 0) lines.push(`other messages: ${messages}`);
  if (strayPongs > 0) lines.push(`control pongs that match no open ping: ${strayPongs}`);
  lines.push(...describeEnd(findings, idle), ...describeSilence(findings, profileName));
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

function describeInterval({ count, periodMs }: PingIntervalFigures): string {
  if (count === 0) return "none";
  return periodMs === null ? `${count}` : `${count}, every ${seconds(periodMs)}`;
}

/** The close code of a server that restarts, whatever its client did (RFC 6455, IANA registry). */
const SERVICE_RESTART = 1012;

function describeEnd(
  { end, openMs, sinceHeardMs, sinceSentMs, server }: Findings,
  idle: boolean,
): string[] {
  if (end.by === "stop") return ["closed by the probe, which was stopped"];
  if (end.by === "plan") {
    return [idle ? "still open: closed by the probe" : "closed by the probe"];
  }
  if (end.how === "bad_frame") return [describePeerEnd(end)];
  const last = `its last frame: ${ago(sinceHeardMs)}, the probe's: ${ago(sinceSentMs)}`;
  const lines = [`closed by the other side after ${seconds(openMs)} (${last})`];
  lines.push(`  ${describePeerEnd(end)}`);
  if (!idle) return lines;
  if (end.how === "close_frame" && end.code === SERVICE_RESTART) return lines;
  const answered = sinceSentMs !== null && server.control.count + server.app.count > 0;
  lines.push(
    answered ? "  answering its pings did not prevent it" : "  to prevent it, send data more often",
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
        "a decision of the server";
    }
    case "fin":
      return "TCP closed without a close frame: a timeout of a proxy or of the server, or a crash";
    case "reset":
      return "TCP was reset: a proxy or firewall that dropped the connection, or a crash";
    case "bad_frame":
      return `closed by the probe: it received an invalid frame (${printable(end.problem)})`;
    case "network":
      return `the network failed (${printable(end.problem)})`;
  }
}

/** The likely cause if one kind of answers is missing. */
function describeSilence(
  { control, app, strayPongs }: Findings,
  profileName?: string,
): string[] {
  const silent = (pings: PingFigures) => pings.lost > 0 && pings.answered === 0;
  if (silent(control)) {
    if (strayPongs > 0) {
      return ["control pongs arrive, but after the timeout: raise --timeout to measure them"];
    }
    if (app === null) {
      return [
        "no control pong arrived: the server hangs, or control frames are dropped on the way",
      ];
    }
    return [
      app.answered > 0
        ? `${profileName} answers arrive, control pongs do not: control frames are dropped on the way`
        : "no answer arrived: the server hangs",
    ];
  }
  if (app !== null && silent(app) && control.answered > 0) {
    return [
      `control pongs arrive, ${profileName} answers do not: another profile, or a frozen server program`,
    ];
  }
  return [];
}
