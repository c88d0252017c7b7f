/**
 * What every Broker must do. Run by each implementation's own test.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Broker } from "../../server/brokers/broker.ts";
import type { Broadcast, Publication } from "../../server/message.ts";

/** Makes a broker and waits until what has been published so far has been delivered. */
export interface BrokerSubject {
  readonly make: () => Broker;
  readonly settle: () => Promise<void>;
}

/** Registers the tests. @param name of the implementation */
export function testBroker(name: string, { make, settle }: BrokerSubject): void {
  const publication = (data: unknown): Publication => (
    { kind: "publication", channel: "c", data, timestamp: 1 }
  );

  Deno.test(`${name} delivers what is published, in order, to its own hub too`, async () => {
    const broker = make();
    const delivered: Broadcast[] = [];
    await broker.start((each) => void delivered.push(each));
    const sent = [1, null, "two", { three: [3] }].map(publication);
    for (const each of sent) broker.publish(each);
    await settle();
    assertEquals(delivered, sent);
    await broker.close();
  });

  Deno.test(`${name} delivers nothing before start() and after close(), and throws neither`, async () => {
    const broker = make();
    const delivered: Broadcast[] = [];
    broker.publish(publication("early"));
    await broker.start((each) => void delivered.push(each));
    await broker.close();
    await broker.close();
    broker.publish(publication("late"));
    await settle();
    assertEquals(delivered, []);
  });
}
