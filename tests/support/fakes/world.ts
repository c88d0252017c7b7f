/**
 * A hub with clients on virtual time: everything of the server but the wire. `withWorld` builds it,
 * and asserts at the end that nothing is left behind: no client, no byte, no loop.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Broker } from "../../../server/brokers/broker.ts";
import { MemoryBroker } from "../../../server/brokers/memory.ts";
import type { SharedMembers } from "../../../server/brokers/shared_members.ts";
import { type HistoryBounds, MemoryHistory } from "../../../server/brokers/memory_history.ts";
import { Client, type ClientOptions } from "../../../server/client.ts";
import { AdvisedClients } from "../../../server/client/reconnect_advice.ts";
import { CloseHistory } from "../../../server/client/close_history.ts";
import { Flusher } from "../../../server/write_pump.ts";
import { Authenticator } from "../../../server/auth/authenticator.ts";
import { type Grant, OPEN_GRANT } from "../../../server/auth/grant.ts";
import type { Quota } from "../../../server/auth/quotas.ts";
import { isReserved } from "../../../server/auth/rights.ts";
import { deliver } from "../../../server/hub/fan_out.ts";
import { Hub } from "../../../server/hub.ts";
import { HEALTH_RULES } from "../../../server/liveness/health.ts";
import type { HeartbeatRules } from "../../../server/liveness/heartbeat.ts";
import { Wheel } from "../../../server/liveness/wheel.ts";
import { UnlimitedAdmission } from "../../../server/brokers/admission_rate.ts";
import { LoadShedder, QueueBudget } from "../../../server/hub/load_shedder.ts";
import type { Logger } from "../../../server/logging/logging.ts";
import { Metrics } from "../../../server/metrics/metrics.ts";
import { jsonProfile } from "../../../server/profiles/json/json.ts";
import { IdleTimeoutDetector } from "../../../server/diagnosis/idle_timeout_detector.ts";
import type { Profile } from "../../../server/profiles/profile.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { FakeSocket } from "./fake_socket.ts";
import { HISTORY_BOUNDS } from "./history_bounds.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** The article's timing. */
export const RULES: HeartbeatRules = {
  pingPeriodMs: 54_000,
  pongWaitMs: 60_000,
  heartbeatTimeoutMs: 3_000,
  missedHeartbeats: 3,
  silenceFrom: "life",
  framesAreLife: true,
  pongsAreLife: true,
  pingsAreLife: true,
  health: HEALTH_RULES,
};

/** What a test may set. */
export interface WorldOptions {
  readonly rules?: HeartbeatRules;
  readonly queueMessages?: number;
  readonly queueBytes?: number;
  readonly budgetBytes?: number;
  readonly writeWaitMs?: number;
  /** 0 unless told otherwise. */
  readonly flushWindowMs?: number;
  readonly frozenWaitMs?: number;
  readonly maxMessagesPerSecond?: number;
  readonly maxSubscriptions?: number;
  readonly presenceGraceMs?: number;
  readonly echo?: boolean;
  /** Checks the tokens of refreshes; that of an open hub unless told otherwise. */
  readonly authenticator?: Pick<Authenticator, "check">;
  /** Bounds that differ from the defaults; without it no channel keeps a history. */
  readonly history?: Partial<HistoryBounds>;
  /** The members at other nodes. */
  readonly sharedMembers?: SharedMembers;
  /** What stands between the hub and its memory broker. */
  readonly broker?: (memory: Broker) => Broker;
  /** Where in its spread each first ping falls. */
  readonly random?: () => number;
}

/** How a client connects: with everything by default. */
export interface ConnectOptions {
  readonly profile?: Profile;
  readonly url?: string;
  readonly grant?: Partial<Grant>;
  /** Bounds its messages a minute. */
  readonly quota?: Quota;
  /** Its end of the way, where that is more than a fake. */
  readonly socket?: FakeSocket;
}

/** One line of the log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** A client and its peer's end. */
export interface TestPeer {
  readonly client: Client;
  readonly socket: FakeSocket;
}

export class World {
  readonly clock = new VirtualClock();
  readonly metrics = new Metrics();
  readonly log: LogLine[] = [];
  readonly closeHistory = new CloseHistory();
  readonly idleTimeouts = new IdleTimeoutDetector();
  readonly errors: unknown[] = [];
  readonly budget: QueueBudget;
  readonly wheel: Wheel;
  readonly hub: Hub;
  readonly history: MemoryHistory | undefined;
  readonly broker: Broker;
  readonly context: ClientOptions;
  readonly peers: TestPeer[] = [];
  readonly profile: Profile;
  readonly #run: Promise<void>;

