/**
 * A client of the json system that is a member of its rooms under a lasting name, and watches who comes
 * and goes. Judges what it is told: joins and leaves alternate, nobody leaves before the grace is over,
 * and at rest the list of a room has exactly those who are there.
 *
 * @module
 */

import type { ClientContext, ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient, type Heard } from "../core/foreign_client.ts";
import { JSON_DRIVER, ROOMS } from "../core/json_frames.ts";
import type { SimRandom } from "../core/random.ts";
import type { Simulation } from "../core/simulation.ts";

/** What a stall of the node may hide of the grace, and ways and ticks, ms. */
const [STALL_MS, SLACK_MS] = [400, 100];

/** From the end of the grace to the notice at the latest, ms: it may wait behind others. */
export const GONE_MS = 4_000;

/** From the death of a node until the others know it: a lease, and two renewals, ms. */
const LOST_MS = 10_500;

/** From the begin of the rest until the list must be right, ms: all have come back, or been found. */
const SETTLED_MS = 145_000;

/** What is told is read so late at most, also over a Redis that pauses; and a node is lost then, ms. */
const [LATE_MS, LEASE_MS] = [30_000, 20_000];

/** Where members are. */
export const MEMBER_ROOMS = ROOMS.slice(0, 2);

interface MemberFrame {
  readonly type: string;
  readonly channel: string;
  readonly member: string;
  readonly members?: readonly { readonly member: string }[];
}

export class MemberClient extends ForeignClient {
  /** Rooms in which it has a subscription, by the answers that it got. */
  readonly rooms = new Set<string>();
  /** When they began on the present connection. */
  readonly joinedMs = new Map<string, number>();
  /** When the node was told of the end of its last connection: awake, and by the clock. */
  lastEnd = { awakeMs: -Infinity, atMs: -Infinity };
  /** Who was there, by what it was told on this connection. */
  readonly #present = new Map<string, boolean>();

  constructor(context: ClientContext) {
    super(context, { ...JSON_DRIVER, channels: MEMBER_ROOMS }, { publishes: false });
  }

  override rest(): void {
    super.rest();
    this.script.after(SETTLED_MS, () => {
      const { connection } = this;
      if (connection === undefined || connection.truth.isImpaired) return;
      for (const channel of this.rooms) {
        this.sendText(connection, JSON.stringify({ type: "presence", channel, id: "list" }));
      }
    });
  }

  /** Whether it has joined on its present connection, and a while ago. */
  isJoinedSince(room: string, ms: number): boolean {
    const atMs = this.joinedMs.get(room) ?? Infinity;
    return atMs < ms && atMs >= (this.connection?.truth.openedMs ?? Infinity);
  }

  leftNode({ node: { process } }: Connection): void {
    this.lastEnd = { awakeMs: process.awakeMs, atMs: this.simulation.nowMs };
    const { lastEnd } = this;
    const { config: { presenceGraceMs }, redis } = this.simulation;
    const lostMs = redis === undefined ? 0 : LOST_MS;
    this.simulation.scheduler.after(presenceGraceMs + GONE_MS + lostMs, () => {
      if (this.lastEnd === lastEnd && this.connection === undefined) this.#isGone(lastEnd.atMs);
    });
  }

  protected override subscribeFrames(channel: string): readonly string[] {
    return [JSON.stringify({ type: "subscribe", channel, presence: true, member: this.name })];
  }

  protected override onOpen(connection: Connection): void {
    this.rooms.clear();
    this.joinedMs.clear();
    this.#present.clear();
    super.onOpen(connection);
  }

  protected override onHeard(connection: Connection, heard: Heard): void {
    if (heard.kind === "subscribed") {
      const [room] = heard.channels;
      if (!this.rooms.has(room)) this.joinedMs.set(room, this.simulation.nowMs);
      this.rooms.add(room);
    }
    super.onHeard(connection, heard);
  }

  protected override onText(connection: Connection, text: string): void {
    const frame: MemberFrame = JSON.parse(text);
    if (frame.type === "joined" || frame.type === "left") this.#told(connection, frame);
    if (frame.type === "presence") this.#listed(connection, frame);
    super.onText(connection, text);
  }

  #told(connection: Connection, { type, channel, member }: MemberFrame): void {
    const key = `${channel} ${member}`;
    const isThere = type === "joined";
    const find = (what: string) =>
      this.simulation.find("presence", `${member} ${what} on ${channel}`, [connection, member]);
    if (this.#present.get(key) === isThere) find(`has ${type} twice`);
    this.#present.set(key, isThere);
    const other = this.#memberOf(member);
    if (isThere || other === undefined) return;
    const { process, config: { presenceGraceMs } } = connection.node;
    const isHere = other.connection?.server?.hasEnded === false && other.rooms.has(channel);
    if (this.simulation.redis !== undefined) return this.#toldByNodes(connection, other, channel);
    const awayMs = isHere ? 0 : process.awakeMs - other.lastEnd.awakeMs;
    const stalls = process.stalls.filter(({ toMs }) => toMs >= other.lastEnd.atMs).length;
    if (connection.node !== this.simulation.node || isHere) return; // it may have come back meanwhile
    if (awayMs < presenceGraceMs - SLACK_MS - stalls * STALL_MS) {
      find(`has left after ${awayMs.toFixed(0)} ms`);
    }
  }

