/**
 * A fault on virtual time: a model client behind a relay, what goes wrong with them at a moment, and
 * what the server makes of it from then on.
 *
 * @module
 */

import type { Config } from "../../../server/config/config.ts";
import { eventsHubProfile } from "../../../server/profiles/events_hub/events_hub.ts";
import { infowayProfile } from "../../../server/profiles/infoway/infoway.ts";
import { jsonProfile } from "../../../server/profiles/json/json.ts";
import type { Profile } from "../../../server/profiles/profile.ts";
import { taloProfile } from "../../../server/profiles/talo/talo.ts";
import { tankProfile } from "../../../server/profiles/tank/tank.ts";
import { ModelClient } from "./model_client.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { type TestPeer, withWorld, type World } from "./world.ts";

/** From look to look, ms. */
const LOOK_MS = 10;
const WAY: RelayOptions = { delayMs: 40 };
const SECOND_MS = 1_000;

/** A system: its profile, where it is reached, and what its clients say to be alive. */
interface System {
  readonly profile: (timing: Config["timing"]) => Profile;
  readonly url: string;
  readonly beat: string;
}

/** The five. */
const SYSTEMS: Record<keyof Config["timing"], System> = {
  "json": {
    profile: ({ json }) => jsonProfile({ timing: json, echo: false }),
    url: "/ws",
    beat: '{"type":"ping"}',
  },
  "events-hub": {
    profile: (timing) =>
      eventsHubProfile({ timing: timing["events-hub"], newId: () => crypto.randomUUID() }),
    url: "/api/v1/ws/subscribe",
    beat: '{"event_type":"health","message":"ping"}',
  },
  "infoway": {
    profile: ({ infoway }) => infowayProfile({ timing: infoway, maxMessagesPerMinute: 0 }),
    url: "/ws?business=crypto",
    beat: '{"code":10010,"trace":"t"}',
  },
  "tank": {
    profile: ({ tank }) => tankProfile({ timing: tank }),
    url: "/ws?user_id=u",
    beat: "heartbeat",
  },
  "talo": {
    profile: ({ talo }) =>
      taloProfile({
        timing: talo,
        messagesPerMinute: 0,
        messagesPerMinuteIdentified: 0,
        isKey: () => true,
      }),
    url: "/?ticket=t",
    beat: "v1.heartbeat",
  },
};

/** Everybody who has a part in it. */
export interface Scene extends TestPeer {
  readonly world: World;
  readonly relay: Relay;
  readonly peer: ModelClient;
}

/** What it was from which moment on, seconds; the first is the birth's. */
export type Course = readonly (readonly [number, string])[];

export interface Fault {
  /** json unless told. */
  readonly system?: keyof Config["timing"];
  readonly timing: Config["timing"];
  /** 40 ms each way unless told. */
  readonly way?: RelayOptions;
  /** How often its script says something by itself; never unless told. */
  readonly speaksEveryMs?: number;
  /** A mere library, with no script that answers app pings. */
  readonly plain?: boolean;
  /** When it begins, seconds. */
  readonly atS: number;
  /** What goes wrong. */
  readonly begin: (scene: Scene) => void | Promise<void>;
  /** When the world ends, seconds. */
  readonly untilS: number;
}

/** What the server made of it. */
export interface FaultResult {
  readonly life: Course;
  readonly status: Course;
  /** Of its death; undefined while it is connected. */
  readonly cause: string | undefined;
}

/** Lets it happen. @param check looks at the scene in the end */
export async function suffer(fault: Fault, check?: (scene: Scene) => void): Promise<FaultResult> {
  let result: FaultResult | undefined;
  await withWorld({ maxMessagesPerSecond: 1_000 }, async (world) => {
    const { profile, url, beat } = SYSTEMS[fault.system ?? "json"];
    const relay = new Relay(world.clock, fault.way ?? WAY);
    const everyMs = fault.speaksEveryMs;
    const model = new ModelClient(
      relay,
      world.clock,
      everyMs ? { text: beat, everyMs } : undefined,
    );
    if (fault.plain) model.scriptRuns = false;
    const peer = world.connect({ profile: profile(fault.timing), url, socket: relay });
    const scene = { ...peer, world, relay, peer: model };
    const courses = await watch(fault, scene);
    result = { ...courses, cause: world.closeHistory.find(peer.client.id)?.cause };
    check?.(scene);
  });
  return result!;
}

async function watch(fault: Fault, scene: Scene): Promise<Pick<FaultResult, "life" | "status">> {
  const { clock } = scene.world;
  const { health } = scene.client;
  const life: [number, string][] = [[0, health.liveness]];
  const status: [number, string][] = [[0, health.status]];
  let begun: void | Promise<void> = undefined;
  while (clock.now() < fault.untilS * SECOND_MS) {
    await clock.pass(LOOK_MS);
    note(life, health.liveness, clock.now());
    note(status, health.status, clock.now());
    if (clock.now() === fault.atS * SECOND_MS) begun = fault.begin(scene);
  }
  await begun;
  return { life, status };
}

function note(course: [number, string][], what: string, nowMs: number): void {
  if (course.at(-1)![1] !== what) course.push([nowMs / SECOND_MS, what]);
}
