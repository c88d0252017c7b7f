/**
 * What a simulated Redis holds, and its commands: those that the server uses, the scripts among them.
 * A script is written here once more, in TypeScript; each is one step.
 *
 * @module
 */

/** A value, and when it expires, by the time of the simulation. */
interface Kept {
  readonly value: string | Map<string, string> | string[] | StreamEntry[];
  expiresAtMs: number;
}

interface StreamEntry {
  readonly id: number;
  readonly text: string;
}

/** The order of a set: values by member. */
type Scores = Map<string, string>;

/** An answer of Redis. */
export type Reply = string | number | null | Reply[];

/** An answer that is an error, as ioredis makes it of one. */
export class ReplyError extends Error {
  override name = "ReplyError";
}

/** What commands need beside the data. */
export interface DataContext {
  nowMs(): number;
  /** Publishes a text. @returns how many connections get it */
  publish(name: string, text: string): number;
  /** A channel has a message more. */
  placed?(key: string, place: { readonly epoch: string; readonly offset: number }): void;
}

type Command = (args: readonly string[]) => Reply;

/** What is kept of publications that have reached one node alone. */
const GAP = "!gap\n";

/** Where the wall clock of the machine begins. */
const EPOCH_MS = 1_700_000_000_000;

export class RedisData {
  readonly #context: DataContext;
  #values = new Map<string, Kept>();

  constructor(context: DataContext) {
    this.#context = context;
  }

