import { assertEquals } from "@std/assert";
import {
  type Findings,
  type ProbeEvent,
  type ProbePlan,
  ProbeSession,
} from "../../../server/cli/probe/session.ts";
import { SDK_PROFILES } from "../../../server/sdk/profiles.ts";
import { FakeProbeSocket } from "../../support/fakes/fake_probe_socket.ts";
import { VirtualClock } from "../../support/fakes/virtual_clock.ts";

/** A session on virtual time. */
class Stage {
  readonly clock = new VirtualClock();
  readonly socket = new FakeProbeSocket();
  readonly events: ProbeEvent[] = [];
  readonly session: ProbeSession;
  findings: Findings | undefined;

  constructor(plan: Partial<ProbePlan> = {}) {
    this.session = new ProbeSession(this.socket, {
      clock: this.clock,
      plan: { intervalMs: 1_000, timeoutMs: 5_000, mute: false, ...plan },
      token: "hb",
      emit: (event) => this.events.push(event),
    });
    this.session.findings.then((findings) => this.findings = findings);
  }

  get server() {
    return this.socket.server;
  }

  pass(ms: number): Promise<void> {
    return this.clock.pass(ms);
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("ProbeSession pings in its interval, matches payloads and ends with the last answer", async () => {
  const stage = new Stage({ count: 3 });
  await stage.pass(10); // 0 s: ping 1; 10 ms: pong
  stage.server.pong("hb-1");
  await stage.pass(1_010); // 1 s: ping 2; 1.02 s: pong
  stage.server.pong("hb-2");
  await stage.pass(1_010); // 2 s: ping 3; 2.03 s: pong
  stage.server.pong("hb-3");
  await stage.pass(0);
  assertEquals(stage.socket.journal, ["ping hb-1", "ping hb-2", "ping hb-3", "close"]);
  assertEquals(stage.events, [
    { kind: "answer", ping: "control", seq: 1, rttMs: 10 },
    { kind: "answer", ping: "control", seq: 2, rttMs: 20 },
    { kind: "answer", ping: "control", seq: 3, rttMs: 30 },
  ]);
  assertEquals(stage.findings, {
    openMs: 2_030,
    sinceSentMs: 30,
    sinceHeardMs: 0,
    end: { by: "plan" },
    control: {
      sent: 3,
      answered: 3,
      lost: 0,
      lossPercent: 0,
      minMs: 10,
      averageMs: 20,
      maxMs: 30,
      deviationMs: 8.16, // sqrt(200 / 3)
      jitterMs: 1.21, // 10 / 16, then 10 / 16 of what is missing of 10
    },
    app: null,
    server: { control: { count: 0, periodMs: null }, app: { count: 0, periodMs: null } },
    strayPongs: 0,
    messages: 0,
  });
});

Deno.test("ProbeSession counts a late, repeated or foreign pong as none of its answers", async () => {
  const stage = new Stage({ count: 2 });
  stage.server.pong("hb-1");
  stage.server.pong("hb-1"); // repeated
  stage.server.pong("other"); // never asked for
  await stage.pass(6_000); // 1 s: ping 2; 6 s: given up, and with it the plan is done
  stage.server.pong("hb-2"); // after the end: not even a stray
  await stage.pass(0);
  assertEquals(stage.events.map(({ kind }) => kind), ["answer", "lost"]);
  const { control, strayPongs, end } = stage.findings!;
  assertEquals([control.sent, control.answered, control.lost, control.lossPercent], [2, 1, 1, 50]);
  assertEquals([strayPongs, end], [2, { by: "plan" }]);
});

Deno.test("ProbeSession speaks the profile: its heartbeat, its answers, the server's own pings", async () => {
  const stage = new Stage({ count: 1, wireProfile: SDK_PROFILES.json });
  const timeless = () => stage.socket.journal.map((line) => line.replace(/\b\d{13}\b/, "<now>"));
  assertEquals(timeless(), ["ping hb-1", `{"type":"ping","id":"hb-1","timestamp":<now>}`]);
  stage.server.message('{"type":"welcome"}');
  stage.server.message('{"type":"ping","id":"s1","timestamp":7}');
  stage.server.message('{"type":"pong","id":"of another"}');
  await stage.pass(4);
  stage.server.message('{"type":"pong","id":"hb-1"}');
  stage.server.pong("hb-1");
  await stage.pass(0);
  assertEquals(timeless().slice(2), [
    `{"type":"pong","id":"s1","timestamp":7,"clientTime":<now>}`,
    "close",
  ]);
  const { app, server, messages } = stage.findings!;
  assertEquals([app?.sent, app?.answered, app?.minMs], [1, 1, 4]);
  assertEquals([server.app.count, messages], [1, 2]);
});

Deno.test("ProbeSession waits for no answer where the system's server gives none", async () => {
  const stage = new Stage({ count: 2, wireProfile: SDK_PROFILES.tank });
  stage.server.pong("hb-1");
  stage.server.message("heartbeat");
  await stage.pass(1_000);
  stage.server.pong("hb-2");
  await stage.pass(0);
  const { app, server } = stage.findings!;
  assertEquals([app?.sent, app?.answered, app?.lost, server.app.count], [2, 0, 0, 1]);
});

Deno.test("ProbeSession with --idle is silent, answers pings and measures the server's period", async () => {
  const stage = new Stage({ idleMs: 100_000 });
  for (const payload of ["a", "b", "c"]) {
    await stage.pass(20_000); // 20, 40 and 60 s
    stage.server.ping(bytes(payload));
  }
  assertEquals(stage.socket.journal, ["pong a", "pong b", "pong c"]);
  await stage.pass(40_000);
  assertEquals(stage.socket.journal.at(-1), "close");
  const { server, end, openMs, sinceSentMs, sinceHeardMs } = stage.findings!;
  assertEquals(server.control, { count: 3, periodMs: 20_000 });
  assertEquals([end, openMs], [{ by: "plan" }, 100_000]);
  assertEquals([sinceSentMs, sinceHeardMs], [40_000, 40_000]);
});

Deno.test("ProbeSession with --mute answers no ping of the server, control or app", async () => {
  const stage = new Stage({ idleMs: 1_000, mute: true, wireProfile: SDK_PROFILES.json });
  stage.server.ping(bytes("a"));
  stage.server.message('{"type":"ping","id":"s1","timestamp":7}');
  assertEquals(stage.socket.journal, []);
  await stage.pass(1_000);
  assertEquals(stage.findings!.server.app.count, 1);
});

Deno.test("ProbeSession tells how the other side ended it, and after how long a silence", async () => {
  const stage = new Stage({ idleMs: 600_000 });
  await stage.pass(1_000);
  stage.server.message("hello");
  await stage.pass(60_000);
  stage.server.closed({ how: "reset" });
  await stage.pass(0);
  const { end, openMs, sinceSentMs, sinceHeardMs, messages } = stage.findings!;
  assertEquals(end, { by: "peer", how: "reset" });
  assertEquals([openMs, sinceSentMs, sinceHeardMs, messages], [61_000, null, 60_000, 1]);
  await stage.pass(600_000);
  assertEquals(stage.socket.journal, [], "nothing is written to a connection that has ended");
});

Deno.test("ProbeSession takes pings for lost that were open when the other side ended it", async () => {
  const stage = new Stage();
  await stage.pass(500);
  stage.server.closed({ how: "fin" });
  await stage.pass(0);
  assertEquals(stage.findings!.control.lost, 1);
  await stage.pass(60_000);
  assertEquals([stage.events, stage.socket.journal], [[], ["ping hb-1"]]);
});

Deno.test("ProbeSession stopped counts no open ping as lost, and waits a second for the close at most", async () => {
  const stage = new Stage();
  stage.socket.deaf = true;
  await stage.pass(1_500); // two pings are open
  stage.session.stop();
  stage.session.stop(); // a Ctrl-C that `deno task` has forwarded
  stage.server.ping(bytes("late"));
  await stage.pass(999);
  assertEquals(stage.findings, undefined);
  await stage.pass(1);
  assertEquals(stage.socket.journal.slice(2), ["close", "pong late", "terminate"]);
  assertEquals(stage.events, [], "what comes after the end is no part of it");
  const { end, control, openMs } = stage.findings!;
  assertEquals([end, openMs], [{ by: "stop" }, 1_500]);
  assertEquals([control.sent, control.lost, control.lossPercent], [2, 0, null]);
});
