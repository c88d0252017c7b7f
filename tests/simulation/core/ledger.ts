/**
 * What was published and who got it: every message has a name of its own, by which it is found again in
 * whatever frame a system makes of it. Judges order, gaps, repetitions and rights.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import type { SimClient } from "./client.ts";
import { type KeyName, KEYS, matchesOne } from "./keys.ts";
import type { Simulation } from "./simulation.ts";

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
  /** How many nodes there have been. */
  nodes: number;
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
}

const NAME = /m\d+-\d+/;

export class Ledger {
  readonly #simulation: Simulation;
  readonly #publications = new Map<string, Publication>();
  readonly #places = new Map<string, string>();
  readonly #streams = new Map<string, Stream>();
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
    const nodes = this.#simulation.nodes.length;
    const publication = {
      channel,
      by,
      key,
      number,
      atMs,
      isRepeatable,
      nodes,
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

  /** A subscription begins, or goes on, after a place. */
  begins(owner: string, channel: string, after: Place | undefined): void {
    const stream = this.#streamOf(owner, channel);
    this.#judge(stream);
    stream.got.length = 0;
    stream.after = after;
  }

  /** What follows a place is said to be missing. Nothing may be, where the node still has it all. */
  missing(owner: string, channel: string, since = this.#streamOf(owner, channel).after): void {
    const log = this.#simulation.node.history?.of(channel);
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
    if (stream.seen.has(name) && !this.#mayRepeat(publication)) {
      return simulation.find("deliveries", `${name} on ${channel} comes twice`, about);
    }
    stream.seen.add(name);
    stream.got.push(name);
    if (offset === undefined) return;
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

  /** Publishes a last message on each channel: whoever is subscribed must get it. */
  publishMarkers(channels: Iterable<string>): void {
    const { node, clients } = this.#simulation;
    for (const client of clients) {
      this.#subscribed.set(client, {
        channels: client.subscribed(),
        connection: client.connection,
      });
    }
    for (const channel of channels) {
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
  }

  /** Whether the node may have forgotten it: another process, or one that had no room for its id. */
  #mayRepeat({ isRepeatable, nodes: before }: Publication): boolean {
    const { nodes } = this.#simulation;
    const isForgotten = nodes.some(({ parts }) => (parts?.history.evictedIds ?? 0) > 0);
    return isRepeatable && (nodes.length > before || isForgotten);
  }

  #streamOf(owner: string, channel: string): Stream {
    const key = `${owner} ${channel}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = { owner, channel, got: [], seen: new Set(), after: undefined };
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
    let last: { readonly name: string; readonly place: Place } | undefined;
    const byPublisher = new Map<string, number>();
    for (const name of got) {
      const { place, by, number, hasMoved } = this.#publications.get(name)!;
      const before = by === undefined ? 0 : byPublisher.get(by) ?? 0;
      if (by !== undefined) byPublisher.set(by, number);
      if (number < before) {
        this.#simulation.find(
          "deliveries",
          `${name} of ${by} on ${channel} comes after a later one`,
          [owner],
        );
      }
      if (place === undefined || hasMoved) {
        last = undefined;
        continue;
      }
      const isNext = last === undefined || last.place.epoch !== place.epoch ||
        place.offset === last.place.offset + 1;
      if (!isNext) {
        const what = `${name} on ${channel} is ${place.offset}, after ${last!.name} at ${
          last!.place.offset
        }`;
        this.#simulation.find("deliveries", what, [owner]);
      }
      last = { name, place };
    }
  }
}
