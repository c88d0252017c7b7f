/**
 * `deno task probe`: ping for WebSockets. Owns the process: arguments and signals in, lines and the
 * exit code out.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";
import { systemClock } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import { HEARTBEAT_ID_PREFIX } from "../sdk/profile.ts";
import { parseProbeArgs, type ProbeRequest, USAGE } from "./probe/options.ts";
import { jsonReport, textReport } from "./probe/report.ts";
import { type Findings, ProbeSession } from "./probe/session.ts";
import { connect } from "./probe/socket.ts";

/** Exit codes. A closed pipe exits as if by SIGPIPE: 128 + 13. */
const EXIT_CODE = {
  answered: 0,
  unanswered: 1,
  usage: 2,
  rejected: 3,
  closedByPeer: 4,
  brokenPipe: 141,
} as const;

/** The exit code for the findings of a session. */
export function exitCodeOf({ end, control, app }: Findings, idle: boolean): number {
  if (end.by === "peer") return EXIT_CODE.closedByPeer;
  const answered = control.answered + (app?.answered ?? 0);
  return idle || answered > 0 ? EXIT_CODE.answered : EXIT_CODE.unanswered;
}

const TOKEN_BYTES = 4;
const ENCODER = new TextEncoder();

/** Prints a line. Exits if the reader has closed the pipe, an error that console.log hides. */
function print(line: string): void {
  try {
    for (let bytes = ENCODER.encode(`${line}\n`); bytes.length > 0;) {
      bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(EXIT_CODE.brokenPipe);
    // A full non-blocking pipe takes no line: the line is lost.
    if (!(error instanceof Deno.errors.WouldBlock)) throw error;
  }
}

/** Probes until done or stopped. @returns the exit code */
async function probe({ target, plan, profileName, json, notes }: ProbeRequest): Promise<number> {
  const idle = plan.idleMs !== undefined || plan.interactive;
  const { timeoutMs, profile } = plan;
  const subject = {
    url: target.url,
    profileName,
    answers: profile?.answers,
    timeoutMs,
    idle,
  };
  const report = json ? jsonReport(subject) : textReport(subject);
  for (const note of notes) console.error(note);
  const startMs = systemClock.now();
  const socket = await connect(target, systemClock);
  if ("error" in socket) {
    (json ? print : console.error)(report.rejected(socket));
    return EXIT_CODE.rejected;
  }
  print(report.opened(socket, systemClock.now() - startMs));
  const session = new ProbeSession(socket, {
    clock: systemClock,
    plan,
    token: `${HEARTBEAT_ID_PREFIX}-${randomBytes(TOKEN_BYTES).toString("hex")}`,
    onEvent: (event) => print(report.event(event)),
  });
  // One Ctrl-C arrives twice, since `deno task` forwards it. The session ends within a second.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => session.stop());
  }
  if (plan.interactive) readInput(session);
  const findings = await session.findings;
  print(report.summary(findings));
  return exitCodeOf(findings, idle);
}

/** Sends each line of the input. Somebody who ends it at a terminal has seen the answers. */
function readInput(session: ProbeSession): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => line !== "" && session.say(line));
  lines.on("close", () => Deno.stdin.isTerminal() ? session.stop() : session.endAfterAnswers());
}

/** @returns the exit code */
async function run(args: readonly string[], key?: string): Promise<number> {
  if (args.length === 1 && args[0] === "--version") {
    print(`systole probe ${VERSION}`);
    return EXIT_CODE.answered;
  }
  try {
    const request = parseProbeArgs(args, key);
    if (request !== undefined) return await probe(request);
    print(USAGE);
    return EXIT_CODE.answered;
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(`Cannot probe: ${error.problems.join("\n  ")}\n(--help lists the options)`);
      return EXIT_CODE.usage;
    }
    // parseArgs throws a TypeError with a code for an unknown argument.
    if (!(error instanceof TypeError) || !("code" in error)) throw error;
    console.error(`Cannot probe: ${error.message}\n(--help lists the options)`);
    return EXIT_CODE.usage;
  }
}

if (import.meta.main) Deno.exit(await run(Deno.args, Deno.env.get("PROBE_KEY") || undefined));
