/**
 * What every Broker must do. Run by each implementation's own test.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Broker } from "../../server/brokers/broker.ts";
import type { Broadcast, Publication } from "../../server/message.ts";

/** How to make a broker, and how to wait until all publications so far are delivered. */
export interface BrokerSubject {
  readonly make: () => Broker;
  readonly settle: () => Promise<void>;
}

/** Registers the tests. @param name of the implementation */
export function testBroker(name: string, { make, settle }: BrokerSubject): void {
  const publication = (data: string): Publication => (
    { kind: "publication", channel: "c", data, timestamp: 1 }
  );

  Deno.test(`${name} delivers publications in order, also to its own hub`, async () => {
    const broker = make();
    const delivered: Broadcast[] = [];
    await broker.start((each) => void delivered.push(each));
    const sent = ["1", "null", '"two"', '{"three":[3.0]}'].map(publication);
    for (const each of sent) broker.publish(each);
    await settle();
    assertEquals(delivered, sent);
    await broker.close();
  });

  Deno.test(`${name} delivers nothing before start() and after close(), and throws neither`, async () => {
    const broker = make();
    const delivered: Broadcast[] = [];
    await broker.publish(publication("early"));
    await broker.start((each) => void delivered.push(each));
    await broker.close();
    await broker.close();
    await broker.publish(publication("late"));
    await settle();
    assertEquals(delivered, []);
  });
}
