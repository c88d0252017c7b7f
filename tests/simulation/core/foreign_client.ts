/**
 * A client without the library: connects, keeps its system's heartbeat, subscribes, publishes now and
 * then, and comes back after a while. What differs from system to system is its driver.
 *
 * @module
 */

import { type ClientContext, SimClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { credentialOf, type KeyName } from "./keys.ts";
import type { Place } from "./ledger.ts";

/** What a frame of the server means. */
export type Heard =
  | {
    readonly kind: "message";
    readonly channel: string;
    readonly data: string;
    readonly offset?: number;
  }
  /** A subscription has begun, or goes on after a place. */
  | {
    readonly kind: "subscribed";
    readonly channels: readonly string[];
    readonly after?: Place;
    readonly recovered?: boolean;
  }
  | {
    readonly kind: "published";
    readonly place: Place | undefined;
    readonly id: string;
    /** Whether it has reached one node alone. */
    readonly isAlone: boolean;
  }
  /** A publication is not carried out. */
  | { readonly kind: "refused"; readonly id: string }
  | { readonly kind: "ping"; readonly answer: string }
  | { readonly kind: "other" };

/** The language of one system. */
export interface Driver {
  /** Where it connects. @param key where the server needs one */
  request(client: ForeignClient): { url: string; headers?: Record<string, string> };
  readonly heartbeat?: { readonly text: string; readonly everyMs: number };
  readonly channels: readonly string[];
  /** Where it publishes, if not there. */
  readonly publishChannels?: readonly string[];
  subscribe(channel: string): readonly string[];
  /** @param data a text */
  publish?(channel: string, data: string, id: string): string;
  hear(text: string): Heard;
}

/** A publication that has no answer yet. */
export interface Unanswered {
  readonly data: string;
  readonly text: string;
  /** When it was sent first, and last. */
  readonly atMs: number;
  readonly sentMs: number;
  readonly connection: Connection;
}

export class ForeignClient extends SimClient {
  readonly isWellBehaved: boolean = true;
  readonly key: KeyName | undefined;
  readonly channels: readonly string[];
  /** Whether it sends again what had no answer, also to another process. */
  protected readonly isRepeatable: boolean = false;
  protected readonly driver: Driver;
  readonly #publishEveryMs: number;
  /** Publications without an answer, by their ids. */
  protected readonly unanswered = new Map<string, Unanswered>();
  readonly #confirmed = new Set<string>();
  #ids = 0;
  /** Of the present connection: its timers end with it. */
  #session = 0;
  #returnsAtMs = 0;

  constructor(context: ClientContext, driver: Driver, { publishes = true, key = "all" }: {
    readonly publishes?: boolean;
    readonly key?: KeyName;
  } = {}) {
    super(context);
    this.driver = driver;
    this.key = this.simulation.config.auth.keys.length > 0 ? key : undefined;
    this.channels = driver.channels.filter(() => this.random.chance(0.5));
    if (this.channels.length === 0) this.channels = [driver.channels[0]];
    this.#publishEveryMs = publishes && driver.publish !== undefined
      ? this.random.spread(2_000, 120_000)
      : Infinity;
  }

  /** The credential of its key, where one is needed. */
  get credential(): string | undefined {
    return this.key && credentialOf(this.key);
  }

  /** Whose messages are in one row: those of a connection, or of all of them. */
  protected ownerOf(connection: Connection): string {
    return connection.label;
  }

  /** Since when a publication of a connection that works has had no answer; Infinity: none. */
  unansweredSinceMs(): number {
    let sinceMs = Infinity;
    for (const { sentMs, connection } of this.unanswered.values()) {
      if (connection === this.connection && !connection.truth.isImpaired) {
        sinceMs = Math.min(sinceMs, sentMs);
      }
    }
    return sinceMs;
  }

  start(): void {
    this.script.run(() => this.connect());
  }

  connect(): void {
    if (this.isClosed || this.connection !== undefined) return;
    const { url, headers } = this.driver.request(this);
    const connection = this.dial(url, headers);
    this.script.after(20_000, () => {
      // As every client library, it does not wait for ever.
      if (connection === this.connection && connection.server === undefined) {
        connection.reset("the client gives up the attempt");
      }
    });
  }

  override rest(): void {
    this.isOffline = false;
    this.isStripped = false;
  }

  close(): void {
    this.isClosed = true;
    const { connection } = this;
    if (connection === undefined) return;
    connection.send({ kind: "close", code: 1000, reason: "" });
  }

  override subscribed(): readonly string[] {
    const { connection } = this;
    const isHere = connection?.server !== undefined && connection.isOpen &&
      !connection.truth.isImpaired && connection.truth.closeSent === undefined;
    return isHere ? [...this.#confirmed] : [];
  }

  protected override onOpen(connection: Connection): void {
    const session = ++this.#session;
    this.#confirmed.clear();
    for (const channel of this.channels) {
      for (const text of this.subscribeFrames(channel)) this.sendText(connection, text);
    }
    this.#beat(connection, session);
    if (this.#publishEveryMs < Infinity) this.#publishLater(connection, session);
  }

  /** The frames that begin a subscription on a new connection. */
  protected subscribeFrames(channel: string): readonly string[] {
    return this.driver.subscribe(channel);
  }

  protected override onText(connection: Connection, text: string): void {
    this.onHeard(connection, this.driver.hear(text));
  }

  /** The node has ended a subscription. */
  protected left(channel: string): void {
    this.#confirmed.delete(channel);
  }

  protected onHeard(connection: Connection, heard: Heard): void {
    const { ledger } = this.simulation;
    switch (heard.kind) {
      case "message":
        return ledger.received({
          ...heard,
          owner: this.ownerOf(connection),
          client: this,
          key: this.key,
        });
      case "subscribed":
        for (const channel of heard.channels) {
          this.#confirmed.add(channel);
          ledger.begins(this.ownerOf(connection), channel, heard.after);
        }
        return;
      case "published": {
        const sent = this.unanswered.get(heard.id);
        this.unanswered.delete(heard.id);
        if (heard.isAlone && sent !== undefined) ledger.servedAlone(sent.data, connection.node);
        return ledger.accepted(sent?.data ?? "", heard.place, connection.label);
      }
      case "refused":
        ledger.refused(this.unanswered.get(heard.id)?.data ?? "");
        this.unanswered.delete(heard.id);
        return;
      case "ping":
        return this.sendText(connection, heard.answer);
    }
  }

  protected override onCloseFrame(
    connection: Connection,
    frame: { readonly code: number; readonly reason: string },
  ): void {
    super.onCloseFrame(connection, frame);
    const afterMs = Number(
      /afterMs=(\d+)/.exec(frame.reason)?.[1] ?? (frame.code === 1008 ? 60_000 : 0),
    );
    this.#returnsAtMs = this.simulation.nowMs + afterMs;
  }

  protected override onEnd(connection: Connection): void {
    this.#session++;
    this.#confirmed.clear();
    if (this.ownerOf(connection) === connection.label) {
      this.simulation.ledger.ends(connection.label);
    }
    if (this.isClosed) return;
    const waitMs = Math.max(0, this.#returnsAtMs - this.simulation.nowMs);
    this.script.after(waitMs + this.random.between(500, 8_000), () => this.connect());
  }

  #beat(connection: Connection, session: number): void {
    const { heartbeat } = this.driver;
    if (heartbeat === undefined) return;
    this.script.after(heartbeat.everyMs, () => {
      if (session !== this.#session) return;
      this.sendText(connection, heartbeat.text);
      this.#beat(connection, session);
    });
  }

  #publishLater(connection: Connection, session: number): void {
    this.script.after(
      this.random.between(0.5, 1.5) * this.#publishEveryMs * this.simulation.quietness,
      () => {
        if (session !== this.#session) return;
        this.#publish(
          connection,
          this.random.pick(this.driver.publishChannels ?? this.driver.channels),
        );
        this.#publishLater(connection, session);
      },
    );
  }

  /** What keeps the order of its publications; undefined: nothing does. */
  protected orderOf(connection: Connection): string | undefined {
    return connection.label;
  }

  /** Publishes at once, if it speaks and is connected. */
  publishNow(channel: string): void {
    const { connection } = this;
    if (this.driver.publish === undefined || connection?.server?.isClosing !== false) return;
    this.script.read(() => this.#publish(connection, channel));
  }

  #publish(connection: Connection, channel: string): void {
    const { key } = this;
    const bytes = this.random.chance(0.1) ? this.random.int(8_000) : this.random.int(60);
    const by = this.orderOf(connection);
    const { isRepeatable } = this;
    const data = this.simulation.ledger.publish(this, channel, { key, bytes, by, isRepeatable });
    const id = `${++this.#ids}`;
    const text = this.driver.publish!(channel, data, id);
    const { nowMs } = this.simulation;
    this.unanswered.set(id, { data, text, atMs: nowMs, sentMs: nowMs, connection });
    this.sendText(connection, text);
  }
}
