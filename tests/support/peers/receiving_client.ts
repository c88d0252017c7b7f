/**
 * Clients of the five profiles on one server, each of whose frames is foreseen.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import type { ServerProcess } from "../server/server_process.ts";
import { aliasForm } from "./talo_forms.ts";
import { TextClient } from "./text_client.ts";
import { patternOf } from "./transcript.ts";

/** A client whose every frame is foreseen. */
export class ReceivingClient implements Disposable {
  readonly #client: TextClient;
  #foreseen = 0;

  private constructor(client: TextClient) {
    this.#client = client;
  }

  static async connect(
    server: ServerProcess,
    path: string,
    initialFrames: string,
  ): Promise<ReceivingClient> {
    const subscriber = new ReceivingClient(await TextClient.connect(new URL(path, server.url)));
    await subscriber.gets(initialFrames);
    return subscriber;
  }

  say(message: unknown): void {
    this.#client.send(message);
  }

  /** The next frame is this one, up to ids and times. */
  async gets(form: string): Promise<void> {
    this.#foreseen++;
    assertMatch(await this.#client.next(), patternOf(form));
  }

  /** Some frame from now on is this one, and the last, up to ids and times. */
  async getsLast(form: string): Promise<void> {
    while (!patternOf(form).test(await this.#client.next()));
    this.#foreseen = this.#client.texts.length;
  }

  gotNothingElse(): void {
    assertEquals(this.#client.texts.slice(this.#foreseen), []);
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

export async function ofJson(server: ServerProcess, channel: string): Promise<ReceivingClient> {
  const subscriber = await ReceivingClient.connect(
    server,
    "/ws",
    '{"type":"welcome","clientId":"<uuid>","pingPeriodMs":54000,"pongWaitMs":60000}',
  );
  subscriber.say({ type: "subscribe", channel });
  await subscriber.gets(
    `{"type":"subscribed","channel":"${channel}","epoch":"<epoch>","offset":<number>}`,
  );
  return subscriber;
}

/** Its subscription gets no answer: see `followedBy()`. */
export async function ofTank(server: ServerProcess, channel: string): Promise<ReceivingClient> {
  const hello = "Hello, alice! Welcome to WebSocket server.";
  const subscriber = await ReceivingClient.connect(server, "/ws?user_id=alice", hello);
  subscriber.say(`sub:${channel}`);
  return subscriber;
}

export async function ofEventsHub(server: ServerProcess): Promise<ReceivingClient> {
  return await ReceivingClient.connect(
    server,
    "/api/v1/ws/subscribe?event_types=pdfm",
    '{"id":"<hex64>","event_type":"global","timestamp":"<rfc3339>","message":"WebSocket ' +
      'connection established subscribed to global by default","body":{"client_id":"<uuid>",' +
      '"subscriptions":["pdfm","global"]}}',
  );
}

export async function ofInfoway(server: ServerProcess): Promise<ReceivingClient> {
  const initialFrames = '{"code":200,"msg":"ws connect success"}';
  const subscriber = await ReceivingClient.connect(
    server,
    "/ws?business=crypto&apikey=any",
    initialFrames,
  );
  subscriber.say({ code: 10000, trace: "t1", data: { codes: "BTCUSDT" } });
  await subscriber.gets('{"code":10001,"trace":"t1","msg":"ok"}');
  return subscriber;
}

export async function ofTalo(server: ServerProcess): Promise<ReceivingClient> {
  const initialFrames = '{"res":"v1.connected","data":{}}';
  const subscriber = await ReceivingClient.connect(server, "/game?ticket=any", initialFrames);
  subscriber.say({ req: "v1.players.identify", data: { playerAliasId: 7, socketToken: "any" } });
  await subscriber.gets(`{"res":"v1.players.identify.success","data":${aliasForm(7)}}`);
  return subscriber;
}

export const jsonForm = (channel: string, data: unknown): string =>
  `{"type":"message","channel":"${channel}","data":${
    JSON.stringify(data)
  },"timestamp":<ms>,"offset":<number>}`;
/** What is no string becomes a string of JSON. */
export const tankForm = (topic: string, data: unknown): string =>
  JSON.stringify({ topic, data: typeof data === "string" ? data : JSON.stringify(data) });
