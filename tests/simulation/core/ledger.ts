/**
 * What was published and who got it: every message has a name of its own, by which it is found again in
 * whatever frame a system makes of it. Judges order, gaps, repetitions and rights.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import type { SimClient } from "./client.ts";
import { type KeyName, KEYS, matchesOne } from "./keys.ts";
import { REDIS_PREFIX, type SimNode } from "./node.ts";
import { Placements } from "./placements.ts";
import type { Simulation } from "./simulation.ts";
import { channelKeys } from "../../../server/redis/keys.ts";

/** Where a message is in the history of its channel. */
export interface Place {
  readonly epoch: string;
  readonly offset: number;
}

interface Publication {
  readonly channel: string;
  readonly by: string | undefined;
  /** The publisher's key; undefined where none is needed. */
  readonly key: KeyName | undefined;
  readonly number: number;
  readonly atMs: number;
  /** Whether it is sent again if its answer does not come: another process does not know it. */
  readonly isRepeatable: boolean;
  /** The number of the oldest node that could take it, and how often Redis had lost data. */
  readonly nodes: number;
  readonly losses: number;
  /** Whether its publisher was told that it is not carried out. */
  isRefused: boolean;
  /** Whether it has reached one node alone: it may come before what Redis has, and the node had not got. */
  isAlone: boolean;
  /** Whether it has had more than one place, as what was repeated and not known. */
  hasMoved: boolean;
  place: Place | undefined;
}

/** What one connection, or one subscription of the library, has got on one channel. */
interface Stream {
  readonly owner: string;
  readonly channel: string;
  readonly got: string[];
  readonly seen: Set<string>;
  /** The place after which the next message is; undefined: anywhere. */
  after: Place | undefined;
  /** When it began, or was told of a gap. */
  beganMs: number;
}

const NAME = /m\d+-\d+/;

/** More than any history takes. */
const ROOMY_BYTES = 1 << 20;

/** From a publication to all who hear it, ms. */
const SOON_MS = 6_000;

/** The newest offsets are compared every 25 s, which takes some time; and before all must be well, ms. */
const [FOUND_MS, SETTLED_MS] = [32_000, 12_000];

/** How long after a move a message may come that came before it, ms. */
const MOVED_MS = 5_000;

/** A publication may wait at its client for so long, ms. */
const BEFORE_MS = 30_000;

/** A last message comes too late where what was sent before it takes so long, ms. */
const BEHIND_MS = 2_000;

/** How long it may be told that a node was alone, ms. */
const ALONE_MS = 120_000;

