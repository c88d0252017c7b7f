import { assert, assertEquals } from "@std/assert";

/** The house from the ground up: a room imports from lower storeys only, or from its own. */
const STOREYS: readonly (readonly string[])[] = [
  [
    "errors.ts",
    "close_codes.ts",
    "refusals.ts",
    "clock.ts",
    "channel.ts",
    "message.ts",
    "json_text.ts",
    "network.ts",
    "strokes.ts",
  ],
  [
    "liveness/health.ts",
    "config/timing.ts",
    "config/thresholds.ts",
    "config/values.ts",
    "config/limits.ts",
    "config/option.ts",
  ],
  ["config/timing_options.ts", "config/guard_options.ts", "config/options.ts"],
  ["socket.ts", "liveness/heartbeat.ts", "liveness/wheel.ts"],
  ["liveness/rtt.ts", "liveness/pings.ts", "liveness/life.ts"],
  ["liveness/flight_recorder.ts", "vitals_watcher.ts", "vitals.ts", "causes.ts", "path_limits.ts"],
  ["profiles/profile.ts", "brokers/broker.ts", "stores/store.ts", "problem.ts"],
  ["guard/origin.ts", "guard/rate_limit.ts", "guard/sliding_window.ts", "guard/client_address.ts"],
  ["guard/rights.ts", "guard/grant.ts", "guard/grant_schema.ts"],
  [
    "guard/quotas.ts",
    "guard/keys.ts",
    "guard/tokens.ts",
    "guard/tickets.ts",
    "guard/suspensions.ts",
  ],
  ["guard/gate.ts", "guard/admission.ts", "config.ts", "stores/kv.ts"],
  [
    "metrics/exposition.ts",
    "metrics/tally.ts",
    "metrics/counts.ts",
    "metrics/readings.ts",
    "metrics/detection.ts",
    "metrics.ts",
    "line_writer.ts",
    "logging.ts",
    "brokers/memory.ts",
  ],
  ["profiles/json.ts", "profiles/events_hub.ts", "profiles/tank.ts"],
  ["profiles/infoway_codes.ts", "profiles/infoway.ts"],
  ["profiles/talo_frames.ts", "profiles/talo_limit.ts", "profiles/talo.ts"],
  ["profiles/systems.ts"],
  ["guard/guard.ts", "roster.ts", "closed_log.ts", "ledger.ts", "routes.ts", "listener.ts"],
  [
    "frame_counter.ts",
    "ws_socket.ts",
    "flusher.ts",
    "queue_budget.ts",
    "delivery.ts",
    "commands.ts",
  ],
  ["read_pump.ts", "write_pump.ts"],
  ["hub.ts", "mailbox_probe.ts", "load_shedder.ts", "pulse.ts", "alarm.ts"],
  ["client_context.ts", "client.ts", "stats.ts", "overview_feed.ts"],
  [
    "http/vitals.ts",
    "http/finding.ts",
    "http/reading.ts",
    "http/description.ts",
    "http/caller.ts",
  ],
  ["sdk/events.ts", "sdk/options.ts", "sdk/dialect.ts"],
  ["sdk/infoway_dialect.ts", "sdk/dialects.ts", "sdk/settings.ts", "sdk/emit.ts"],
  ["sdk/backoff.ts", "sdk/verdict.ts", "sdk/timers.ts", "sdk/network.ts", "sdk/outbox.ts"],
  ["sdk/lifeline.ts", "sdk/comeback.ts", "sdk/wellbeing.ts", "sdk/connection.ts"],
  ["sdk/session.ts", "sdk/heartbeat_socket.ts"],
  [
    "web/format.ts",
    "web/dom.ts",
    "web/api.ts",
    "web/shapes.ts",
    "web/histogram.ts",
    "web/palette.ts",
    "web/event_words.ts",
    "web/axes.ts",
  ],
  ["web/history.ts", "web/plot_data.ts", "web/why.ts", "web/timeline_layout.ts"],
  ["web/table_columns.ts", "web/rows.ts", "web/chart.ts", "web/feed.ts", "web/key_dialog.ts"],
  ["web/charts.ts", "web/timeline.ts", "web/own.ts"],
  ["web/tiles.ts", "web/search.ts", "web/inspector.ts", "web/table.ts"],
  ["web/main.ts"],
  ["http/web_texts.ts", "http/web_files.ts"],
  [
    "http/assets.ts",
    "http/connections.ts",
    "http/overview.ts",
    "http/publish.ts",
    "http/suspensions.ts",
  ],
  ["http/events_hub.ts", "http/tickets.ts"],
  ["upgrade.ts", "http_routes.ts", "files.ts"],
  ["drain.ts"],
  ["server.ts"],
  [
    "cli/probe/words.ts",
    "cli/probe/pings.ts",
    "cli/probe/cadence.ts",
    "cli/probe/refusal.ts",
  ],
  [
    "cli/probe/certificate.ts",
    "cli/probe/socket.ts",
    "cli/probe/session.ts",
    "cli/probe/options.ts",
  ],
  ["cli/probe/report.ts", "cli/probe.ts"],
  ["main.ts", "cli/key.ts", "cli/sdk.ts"],
];