  /** Nobody has left who is there, and nobody before the grace is over: what is read late comes late. */
  #toldByNodes(connection: Connection, other: MemberClient, channel: string): void {
    const { nowMs, redisTruth, config: { presenceGraceMs }, nodes } = this.simulation;
    const lateMs = 2 * this.way.delayMs + this.way.jitterMs + LATE_MS;
    const sinceMs = nowMs - lateMs - presenceGraceMs;
    const isCalm = !connection.truth.isImpaired && redisTruth.lostMs < sinceMs - LEASE_MS &&
      connection.up.stalledUntilMs < sinceMs && connection.down.stalledUntilMs < sinceMs &&
      [this.script, this.process, other.process, ...nodes.map(({ process }) => process)].every(
        ({ stalls }) => stalls.every(({ toMs }) => toMs < sinceMs - LEASE_MS),
      );
    if (!isCalm) return;
    const { connection: here } = other;
    const isHere = here?.server?.isClosing === false && here.isOpen && !here.truth.isImpaired &&
      !redisTruth.wasCutSince(here.node.name, sinceMs - LEASE_MS) &&
      other.isJoinedSince(channel, nowMs - lateMs);
    const awayMs = nowMs - other.lastEnd.atMs;
    const wasCut = nodes.some(({ name }) => redisTruth.wasCutSince(name, sinceMs - LEASE_MS));
    const isEarly = other.connection === undefined && !wasCut &&
      awayMs < presenceGraceMs - SLACK_MS;
    if (!isHere && !isEarly) return;
    const what = isHere ? "has left and is there" : `has left after ${awayMs.toFixed(0)} ms`;
    this.simulation.find("presence", `${other.name} ${what} on ${channel}`, [
      connection,
      other.name,
    ]);
  }

  #listed(connection: Connection, { channel, members = [] }: MemberFrame): void {
    const listed = new Set(members.map(({ member }) => member));
    const { presenceGraceMs } = connection.node.config;
    for (const client of this.simulation.clients) {
      if (!(client instanceof MemberClient)) continue;
      const { connection: other } = client;
      const hasNode = other?.node === connection.node || this.simulation.redis !== undefined;
      const isHere = hasNode && other?.isOpen === true &&
        other.server?.isClosing === false && client.rooms.has(channel);
      const isAway = !isHere &&
        this.simulation.nowMs - client.lastEnd.atMs > 2 * presenceGraceMs + 5_000;
      const isWrong = (isHere && !other.truth.isImpaired && !listed.has(client.name)) ||
        (isAway && other === undefined && listed.has(client.name));
      if (!isWrong) continue;
      const what = `${client.name} is ${isHere ? "not " : ""}in the list of ${channel}`;
      this.simulation.find("presence", what, [connection, client.name]);
    }
  }

  /** Whoever was told that it came has to be told that it has left. */
  #isGone(sinceMs: number): void {
    const { slots, clients, redisTruth } = this.simulation;
    const hasStalled = slots.some(({ process: { stalls } }) =>
      stalls.some(({ toMs }) => toMs >= sinceMs - GONE_MS)
    );
    if (hasStalled || !redisTruth.isQuietSince(sinceMs - GONE_MS)) return;
    for (const watcher of clients) {
      if (!(watcher instanceof MemberClient) || watcher === this) continue;
      const { connection } = watcher;
      const isWatching = connection?.node.isServing === true && slots.includes(connection.node) &&
        connection.isOpen &&
        !connection.truth.isImpaired &&
        watcher.script.stalls.every(({ toMs }) => toMs < sinceMs) && !watcher.script.isStalled &&
        Math.max(connection.up.stalledUntilMs, connection.down.stalledUntilMs) < sinceMs;
      if (!isWatching) continue;
      for (const [key, isThere] of watcher.#present) {
        if (!isThere || !key.endsWith(` ${this.name}`)) continue;
        const what = `${watcher.name} is not told that ${this.name} has left: ${key}`;
        this.simulation.find("presence", what, [connection!, this.name]);
      }
    }
  }

  #memberOf(name: string): MemberClient | undefined {
    return this.simulation.clients.find((each) => each.name === name) as MemberClient | undefined;
  }
}

export const member: ClientKind = { weight: 3, create: (context) => new MemberClient(context) };

/** Some members lose their connections during a while, and come back, maybe to another node. */
export function moveMembers(
  { clients, scheduler }: Simulation,
  random: SimRandom,
  ms: number,
): void {
  for (const client of clients) {
    if (!(client instanceof MemberClient) || random.chance(0.3)) continue;
    scheduler.after(random.number() * ms, () => client.connection?.reset("it is reset"));
  }
}
