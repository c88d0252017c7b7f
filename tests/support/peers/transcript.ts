/**
 * Golden transcripts: what is said on one connection, step by step, and a replayer that says it over
 * a real socket and compares every frame of the server, byte for byte but for ids and times, which
 * must have their form. It plays a client that answers pings and nothing else by itself.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { clientFrame, closeOf, type Frame, OPCODE, textOf } from "./frames.ts";
import { ask, type Dial, UPGRADE_HEADERS } from "./plain_http.ts";
import { RawPeer } from "./raw_peer.ts";

/** One thing that happens. */
export type Step =
  /** The server's next frame, with placeholders. */
  | { readonly receive: string }
  | { readonly send: string }
  /** Base64. */
  | { readonly sendBinary: string }
  /** Published by somebody else on the same server. */
  | { readonly publish: { readonly channel: string; readonly data: unknown } }
  /** The server's next frame is its close; 1006 where the connection ends without one. */
  | { readonly close: { readonly code: number; readonly reason: string } }
  /** The answer instead of an upgrade; the only step of its transcript. */
  | { readonly refused: HttpRefusal };

/** An HTTP answer, its body with placeholders; headers that are not named may be any. */
export interface HttpRefusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One connection. */
export interface Transcript {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Options of the server it needs. */
  readonly env: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

/** A file of them. */
export interface Fixture {
  readonly profile: string;
  /** Where it is written that it must be so. */
  readonly source: string;
  readonly transcripts: readonly Transcript[];
}

/** What a placeholder stands for. */
const FORMS: Readonly<Record<string, string>> = {
  "<uuid>": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
  "<hex64>": "[0-9a-f]{64}",
  "<epoch>": "[0-9a-z]{8,64}",
  "<rfc3339>": String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`,
  "<iso>": String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
  "<ms>": String.raw`\d+`,
  "<number>": String.raw`\d+(?:\.\d+)?`,
  "<text>": '[^"]*',
};

/** Turns an expected text with placeholders into what the whole of a real one must match. */
export function patternOf(expected: string): RegExp {
  const pieces = expected.split(new RegExp(`(${Object.keys(FORMS).join("|")})`));
  const source = pieces.map((piece) =>
    FORMS[piece] ?? piece.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
  );
  return new RegExp(`^${source.join("")}$`);
}

/** Replays a transcript and fails at the first difference, or at a frame that it does not have. */
export async function replay({ url, headers, steps }: Transcript, dial: Dial): Promise<void> {
  const [first] = steps;
  if ("refused" in first) {
    assertEquals(steps.length, 1, "nothing follows a refusal");
    return await expectRefusal(first.refused, { url, headers, dial });
  }
  using peer = await RawPeer.connect(dial, { path: url, headers });
  const conversation = new Conversation(peer);
  for (const step of steps) await perform(step, conversation, dial);
  await conversation.expectNothingMore();
}

async function perform(step: Step, conversation: Conversation, dial: Dial): Promise<void> {
  if ("receive" in step) return await conversation.expectText(step.receive);
  if ("send" in step) return await conversation.send(OPCODE.text, step.send);
  if ("sendBinary" in step) {
    const bytes = Uint8Array.from(atob(step.sendBinary), (char) => char.charCodeAt(0));
    return await conversation.send(OPCODE.binary, bytes);
  }
  if ("publish" in step) {
    await conversation.settle(); // what was said before has been carried out
    return await publish(step.publish, dial);
  }
  if ("close" in step) return await conversation.expectClose(step.close);
  throw new TypeError(`Cannot replay a step: it is of no known kind: ${JSON.stringify(step)}`);
}

async function expectRefusal(
  { status, headers, body }: HttpRefusal,
  request: { url: string; headers: Readonly<Record<string, string>>; dial: Dial },
): Promise<void> {
  const answer = await ask(request.dial, {
    path: request.url,
    headers: { ...UPGRADE_HEADERS, ...request.headers },
  });
  assertEquals(answer.status, status, answer.body);
  for (const [name, value] of Object.entries(headers)) {
    assertEquals(answer.headers.get(name), value, name);
  }
  assertMatch(answer.body, patternOf(body));
}

/** Publishes as a json client and waits until it is done. */
async function publish({ channel, data }: { channel: string; data: unknown }, dial: Dial) {
  using publisher = await RawPeer.connect(dial, { path: "/ws/json" });
  await publisher.send({ type: "publish", channel, data, id: "done" });
  await publisher.message("published");
}

/** A connection whose frames may be read ahead. */
class Conversation {
  readonly #peer: RawPeer;
  /** Read, but not yet compared. */
  readonly #frames: Frame[] = [];
  #probes = 0;
  #ended = false;

  constructor(peer: RawPeer) {
    this.#peer = peer;
  }

  send(opcode: number, payload: string | Uint8Array): Promise<void> {
    return this.#peer.write(clientFrame(opcode, payload));
  }

  async expectText(expected: string): Promise<void> {
    const frame = this.#frames.shift() ?? await this.#read();
    if (frame === undefined) throw new Error(`TCP ended (${this.#peer.tcp}) before ${expected}`);
    const told = describe(frame);
    assertEquals(frame.opcode, OPCODE.text, `${told} came instead of ${expected}`);
    assertMatch(textOf(frame), patternOf(expected));
  }

  async expectClose({ code, reason }: { code: number; reason: string }): Promise<void> {
    const frame = this.#frames.shift() ?? await this.#read();
    this.#ended = true;
    if (code === 1006) {
      return assertEquals(frame && describe(frame), undefined, "expected no frame");
    }
    assert(frame?.opcode === OPCODE.close, `${frame && describe(frame)} came instead of a close`);
    assertEquals(closeOf(frame), { code, text: reason });
    await this.#peer.write(clientFrame(OPCODE.close, frame.payload)).catch(() => {}); // may be gone
    assertEquals(await this.#read(), undefined, "a close is the last frame");
  }

  async expectNothingMore(): Promise<void> {
    if (!this.#ended) await this.settle();
    assertEquals(this.#frames.map(describe), [], "more came than the transcript has");
  }

  /**
   * Waits until the server has done and sent all that what we said asked for. Its pong goes around
   * its send queue, which it flushes at the end of a turn: one round trip for the doing, one more
   * for the sending.
   */
  async settle(): Promise<void> {
    await this.#roundTrip();
    await this.#roundTrip();
  }

  async #roundTrip(): Promise<void> {
    const probe = `probe ${++this.#probes}`;
    await this.send(OPCODE.ping, probe);
    for (;;) {
      const frame = await this.#peer.read();
      if (frame === undefined) throw new Error(`TCP ended: ${this.#peer.tcp}`);
      if (frame.opcode === OPCODE.pong && textOf(frame) === probe) return;
      await this.#take(frame, (kept) => this.#frames.push(kept));
    }
  }

  /** The next frame that a transcript tells of. */
  async #read(): Promise<Frame | undefined> {
    let found: Frame | undefined;
    while (found === undefined) {
      const frame = await this.#peer.read();
      if (frame === undefined) return undefined;
      await this.#take(frame, (kept) => found = kept);
    }
    return found;
  }

  async #take(frame: Frame, keep: (frame: Frame) => void): Promise<void> {
    if (frame.opcode === OPCODE.ping) await this.send(OPCODE.pong, frame.payload);
    else if (frame.opcode !== OPCODE.pong) keep(frame);
  }
}

function describe(frame: Frame): string {
  if (frame.opcode === OPCODE.close) return `close ${JSON.stringify(closeOf(frame))}`;
  return `opcode ${frame.opcode} ${JSON.stringify(textOf(frame))}`;
}