/** Packages that only one room may know; ws by its two ends, the server's and the probe's. */
const IMPORTERS: Readonly<Record<string, readonly string[]>> = {
  "ws": ["ws_socket.ts", "cli/probe/socket.ts"],
  "@hono/node-server": ["server.ts"],
  "prom-client": ["metrics/exposition.ts"],
  "@logtape/logtape": ["logging.ts"],
  "jose": ["guard/tokens.ts"],
  "uplot": ["web/chart.ts"],
};

const ROOT = new URL("../server/", import.meta.url);

interface Room {
  readonly name: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function roomsIn(folder: string): Room[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return roomsIn(`${folder}${name}/`);
    if (!name.endsWith(".ts") || name.endsWith(".d.ts")) return [];
    const text = Deno.readTextFileSync(new URL(folder + name, ROOT));
    const imports = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)"/gm)];
    return [{ name: folder + name, text, imports: imports.map(([, from]) => from) }];
  });
}

const rooms = roomsIn("");
const storeyOf = (name: string) => STOREYS.findIndex((storey) => storey.includes(name));

Deno.test("Every room stands on a storey, and every place in the plan is a room", () => {
  assertEquals(rooms.map(({ name }) => name).sort(), STOREYS.flat().sort());
});

Deno.test("A room imports only from its own storey or below", () => {
  const upward = rooms.flatMap(({ name, imports }) =>
    imports.filter((from) => from.startsWith(".")).map((from) =>
      new URL(from, new URL(name, ROOT)).href.slice(ROOT.href.length)
    ).filter((target) => storeyOf(target) > storeyOf(name)).map((target) => `${name} -> ${target}`)
  );
  assertEquals(upward, []);
});

Deno.test("A package that one room wraps is imported by no other", () => {
  for (const { name, imports } of rooms) {
    for (const from of imports) {
      const few = IMPORTERS[from];
      assert(few?.includes(name) ?? true, `${name} imports ${from}, which is for ${few} alone`);
    }
  }
});

Deno.test("A room is at most 250 lines long and says what it is for", () => {
  for (const { name, text } of rooms) {
    const lines = text.split("\n").length - 1;
    assert(lines <= 250, `${name} has ${lines} lines`);
    assert(/^\/\*\*[^]*?@module[^]*?\*\//.test(text), `${name} has no @module`);
  }
});

Deno.test("Pumps, hub and liveness know no profile by name", () => {
  const neutral =
    /^(hub|commands|delivery|client|read_pump|write_pump|pulse|roster|upgrade)\.ts$|^liveness\//;
  for (const { name, text } of rooms) {
    if (!neutral.test(name)) continue;
    const code = text.replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    assert(!/["'`](json|events-hub|infoway|tank|talo)["'`]/.test(code), name);
  }
});
