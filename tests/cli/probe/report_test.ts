import { assertEquals, assertStringIncludes } from "@std/assert";
import type { PingFigures } from "../../../server/cli/probe/pings.ts";
import { jsonReport, textReport } from "../../../server/cli/probe/report.ts";
import { exitCodeOf } from "../../../server/cli/probe.ts";
import type { Findings, ProbeEnd } from "../../../server/cli/probe/session.ts";
import type { PeerEnd } from "../../../server/cli/probe/socket.ts";
import { shownSubprotocol } from "../../../server/cli/probe/format.ts";

const SUBJECT = {
  url: new URL("ws://localhost:8080/ws?access_token=hunter2"),
  profileName: "json",
  answers: true,
  timeoutMs: 5_000,
  idle: false,
};

const NONE: PingFigures = {
  sent: 0,
  answered: 0,
  lost: 0,
  lossPercent: null,
  minMs: null,
  averageMs: null,
  maxMs: null,
  deviationMs: null,
  jitterMs: null,
};
const LOST: PingFigures = { ...NONE, sent: 2, lost: 2, lossPercent: 100 };
const ANSWERED: PingFigures = {
  sent: 2,
  answered: 2,
  lost: 0,
  lossPercent: 0,
  minMs: 1,
  averageMs: 2,
  maxMs: 3,
  deviationMs: 1,
  jitterMs: 0.13,
};

const found = (findings: Partial<Findings> = {}): Findings => ({
  openMs: 1_234.5,
  sinceSentMs: null,
  sinceHeardMs: 60_000,
  end: { by: "plan" },
  control: ANSWERED,
  app: null,
  server: { control: { count: 3, periodMs: 54_000 }, app: { count: 1, periodMs: null } },
  strayPongs: 0,
  messages: 0,
  ...findings,
});
const closed = (end: PeerEnd): ProbeEnd => ({ by: "peer", ...end });

Deno.test("textReport() prints a whole summary", () => {
  const findings = found({
    app: { ...ANSWERED, sent: 3, lost: 1, lossPercent: 33.33 },
    messages: 4,
    strayPongs: 1,
  });
  assertEquals(
    textReport(SUBJECT).summary(findings),
    `
--- ws://localhost:8080/ws?…, open for 1.23 s ---
control pings: 2 sent, 2 answered, 0 lost (0 %)
  min/avg/max/stddev/jitter = 1.00/2.00/3.00/1.00/0.13 ms
json pings: 3 sent, 2 answered, 1 lost (33.33 %)
  min/avg/max/stddev/jitter = 1.00/2.00/3.00/1.00/0.13 ms
server's control pings: 3, every 54.00 s
server's json pings: 1
other messages: 4
control pongs that match no open ping: 1
closed by the probe`,
  );
});

Deno.test("textReport() prints who closed an idle connection, and after which silence", () => {
  const report = textReport({ ...SUBJECT, idle: true });
  const endOf = (end: PeerEnd) => report.summary(found({ end: closed(end) })).split("\n").slice(3);
  assertEquals(endOf({ how: "close_frame", code: 1001, text: "idle\u009b" }), [
    "closed by the other side after 1.23 s (its last frame: 60.00 s before, the probe's: none)",
    '  close frame, code 1001 "idle\\u{9b}": a decision of the server',
    "  to prevent it, send data more often",
  ]);
  assertStringIncludes(
    endOf({ how: "close_frame", code: null, text: "" })[1],
    "close frame, no code: a decision",
  );
  assertStringIncludes(endOf({ how: "fin" })[1], "without a close frame");
  assertStringIncludes(endOf({ how: "reset" })[1], "reset");
  assertStringIncludes(endOf({ how: "network", problem: "ETIMEDOUT" })[1], "ETIMEDOUT");
  const answered = report.summary(found({ end: closed({ how: "fin" }), sinceSentMs: 5 }));
  assertStringIncludes(answered, "answering its pings did not prevent it");
  const none = { count: 0, periodMs: null };
  const unpinged = found({
    end: closed({ how: "fin" }),
    sinceSentMs: 5,
    server: { control: none, app: none },
  });
  assertStringIncludes(report.summary(unpinged), "to prevent it, send data more often");
  assertEquals(endOf({ how: "close_frame", code: 1012, text: "drain" }).length, 2);
  assertEquals(endOf({ how: "bad_frame", problem: "bad opcode" }), [
    "closed by the probe: it received an invalid frame (bad opcode)",
  ]);
});

Deno.test("textReport() prints the likely cause when answers of one kind are missing", () => {
  const last = (control: PingFigures, app: PingFigures | null) =>
    textReport(SUBJECT).summary(found({ control, app })).split("\n").at(-1)!;
  assertStringIncludes(last(LOST, null), "no control pong arrived");
  assertStringIncludes(last(LOST, ANSWERED), "control frames are dropped on the way");
  assertStringIncludes(last(LOST, LOST), "no answer arrived");
  assertStringIncludes(last(ANSWERED, LOST), "json answers do not");
  assertEquals(last(ANSWERED, ANSWERED), "closed by the probe");
});

Deno.test("jsonReport() prints one object per line, without the query", () => {
  const report = jsonReport(SUBJECT);
  const url = "ws://localhost:8080/ws?…";
  const { summary, event, rejected } = report;
  assertEquals(JSON.parse(summary(found())), { kind: "summary", url, profile: "json", ...found() });
  assertEquals(
    event({ kind: "answer", ping: "app", seq: 1, rttMs: 1.23456 }),
    '{"kind":"answer","ping":"app","seq":1,"rttMs":1.23}',
  );
  const rejection = { error: "http", status: 404, message: "m", advice: "a" } as const;
  assertEquals(JSON.parse(rejected(rejection)), { kind: "refused", url, ...rejection });
});

Deno.test("exitCodeOf() distinguishes answers, silence and a close by the peer", () => {
  assertEquals(exitCodeOf(found(), false), 0);
  assertEquals(exitCodeOf(found({ control: LOST }), false), 1);
  assertEquals(exitCodeOf(found({ control: LOST, app: ANSWERED }), false), 0);
  assertEquals(exitCodeOf(found({ control: NONE }), true), 0);
  assertEquals(exitCodeOf(found({ end: closed({ how: "fin" }) }), false), 4);
  assertEquals(exitCodeOf(found({ end: closed({ how: "fin" }) }), true), 4);
});

Deno.test("shownSubprotocol() shows names and hides credentials", () => {
  assertEquals(shownSubprotocol("graphql-transport-ws"), "graphql-transport-ws");
  assertEquals(shownSubprotocol("systole.bearer.reader.hunter2"), "systole.bearer.…");
  assertEquals(shownSubprotocol(`eyJhbGci${"x".repeat(40)}`), "eyJhbGci…");
});

Deno.test("Both reports print a message, without control characters as text", () => {
  const message = { kind: "message", text: 'a\u001b[2J"b"' } as const;
  assertEquals(textReport(SUBJECT).event(message), '< a\\u{1b}[2J"b"');
  assertEquals(JSON.parse(jsonReport(SUBJECT).event(message)), message);
});

Deno.test("textReport() says that pongs come too late, not that none comes", () => {
  const report = textReport(SUBJECT);
  const last = (strayPongs: number) =>
    report.summary(found({ control: LOST, strayPongs })).split("\n").at(-1);
  assertEquals(
    last(2),
    "control pongs arrive, but after the timeout: raise --timeout to measure them",
  );
  assertStringIncludes(last(0)!, "no control pong arrived");
});