export class Ledger {
  readonly #simulation: Simulation;
  readonly #publications = new Map<string, Publication>();
  readonly #places = new Map<string, string>();
  readonly #streams = new Map<string, Stream>();
  /** What Redis has put where. */
  readonly #placements = new Placements();
  /** Publications that have reached the subscribers of one node alone. */
  readonly #alone: { readonly name: string; readonly node: SimNode }[] = [];
  readonly #markers = new Map<string, string>();
  readonly #gotMarkers = new Set<string>();
  /** Who was subscribed on which connection when the markers were published. */
  readonly #subscribed = new Map<
    SimClient,
    { channels: readonly string[]; connection?: Connection }
  >();
  #names = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    const { redis } = simulation;
    if (redis === undefined) return;
    redis.onPlaced = (key, { epoch, offset }) => {
      const wrong = this.#placements.add(key, { epoch, offset, atMs: simulation.nowMs });
      if (wrong !== undefined) simulation.find("offsets", `${key}: ${wrong}`);
    };
  }

  /** A client publishes. @returns the data: a text that begins with the message's name */
  publish(client: { name: string; index: number }, channel: string, {
    key,
    bytes = 0,
    by,
    isRepeatable = false,
  }: {
    readonly key?: KeyName;
    readonly bytes?: number;
    /** What keeps the order of its messages: a connection, or a backend. */
    readonly by?: string;
    readonly isRepeatable?: boolean;
  }): string {
    const number = ++this.#names;
    const name = `m${client.index}-${number}`;
    const atMs = this.#simulation.nowMs;
    const { nodes: all, redisTruth: { losses } } = this.#simulation;
    // One that drains may take it: its successor does not know it.
    const nodes = all.findIndex(({ process }) => process.isAlive) + 1;
    const publication = {
      channel,
      by,
      key,
      number,
      atMs,
      isRepeatable,
      nodes,
      losses,
      isRefused: false,
      isAlone: false,
      hasMoved: false,
      place: undefined,
    };
    this.#publications.set(name, publication);
    this.#simulation.tally.publications++;
    // A message and what is around it have a limit.
    const most = Math.max(0, this.#simulation.config.limits.maxMessageBytes - 400);
    return `${name} ${"x".repeat(Math.min(bytes, most))}`;
  }

  /** The node says where a message is. */
  accepted(data: string, place: Place | undefined, about: string): void {
    const name = NAME.exec(data)?.[0];
    if (name !== undefined && place !== undefined) this.#learn(name, place, about);
  }

  /** A node says that a message has reached its own subscribers alone. */
  servedAlone(data: string, node: SimNode): void {
    const name = NAME.exec(data)?.[0];
    const publication = this.#publications.get(name ?? "");
    if (publication === undefined) return;
    publication.isAlone = true;
    const sinceMs = publication.atMs - BEFORE_MS;
    if (!this.#simulation.redisTruth.wasAloneSince(sinceMs)) {
      const what = `${name} stays at ${node.name}, which was not without Redis for a second`;
      this.#simulation.find("nodes", what, [node.name]);
    }
    this.#alone.push({ name: name!, node });
  }

  /** Another process of Redis begins: no epoch goes on. */
  restarted(): void {
    this.#placements.forget();
  }

  /** The node says that a message is not carried out: whether it is, nobody knows. */
  refused(data: string): void {
    const publication = this.#publications.get(NAME.exec(data)?.[0] ?? "");
    if (publication !== undefined) publication.isRefused = true;
  }

  /** A subscription begins, or goes on, after a place. */
  begins(owner: string, channel: string, after: Place | undefined): void {
    const stream = this.#streamOf(owner, channel);
    this.#judge(stream);
    stream.got.length = 0;
    stream.after = after;
    stream.beganMs = this.#simulation.nowMs;
  }

  /** What follows a place is said to be missing. Nothing may be, where the node still has it all. */
  missing(owner: string, channel: string, since = this.#streamOf(owner, channel).after): void {
    const log = this.#keptOf(channel);
    if (log === undefined || since?.epoch !== log.epoch) return;
    if (since.offset < log.first - 1 || since.offset > log.offset) return;
    const what =
      `${channel} is said to miss messages after ${since.offset}, and has them from ${log.first}`;
    this.#simulation.find("offsets", what, [owner]);
  }

  /** A subscription has ended: another one of the same owner begins anew. */
  ends(owner: string, channel?: string): void {
    for (const [key, stream] of this.#streams) {
      if (stream.owner !== owner || (channel ?? stream.channel) !== stream.channel) continue;
      this.#judge(stream);
      this.#streams.delete(key);
    }
  }

  /** A message has come. @param offset what the frame says */
  received(
    { owner, client, key, channel, data, epoch, offset }: {
      readonly owner: string;
      readonly client: SimClient;
      readonly key?: KeyName;
      readonly channel: string;
      readonly data: string;
      readonly epoch?: string;
      readonly offset?: number;
    },
  ): void {
    const simulation = this.#simulation;
    simulation.tally.deliveries++;
    const about = [owner];
    const name = NAME.exec(data)?.[0];
    const publication = this.#publications.get(name ?? "");
    if (name === undefined || publication === undefined || publication.channel !== channel) {
      return simulation.find(
        "deliveries",
        `${channel} brings ${data.slice(0, 40)}, which nobody published`,
        about,
      );
    }
    if (this.#markers.get(channel) === name) this.#gotMarkers.add(`${client.name} ${channel}`);
    this.#checkRights({ name, publication, key, about });
    const stream = this.#streamOf(owner, channel);
    if (stream.seen.has(name) && !this.#mayRepeat(publication) && !this.#hasMoved(stream)) {
      return simulation.find("deliveries", `${name} on ${channel} comes twice`, about);
    }
    stream.seen.add(name);
    stream.got.push(name);
    if (offset === undefined) {
      const { redisTruth, nowMs } = simulation;
      publication.isAlone ||= redisTruth.wasAloneSince(nowMs - ALONE_MS);
      return;
    }
    const { after } = stream;
    const isNext = after === undefined ||
      (offset === after.offset + 1 && (epoch ?? after.epoch) === after.epoch);
    if (!isNext) {
      const where = `${epoch ?? ""} ${offset}, after ${after.epoch} ${after.offset}`;
      simulation.find("offsets", `${name} on ${channel} is ${where}`, about);
    }
    const known = epoch ?? after?.epoch;
    if (known === undefined) return;
    stream.after = { epoch: known, offset };
    this.#learn(name, stream.after, owner);
  }

  /** Whoever is subscribed has what Redis has got a while ago. */
  judgeTimes(): void {
    const { nowMs, redis, redisTruth, clients, burstAtMs } = this.#simulation;
    const byOwner = new Map<string, SimClient>();
    for (const client of clients) {
      byOwner.set(client.name, client);
      if (client.connection !== undefined) byOwner.set(client.connection.label, client);
    }
    for (const { owner, channel, after } of this.#streams.values()) {
      if (after === undefined) continue;
      const key = channelKeys(REDIS_PREFIX, channel).position;
      const atMs = this.#placements.timeAfter(key, after);
      if (atMs === undefined) continue;
      const isLossless = redis?.pubSubFaults.every(({ untilMs }) => untilMs < atMs) === true;
      const limitMs = isLossless ? SOON_MS : FOUND_MS;
      const sinceMs = nowMs - limitMs - SETTLED_MS;
      if (nowMs - atMs < limitMs) continue;
      const client = byOwner.get(owner);
      const isSure = client?.isWellBehaved === true && client.subscribed().includes(channel) &&
        isHealthySince(client, sinceMs) && redisTruth.isQuietSince(sinceMs) &&
        burstAtMs < sinceMs;
      if (!isSure) continue;
      const what = `${owner} has not got ${after.offset + 1} of ${channel} for ${
        (nowMs - atMs).toFixed(0)
      } ms`;
      this.#simulation.find("in time", what, [client.connection!]);
    }
  }

  /** Publishes a last message on each channel: whoever is subscribed must get it. */
  publishMarkers(channels: Iterable<string>): void {
    const { clients, slots } = this.#simulation;
    for (const client of clients) {
      const { connection } = client;
      // What is published now would come too late.
      if (connection !== undefined && connection.down.behindMs > BEHIND_MS) continue;
      this.#subscribed.set(client, { channels: client.subscribed(), connection });
    }
    let turn = 0;
    for (const channel of channels) {
      const node = slots[turn++ % slots.length];
      const data = this.publish({ name: "marker", index: 0 }, channel, {});
      this.#markers.set(channel, NAME.exec(data)![0]);
      const publish = (attempts: number) =>
        node.process.run(() => {
          node.parts!.hub.publish(channel, JSON.stringify(data)).then((accepted) => {
            // Its readers are behind: a slow one can hold it for a while.
            if (accepted !== "busy") return;
            if (attempts > 0) node.process.after(500, () => publish(attempts - 1));
            else this.#markers.delete(channel);
          });
        });
      publish(10);
    }
  }

  judgeMarkers(): void {
    for (const client of this.#simulation.clients) {
      if (!client.isWellBehaved || client.script.isStalled || client.process.isStalled) continue;
      const before = this.#subscribed.get(client);
      if (before === undefined || before.connection !== client.connection) continue;
      for (const channel of client.subscribed()) {
        if (!before.channels.includes(channel)) continue;
        if (!this.#markers.has(channel) || this.#gotMarkers.has(`${client.name} ${channel}`)) {
          continue;
        }
        const what = `${client.name} is subscribed to ${channel} and gets nothing`;
        this.#simulation.find("subscriptions", what, [client.connection ?? client.name]);
      }
    }
    for (const stream of this.#streams.values()) this.#judge(stream);
    for (const alone of this.#alone) this.#judgeAlone(alone);
  }

  /** Whoever was subscribed at another node is told that messages may be missing. */
  #judgeAlone({ name, node }: { readonly name: string; readonly node: SimNode }): void {
    if (!node.isServing) return; // it may have ended before Redis was back
    const { atMs, channel } = this.#publications.get(name)!;
    for (const client of this.#simulation.clients) {
      const { connection } = client;
      const isJson = connection?.truth.profile === "json" && client.isWellBehaved;
      if (!isJson || !client.subscribed().includes(channel)) continue;
      if (!isHealthySince(client, atMs - SETTLED_MS)) continue;
      const stream = this.#streams.get(`${connection.label} ${channel}`) ??
        this.#streams.get(`${client.name} ${channel}`);
      if (stream === undefined || stream.beganMs > atMs || stream.seen.has(name)) continue;
      const what = `${client.name} is not told that it misses ${name} on ${channel}`;
      this.#simulation.find("offsets", what, [connection, node.name]);
    }
  }

  /** What is kept of a channel now; undefined: messages may be missing for another reason. */
  #keptOf(channel: string): (Place & { readonly first: number }) | undefined {
    const { node, redis, config: { history } } = this.#simulation;
    if (redis === undefined) return node.history?.of(channel);
    // A node that had no room has cut what it keeps itself.
    if (history.historyBytes < ROOMY_BYTES) return undefined;
    return redis.data.placeOf(channelKeys(REDIS_PREFIX, channel), history.historyTtlMs);
  }

  /** Whether it may have a second effect: what knew it is another process, or had no room for its id. */
  #mayRepeat({ isRepeatable, nodes: before, losses, atMs }: Publication): boolean {
    const { nodes, redis, redisTruth } = this.#simulation;
    if (redis !== undefined) {
      return isRepeatable && (redisTruth.losses > losses || redisTruth.wasAloneSince(atMs));
    }
    const isForgotten = nodes.some(({ parts }) => (parts?.history.evictedIds ?? 0) > 0);
    return isRepeatable && (nodes.length > before || isForgotten);
  }

  /** Whether a channel without places was just taken from another node, which may be later. */
  #hasMoved({ beganMs }: Stream): boolean {
    const { redis, nowMs, config: { history } } = this.#simulation;
    return redis !== undefined && history.historyMessages === 0 && nowMs - beganMs < MOVED_MS;
  }

  #streamOf(owner: string, channel: string): Stream {
    const key = `${owner} ${channel}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      const beganMs = this.#simulation.nowMs;
      stream = { owner, channel, got: [], seen: new Set(), after: undefined, beganMs };
      this.#streams.set(key, stream);
    }
    return stream;
  }

  #learn(name: string, place: Place, about: string): void {
    const publication = this.#publications.get(name)!;
    const key = `${publication.channel} ${place.epoch} ${place.offset}`;
    const other = this.#places.get(key) ?? name;
    const known = this.#mayRepeat(publication) ? place : publication.place ?? place;
    if (other !== name) {
      this.#simulation.find("offsets", `${key} is ${name} and ${other}`, [about]);
    }
    if (known.epoch !== place.epoch || known.offset !== place.offset) {
      const what =
        `${name} is at ${known.epoch} ${known.offset} and at ${place.epoch} ${place.offset}`;
      this.#simulation.find("offsets", what, [about]);
    }
    publication.hasMoved ||= publication.place !== undefined &&
      (publication.place.epoch !== place.epoch || publication.place.offset !== place.offset);
    this.#places.set(key, name);
    publication.place = place;
  }

  #checkRights({ name, publication, key, about }: {
    readonly name: string;
    readonly publication: Publication;
    readonly key: KeyName | undefined;
    readonly about: readonly string[];
  }): void {
    const { channel, by } = publication;
    if (key !== undefined && !matchesOne(KEYS[key].subscribe, channel)) {
      this.#simulation.find("rights", `${key} hears ${name} on ${channel}`, about);
    }
    if (publication.key !== undefined && !matchesOne(KEYS[publication.key].publish, channel)) {
      this.#simulation.find("rights", `${by} with ${publication.key} speaks on ${channel}`, about);
    }
  }

  /** What came without an offset: in the order of the places, and none between two left out. */
  #judge({ owner, channel, got }: Stream): void {
    // Systems without gaps are not told what Redis has not any more; the others name the offsets.
    const isWhole = this.#simulation.redis === undefined;
    let last: { readonly name: string; readonly place: Place } | undefined;
    const byPublisher = new Map<string, number>();
    for (const name of got) {
      const { place, by, number, hasMoved, isRefused, isAlone } = this.#publications.get(name)!;
      const before = by === undefined ? 0 : byPublisher.get(by) ?? 0;
      if (by !== undefined && !isAlone) byPublisher.set(by, number);
      if (number < before && !isRefused) {
        this.#simulation.find(
          "deliveries",
          `${name} of ${by} on ${channel} comes after a later one`,
          [owner],
        );
      }
      if (place === undefined || hasMoved || isAlone) {
        last = undefined;
        continue;
      }
      const isNext = last === undefined || last.place.epoch !== place.epoch ||
        place.offset === last.place.offset + 1;
      if (!isNext && isWhole) {
        const what = `${name} on ${channel} is ${place.offset}, after ${last!.name} at ${
          last!.place.offset
        }`;
        this.#simulation.find("deliveries", what, [owner]);
      }
      last = { name, place };
    }
  }
}

/** Whether nothing was wrong with a client, its way and its node since a time. */
function isHealthySince(client: SimClient, ms: number): boolean {
  const { connection, process, script } = client;
  if (connection === undefined || connection.truth.isImpaired || !connection.isOpen) return false;
  const { truth, node, up, down, server } = connection;
  return truth.openedMs < ms && server?.isClosing === false && node.isServing &&
    Math.max(up.stalledUntilMs, down.stalledUntilMs) < ms &&
    [process, script, node.process].every(({ stalls }) => stalls.every(({ toMs }) => toMs < ms));
}
