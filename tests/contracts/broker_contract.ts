/**
 * What every Broker must do. Run by each implementation's own test.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Broker } from "../../server/brokers/broker.ts";
import type { Broadcast, Publication } from "../../server/message.ts";

/** A broker, and what a test needs of its surroundings. */
export interface BrokerUnderTest {
  readonly broker: Broker;
  /** Resolves when all that was published is delivered. */
  readonly settle: () => Promise<void>;
  /** Ends the surroundings. */
  readonly end: () => Promise<void>;
}

/** Registers the tests. @param name of the implementation */
export function testBroker(name: string, make: () => Promise<BrokerUnderTest>): void {
  const publication = (data: string): Publication => (
    { kind: "publication", channel: "off/c", data, timestamp: 1, by: "me", offset: undefined }
  );

  Deno.test(`${name} delivers publications in order, also to its own hub`, async () => {
    const { broker, settle, end } = await make();
    const delivered: Broadcast[] = [];
    await broker.start((each) => void delivered.push(each));
    await broker.subscribe("off/c");
    const sent = ["1", "null", '"two"', '{"three":[3.0,\n"\u20ac"]}'].map(publication);
    await Promise.all(sent.map((each) => broker.publish(each)));
    await settle();
    assertEquals(delivered, sent);
    await broker.close();
    await end();
  });

  Deno.test(`${name} delivers relayed texts`, async () => {
    const { broker, settle, end } = await make();
    const delivered: Broadcast[] = [];
    await broker.start((each) => void delivered.push(each));
    const relay = { kind: "relay", profile: "tank", text: "a\nb", sender: "s" } as const;
    broker.relay(relay);
    await settle();
    assertEquals(delivered, [relay]);
    await broker.close();
    await end();
  });

  Deno.test(`${name} delivers nothing before start() and after close(), and throws neither`, async () => {
    const { broker, settle, end } = await make();
    const delivered: Broadcast[] = [];
    await broker.publish(publication("early"));
    await broker.start((each) => void delivered.push(each));
    await broker.subscribe("off/c");
    await broker.close();
    await broker.close();
    await broker.publish(publication("late"));
    await settle();
    assertEquals(delivered, []);
    await end();
  });
}