  /** All that is held. */
  snapshot(): RedisData {
    const copy = new RedisData(this.#context);
    for (const [key, { value, expiresAtMs }] of this.#values) {
      copy.#values.set(key, {
        value: value instanceof Map
          ? new Map(value)
          : Array.isArray(value)
          ? value.slice() as typeof value
          : value,
        expiresAtMs,
      });
    }
    return copy;
  }

  /** The position of a channel, and the oldest message that is kept of it; undefined: none is known. */
  placeOf(
    { position, messages }: { readonly position: string; readonly messages: string },
    ttlMs: number,
  ): { readonly epoch: string; readonly offset: number; readonly first: number } | undefined {
    const [epoch, , offset] = this.#text(position)?.split(" ") ?? [];
    if (epoch === undefined) return undefined;
    const entries = this.#stream(messages);
    // Nothing that was read goes on beyond a gap.
    const gap = entries.findLastIndex(({ text }) => text.split(" ", 4)[3].startsWith(GAP));
    const fresh = entries.slice(gap + 1).find(({ text }) =>
      Number(text.split(" ", 3)[2]) + ttlMs > this.#wallMs
    );
    return { epoch, offset: Number(offset), first: fresh?.id ?? Number(offset) + 1 };
  }

  /** The fields of a hash. */
  fieldsOf(key: string): readonly string[] {
    return [...this.#hash(key).keys()];
  }

  /** Carries out a command. @throws {ReplyError} */
  call(name: string, args: readonly (string | number)[]): Reply {
    const command = this.#commands[name];
    if (command === undefined) throw new Error(`the simulated Redis has no ${name}`);
    return command(args.map(String));
  }

  /** The wall clock of its machine. */
  get #timeMs(): number {
    return EPOCH_MS + this.#context.nowMs();
  }

  get #wallMs(): number {
    return Math.floor(this.#timeMs);
  }

  readonly #commands: Readonly<Record<string, Command>> = {
    publish: ([name, text]) => this.#context.publish(name, text),
    get: ([key]) => this.#text(key) ?? null,
    getex: ([key, , ms]) => {
      this.#expire(key, ms);
      return this.#text(key) ?? null;
    },
    mget: (keys) => keys.map((key) => this.#text(key) ?? null),
    pexpire: ([key, ms]) => this.#expire(key, ms),
    hdel: ([key, ...fields]) => this.#removeFields(key, fields),
    hkeys: ([key]) => [...this.#hash(key).keys()],
    hgetall: ([key]) => [...this.#hash(key)].flat(),
    zrange: ([key]) => this.#sorted(key).map(([member]) => member),
    publishKept: (args) => this.#publishKept(args),
    publishOnce: ([id, ttlMs, live, text]) => {
      if (this.#text(id) !== undefined) return 0;
      this.#set(id, "", ttlMs);
      this.#context.publish(live, text);
      return 1;
    },
    readChannel: (args) => this.#readChannel(args),
    clearChannel: ([position, messages, live]) => {
      const [epoch, , offset] = this.#text(position)?.split(" ") ?? [];
      if (epoch === undefined) return 0;
      this.#values.delete(messages);
      this.#context.publish(live, `!cleared ${epoch} ${offset}\n`);
      return 1;
    },
    renewLease: ([leases, counts, node, count, ttlMs]) => {
      const counters = this.#hash(leases);
      counters.set(node, `${Number(counters.get(node) ?? 0) + 1}`);
      this.#keep(leases, counters, ttlMs);
      this.#keep(counts, this.#hash(counts).set(node, count), ttlMs);
      return [...counters].flat();
    },
    removeNode: ([leases, counts, node]) => {
      if (this.#removeFields(leases, [node]) === 0) return null;
      const count = this.#hash(counts).get(node) ?? "0";
      this.#removeFields(counts, [node]);
      return count;
    },
    putMember: ([members, field, value, ttlMs, live, text]) => {
      this.#keep(members, this.#hash(members).set(field, value), ttlMs);
      this.#context.publish(live, text);
      return null;
    },
    removeMember: ([members, field, live, text]) => {
      this.#removeFields(members, [field]);
      this.#context.publish(live, text);
      return null;
    },
    putEntry: ([entry, index, id, text, ttlMs, endMs, nowMs]) => {
      this.#set(entry, text, ttlMs);
      const scores: Scores = this.#hash(index).set(id, endMs);
      for (const [member, score] of scores) if (Number(score) <= +nowMs) scores.delete(member);
      const leftMs = (this.#kept(index)?.expiresAtMs ?? 0) - this.#context.nowMs();
      this.#keep(index, scores, `${Math.max(leftMs, Number(ttlMs))}`);
      return null;
    },
    countConnections: (args) => this.#countConnections(args),
    takeMessages: ([key, amount, most]) => {
      const second = Math.floor(this.#timeMs / 1_000);
      const taken = this.#hash(key);
      for (const each of taken.keys()) if (Number(each) < second - 60) taken.delete(each);
      const sum = [...taken.values()].reduce((total, count) => total + Number(count), 0);
      const granted = Math.min(Number(amount), Number(most) - sum);
      if (granted <= 0) {
        const oldest = Math.min(second, ...[...taken.keys()].map(Number));
        return [0, Math.ceil((oldest + 61) * 1_000 - this.#timeMs)];
      }
      taken.set(`${second}`, `${Number(taken.get(`${second}`) ?? 0) + granted}`);
      this.#keep(key, taken, "62000");
      return [granted, 0];
    },
    admitSession: (args) => this.#admitSession(args),
    takeSlots: ([admissions, nextSlot, windowMs, crowd, stepMs, count]) =>
      this.#takeSlots({ admissions, nextSlot, windowMs, crowd, stepMs }, Number(count)),
    lpop: ([key]) => this.#list(key).shift() ?? null,
    takeEntry: ([entry, index, id]) => {
      this.#removeFields(index, [id]);
      const text = this.#text(entry) ?? null;
      this.#values.delete(entry);
      return text;
    },
  };

  #publishKept(args: readonly string[]): Reply {
    const [position, messages, id, run, proposed, most, ttlMs, positionTtlMs, idTtlMs] = args;
    const [live, rest] = args.slice(9);
    if (idTtlMs !== "0") {
      const first = this.#text(id);
      if (first !== undefined) return `=${first}`;
    }
    const { epoch, offset } = this.#position(position, messages, run, proposed);
    const next = offset + 1;
    const place = `${epoch} ${next}`;
    const text = `${place} ${this.#wallMs} ${rest}`;
    const entries = this.#stream(messages);
    entries.push({ id: next, text });
    if (entries.length > Number(most)) entries.splice(0, entries.length - Number(most));
    this.#set(position, `${epoch} ${run} ${next}`, positionTtlMs);
    this.#keep(messages, entries, ttlMs);
    if (idTtlMs !== "0") this.#set(id, place, idTtlMs);
    this.#context.placed?.(position, { epoch, offset: next });
    this.#context.publish(live, text);
    return place;
  }

  #readChannel(args: readonly string[]): Reply {
    const [position, messages, run, proposed, positionTtlMs, knownEpoch, knownOffset] = args;
    const { epoch, offset } = this.#position(position, messages, run, proposed);
    this.#set(position, `${epoch} ${run} ${offset}`, positionTtlMs);
    const since = epoch === knownEpoch ? Number(knownOffset) : 0;
    const entries = this.#stream(messages).filter(({ id }) => id > since);
    return [
      epoch,
      `${offset}`,
      `${this.#wallMs}`,
      entries.map(({ text }) => text),
    ];
  }

  #position(
    position: string,
    messages: string,
    run: string,
    proposed: string,
  ): { epoch: string; offset: number } {
    const [epoch, madeBy, offset] = this.#text(position)?.split(" ") ?? [];
    if (madeBy === run) return { epoch, offset: Number(offset) };
    this.#values.delete(messages);
    return { epoch: proposed, offset: 0 };
  }

  #countConnections(args: readonly string[]): Reply {
    const [leases, connections, node, own, ownUncounted, ttlMs, most, mostUncounted] = args;
    const counts = this.#hash(connections);
    if (most !== undefined) {
      let [counted, uncounted] = [Number(own), Number(ownUncounted)];
      const nodes = this.#hash(leases);
      if (!nodes.has(node)) this.#keep(leases, nodes.set(node, "0"), "Infinity");
      for (const [other, text] of counts) {
        if (!nodes.has(other)) counts.delete(other);
        else if (other !== node) {
          const [one, two] = text.split(" ");
          counted += Number(one);
          uncounted += Number(two);
        }
      }
      if (counted > Number(most) || uncounted > Number(mostUncounted)) return 0;
    }
    if (own === "0" && ownUncounted === "0") this.#removeFields(connections, [node]);
    else this.#keep(connections, counts.set(node, `${own} ${ownUncounted}`), ttlMs);
    return 1;
  }

  #admitSession(args: readonly string[]): Reply {
    const [admissions, nextSlot, windowMs, crowd, stepMs, budget, longestMs, elseMs] = args;
    const nowMs = this.#timeMs;
    const times = this.#list(admissions);
    const first = Number(times[Number(budget) - 1] ?? -Infinity);
    if (nowMs - first < Number(windowMs) && nowMs >= first) {
      const freeMs = Number(this.#text(nextSlot) ?? nowMs);
      if (freeMs - nowMs > Number(longestMs)) return Number(elseMs);
      return Math.max(1, this.#takeSlots({ admissions, nextSlot, windowMs, crowd, stepMs }, 1));
    }
    times.unshift(`${nowMs}`);
    this.#keep(admissions, times.slice(0, Number(budget)), windowMs);
    return 0;
  }

  #takeSlots(
    { admissions, nextSlot, windowMs, crowd, stepMs }: Readonly<Record<string, string>>,
    count: number,
  ): number {
    const nowMs = this.#timeMs;
    const crowded = Number(this.#list(admissions)[Number(crowd) - 1] ?? -Infinity);
    const freeMs = Number(this.#text(nextSlot) ?? nowMs);
    const firstMs = Math.max(nowMs, freeMs, crowded + Number(windowMs));
    const lastMs = firstMs + count * Number(stepMs);
    this.#set(nextSlot, `${lastMs}`, `${lastMs - nowMs + Number(windowMs)}`);
    return Math.ceil(firstMs - nowMs);
  }

  #kept(key: string): Kept | undefined {
    const kept = this.#values.get(key);
    if (kept === undefined || kept.expiresAtMs > this.#context.nowMs()) return kept;
    this.#values.delete(key);
    return undefined;
  }

  #text(key: string): string | undefined {
    return this.#kept(key)?.value as string | undefined;
  }

  #hash(key: string): Map<string, string> {
    return (this.#kept(key)?.value ?? new Map()) as Map<string, string>;
  }

  #list(key: string): string[] {
    return (this.#kept(key)?.value ?? []) as string[];
  }

  #stream(key: string): StreamEntry[] {
    return (this.#kept(key)?.value ?? []) as StreamEntry[];
  }

  #sorted(key: string): [string, string][] {
    return [...this.#hash(key)].sort(([a, x], [b, y]) => Number(x) - Number(y) || (a < b ? -1 : 1));
  }

  #set(key: string, text: string, ttlMs: string): void {
    this.#keep(key, text, ttlMs);
  }

  #keep(key: string, value: Kept["value"], ttlMs: string): void {
    this.#values.set(key, { value, expiresAtMs: this.#context.nowMs() + Number(ttlMs) });
  }

  #expire(key: string, ms: string): number {
    const kept = this.#kept(key);
    if (kept === undefined) return 0;
    kept.expiresAtMs = this.#context.nowMs() + Number(ms);
    return 1;
  }

  #removeFields(key: string, fields: readonly string[]): number {
    const hash = this.#hash(key);
    const removed = fields.filter((field) => hash.delete(field)).length;
    if (hash.size === 0) this.#values.delete(key);
    return removed;
  }
}
