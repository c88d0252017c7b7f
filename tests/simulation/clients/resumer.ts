/**
 * A client of the json system without the library that loses nothing: it asks for what it has missed
 * after each return, and publishes again, in its session, what was not answered.
 *
 * @module
 */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import type { ClientContext, ClientKind } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { ForeignClient, type Heard } from "../core/foreign_client.ts";
import { JSON_DRIVER } from "../core/json_frames.ts";
import type { Place } from "../core/ledger.ts";
import type { SimNode } from "../core/node.ts";

/** So much of the time for which a repeat is known is used. */
const DEDUPE_PART = 0.5;

/** More might exceed a limit of messages a second. */
const MOST_REPEATS = 8;

class ResumerClient extends ForeignClient {
  protected override readonly isRepeatable = this.simulation.redis !== undefined;
  readonly #places = new Map<string, Place>();
  /** The places that its present subscribe frames ask for. */
  readonly #asked = new Map<string, Place>();
  #node: SimNode | undefined;

  constructor(context: ClientContext) {
    const session = context.random.uuid();
    super(context, {
      ...JSON_DRIVER,
      publish: (channel, data, id) =>
        JSON.stringify({ type: "publish", channel, data, id, session }),
    });
  }

  protected override ownerOf(): string {
    return this.name;
  }

  /** What was refused at first and is repeated later comes after what was accepted. */
  protected override orderOf(): undefined {}

  protected override subscribeFrames(channel: string): readonly string[] {
    const since = this.#places.get(channel);
    if (since === undefined) return super.subscribeFrames(channel);
    this.#asked.set(channel, since);
    return [JSON.stringify({ type: "subscribe", channel, since })];
  }

  protected override onOpen(connection: Connection): void {
    this.#asked.clear();
    if (this.#node !== undefined && this.random.chance(0.25)) {
      connection.impair("its line is slow", ...UNREAD, ...UNHEARD);
      connection.down.readBytesPerMs = this.random.spread(0.3, 10);
    }
    super.onOpen(connection);
    this.#repeat(connection);
  }

  protected override onHeard(connection: Connection, heard: Heard): void {
    if (heard.kind === "subscribed") {
      const [channel] = heard.channels;
      const asked = this.#asked.get(channel);
      this.#asked.delete(channel);
      if (asked !== undefined && heard.recovered !== true) {
        this.simulation.ledger.missing(this.name, channel, asked);
      }
      const after = heard.recovered === true ? asked : heard.after;
      if (after !== undefined) this.#places.set(channel, after);
      return super.onHeard(connection, { ...heard, after });
    }
    super.onHeard(connection, heard);
    const place = heard.kind === "message" ? this.#places.get(heard.channel) : undefined;
    if (heard.kind === "message" && heard.offset !== undefined && place !== undefined) {
      this.#places.set(heard.channel, { epoch: place.epoch, offset: heard.offset });
    }
  }

  /** Another process does not know what the one before has carried out. */
  #repeat(connection: Connection): void {
    const { node } = connection;
    const { nowMs, config: { history: { dedupeMs } } } = this.simulation;
    const isKnown = this.isRepeatable ||
      (node === this.#node && node.parts!.history.evictedIds === 0);
    this.#node = node;
    let left = MOST_REPEATS;
    for (const [id, sent] of [...this.unanswered]) {
      this.unanswered.delete(id);
      if (left-- <= 0 || !isKnown || nowMs - sent.atMs > dedupeMs * DEDUPE_PART) continue;
      this.unanswered.set(id, { ...sent, sentMs: nowMs, connection });
      this.sendText(connection, sent.text);
      if (this.random.chance(0.3)) this.sendText(connection, sent.text);
    }
  }
}

export const resumer: ClientKind = { weight: 4, create: (context) => new ResumerClient(context) };