  constructor(options: WorldOptions) {
    const { clock, metrics } = this;
    this.profile = jsonProfile({ timing: options.rules ?? RULES, echo: options.echo ?? false });
    this.budget = new QueueBudget(options.budgetBytes ?? 1 << 28);
    this.wheel = new Wheel(clock, metrics);
    this.history = options.history && new MemoryHistory({
      ...HISTORY_BOUNDS,
      ...options.history,
      clock,
      newId: () => crypto.randomUUID(),
      keeps: (channel) => !isReserved(channel),
    });
    if (this.history !== undefined) this.wheel.schedule(this.history, this.wheel.now());
    const memory = new MemoryBroker(this.history);
    this.broker = options.broker?.(memory) ?? memory;
    this.hub = new Hub({
      clock,
      wheel: this.wheel,
      budget: this.budget,
      broker: this.broker,
      onResumed: (recovered) => metrics.resumed(recovered),
      maxSubscriptions: options.maxSubscriptions ?? 10_000,
      presenceGraceMs: options.presenceGraceMs ?? 10_000,
      sharedMembers: options.sharedMembers,
      onError: (error) => this.errors.push(error),
      onRefused: (channel) =>
        this.log.push({ level: "warning", message: "refused", properties: { channel } }),
    });
    this.context = {
      clock,
      wheel: this.wheel,
      hub: this.hub,
      metrics,
      log: recordingLogger(this.log),
      authenticator: options.authenticator ?? new Authenticator(),
      closeHistory: this.closeHistory,
      idleTimeouts: this.idleTimeouts,
      budget: this.budget,
      flusher: new Flusher(clock, options.flushWindowMs),
      gate: this.hub.gate,
      advisedClients: new AdvisedClients(),
      queueMessages: options.queueMessages ?? 256,
      queueBytes: options.queueBytes ?? 1 << 20,
      writeWaitMs: options.writeWaitMs ?? 10_000,
      frozenWaitMs: options.frozenWaitMs ?? 0,
      maxMessagesPerSecond: options.maxMessagesPerSecond ?? 0,
      random: options.random ?? (() => 0.999_999),
      newId: () => crypto.randomUUID(),
    };
    const admissionRate = new UnlimitedAdmission(() => 0);
    const shedder = new LoadShedder({ ...this.context, admissionRate });
    this.budget.onPending = () => shedder.watch();
    this.wheel.start();
    this.#run = this.hub.run();
  }

  /** A client connects. */
  connect(
    { profile = this.profile, url = "/ws", grant = {}, quota, socket = new FakeSocket() }:
      ConnectOptions = {},
  ): TestPeer {
    const client = new Client(
      {
        socket,
        profile,
        target: parseTarget(url)!,
        grant: { ...OPEN_GRANT, ...grant },
        quota,
        address: "192.0.2.1",
        admitted: { ended() {}, violated() {}, renewed: () => undefined },
      },
      this.context,
    );
    const peer = { client, socket };
    this.peers.push(peer);
    return peer;
  }

  /** How many connections ended for a reason. */
  closed(reason: keyof ReturnType<Metrics["of"]>["closed"]): number {
    return this.metrics.of("json").closed[reason];
  }

  /** Ends everything and asserts that nothing is left. */
  async end(): Promise<void> {
    for (const { client, socket } of this.peers) {
      client.terminate();
      socket.drain();
    }
    await this.clock.turnOver();
    const left = this.hub.ask(({ size, channelCount }) => ({ size, channelCount }));
    await this.clock.turnOver();
    assertEquals(await left, { size: 0, channelCount: 0 }, "a subscriber is left");
    assertEquals(this.budget.usedBytes, 0, "the budget has lost count of bytes");
    this.hub.stop();
    await this.#run;
    this.wheel.stop();
    assertEquals(this.errors, [], "a hub command failed");
  }
}

/** Delivers to the subscribers of a channel without asking whether they are behind. */
export function deliverTo({ hub, clock }: World, channel: string, value: unknown): void {
  const data = JSON.stringify(value);
  const publication = { kind: "publication", channel, data, timestamp: clock.wall() } as const;
  hub.runInHub((registry) =>
    deliver(publication, { registry, gate: hub.gate, leftOut: hub.leftOut })
  );
}

/** Runs a test in a world of its own. */
export async function withWorld(
  options: WorldOptions,
  test: (world: World) => Promise<void> | void,
): Promise<void> {
  const world = new World(options);
  await test(world);
  await world.end();
}

function recordingLogger(lines: LogLine[]): Logger {
  const level = (level: string) => (message: string, properties: Record<string, unknown> = {}) => {
    lines.push({ level, message, properties });
  };
  return {
    debug: level("debug"),
    info: level("info"),
    warning: level("warning"),
    error: level("error"),
  };
}
