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
class SessionFixture {
  readonly clock = new VirtualClock();
  readonly socket = new FakeProbeSocket();
  readonly events: ProbeEvent[] = [];
  readonly session: ProbeSession;
  findings: Findings | undefined;

  constructor(plan: Partial<ProbePlan> = {}) {
    this.session = new ProbeSession(this.socket, {
      clock: this.clock,
      plan: { intervalMs: 1_000, timeoutMs: 5_000, interactive: false, mute: false, ...plan },
      token: "hb",
      onEvent: (event) => this.events.push(event),
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

Deno.test("ProbeSession pings at its interval, matches payloads and ends with the last answer", async () => {
  const fixture = new SessionFixture({ count: 3 });
  await fixture.pass(10); // 0 s: ping 1; 10 ms: pong
  fixture.server.pong("hb-1");
  await fixture.pass(1_010); // 1 s: ping 2; 1.02 s: pong
  fixture.server.pong("hb-2");
  await fixture.pass(1_010); // 2 s: ping 3; 2.03 s: pong
  fixture.server.pong("hb-3");
  await fixture.pass(0);
  assertEquals(fixture.socket.journal, ["ping hb-1", "ping hb-2", "ping hb-3", "close"]);
  assertEquals(fixture.events, [
    { kind: "answer", ping: "control", seq: 1, rttMs: 10 },
    { kind: "answer", ping: "control", seq: 2, rttMs: 20 },
    { kind: "answer", ping: "control", seq: 3, rttMs: 30 },
  ]);
  assertEquals(fixture.findings, {
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
      jitterMs: 1.21, // 10 / 16, then 10 / 16 of the rest to 10
    },
    app: null,
    server: { control: { count: 0, periodMs: null }, app: { count: 0, periodMs: null } },
    strayPongs: 0,
    messages: 0,
  });
});

Deno.test("ProbeSession counts no late, repeated or foreign pong as an answer", async () => {
  const fixture = new SessionFixture({ count: 2 });
  fixture.server.pong("hb-1");
  fixture.server.pong("hb-1"); // repeated
  fixture.server.pong("other"); // unsolicited
  await fixture.pass(6_000); // 1 s: ping 2; 6 s: lost, and the plan is done
  fixture.server.pong("hb-2"); // after the end: not counted
  await fixture.pass(0);
  assertEquals(fixture.events.map(({ kind }) => kind), ["answer", "lost"]);
  const { control, strayPongs, end } = fixture.findings!;
  assertEquals([control.sent, control.answered, control.lost, control.lossPercent], [2, 1, 1, 50]);
  assertEquals([strayPongs, end], [2, { by: "plan" }]);
});

Deno.test("ProbeSession exchanges the profile's heartbeats, answers and server pings", async () => {
  const fixture = new SessionFixture({ count: 1, profile: SDK_PROFILES.json });
  const timeless = () => fixture.socket.journal.map((line) => line.replace(/\b\d{13}\b/, "<now>"));
  assertEquals(timeless(), ["ping hb-1", `{"type":"ping","id":"hb-1","timestamp":<now>}`]);
  fixture.server.message('{"type":"welcome"}');
  fixture.server.message('{"type":"ping","id":"s1","timestamp":7}');
  fixture.server.message('{"type":"pong","id":"of another"}');
  await fixture.pass(4);
  fixture.server.message('{"type":"pong","id":"hb-1"}');
  fixture.server.pong("hb-1");
  await fixture.pass(0);
  assertEquals(timeless().slice(2), [
    `{"type":"pong","id":"s1","timestamp":7,"clientTime":<now>}`,
    "close",
  ]);
  const { app, server, messages } = fixture.findings!;
  assertEquals([app?.sent, app?.answered, app?.minMs], [1, 1, 4]);
  assertEquals([server.app.count, messages], [1, 2]);
});

Deno.test("ProbeSession waits for no answer where the profile's server sends none", async () => {
  const fixture = new SessionFixture({ count: 2, profile: SDK_PROFILES.tank });
  fixture.server.pong("hb-1");
  fixture.server.message("heartbeat");
  await fixture.pass(1_000);
  fixture.server.pong("hb-2");
  await fixture.pass(0);
  const { app, server } = fixture.findings!;
  assertEquals([app?.sent, app?.answered, app?.lost, server.app.count], [2, 0, 0, 1]);
});

Deno.test("ProbeSession with --idle sends no pings, answers pings and measures the server's period", async () => {
  const fixture = new SessionFixture({ idleMs: 100_000 });
  for (const payload of ["a", "b", "c"]) {
    await fixture.pass(20_000); // 20, 40 and 60 s
    fixture.server.ping(bytes(payload));
  }
  assertEquals(fixture.socket.journal, ["pong a", "pong b", "pong c"]);
  await fixture.pass(40_000);
  assertEquals(fixture.socket.journal.at(-1), "close");
  const { server, end, openMs, sinceSentMs, sinceHeardMs } = fixture.findings!;
  assertEquals(server.control, { count: 3, periodMs: 20_000 });
  assertEquals([end, openMs], [{ by: "plan" }, 100_000]);
  assertEquals([sinceSentMs, sinceHeardMs], [40_000, 40_000]);
});

Deno.test("ProbeSession with --mute answers no ping of the server, control or app", async () => {
  const fixture = new SessionFixture({ idleMs: 1_000, mute: true, profile: SDK_PROFILES.json });
  fixture.server.ping(bytes("a"));
  fixture.server.message('{"type":"ping","id":"s1","timestamp":7}');
  assertEquals(fixture.socket.journal, []);
  await fixture.pass(1_000);
  assertEquals(fixture.findings!.server.app.count, 1);
});

Deno.test("ProbeSession records how the other side closed, and after which silence", async () => {
  const fixture = new SessionFixture({ idleMs: 600_000 });
  await fixture.pass(1_000);
  fixture.server.message("hello");
  await fixture.pass(60_000);
  fixture.server.closed({ how: "reset" });
  await fixture.pass(0);
  const { end, openMs, sinceSentMs, sinceHeardMs, messages } = fixture.findings!;
  assertEquals(end, { by: "peer", how: "reset" });
  assertEquals([openMs, sinceSentMs, sinceHeardMs, messages], [61_000, null, 60_000, 1]);
  await fixture.pass(600_000);
  assertEquals(fixture.socket.journal, [], "nothing is written to a closed connection");
});

Deno.test("ProbeSession counts outstanding pings as lost when the other side closes", async () => {
  const fixture = new SessionFixture();
  await fixture.pass(500);
  fixture.server.closed({ how: "fin" });
  await fixture.pass(0);
  assertEquals(fixture.findings!.control.lost, 1);
  await fixture.pass(60_000);
  assertEquals([fixture.events, fixture.socket.journal], [[], ["ping hb-1"]]);
});

Deno.test("ProbeSession counts no outstanding ping when it is stopped, and waits at most a second for the close", async () => {
  const fixture = new SessionFixture();
  fixture.socket.deaf = true;
  await fixture.pass(1_500); // two pings are outstanding
  fixture.session.stop();
  fixture.session.stop(); // a Ctrl-C that `deno task` has forwarded
  fixture.server.ping(bytes("late"));
  await fixture.pass(999);
  assertEquals(fixture.findings, undefined);
  await fixture.pass(1);
  assertEquals(fixture.socket.journal.slice(2), ["close", "pong late", "terminate"]);
  assertEquals(fixture.events, [], "what arrives after the end is not reported");
  const { end, control, openMs } = fixture.findings!;
  assertEquals([end, openMs], [{ by: "stop" }, 1_500]);
  assertEquals([control.sent, control.lost, control.lossPercent], [2, 0, null]);
});

Deno.test("ProbeSession interactive sends what it is told, tells each message, answers pings", async () => {
  const fixture = new SessionFixture({ interactive: true, profile: SDK_PROFILES.json });
  await fixture.pass(60_000);
  fixture.session.say("hello");
  fixture.server.message('{"type":"welcome"}');
  fixture.server.message("no JSON");
  fixture.server.message('{"type":"pong","id":"typed"}');
  fixture.server.ping(bytes("p"));
  fixture.server.message('{"type":"ping","id":"1"}');
  assertEquals(fixture.socket.journal.slice(0, 2), ["hello", "pong p"]);
  assertEquals(fixture.socket.journal.length, 3);
  assertEquals(
    fixture.events.map((event) => event.kind === "message" ? event.text : event.kind),
    ['{"type":"welcome"}', "no JSON", '{"type":"pong","id":"typed"}', "server_ping", "server_ping"],
  );
  assertEquals(fixture.findings, undefined);
  fixture.session.endAfterAnswers();
  await fixture.pass(4_999);
  fixture.server.message("late");
  assertEquals(fixture.findings, undefined);
  await fixture.pass(1);
  assertEquals(fixture.findings?.end, { by: "plan" });
  assertEquals([fixture.findings?.messages, fixture.findings?.control.sent], [4, 0]);
  fixture.session.endAfterAnswers(); // as when the input ends after Ctrl-C
  await fixture.pass(10_000);
  assertEquals(fixture.socket.journal.filter((it) => it === "close").length, 1);
});
