import { assertEquals, assertMatch } from "@std/assert";
import { Delivery, DeliveryLedger } from "./delivery_ledger.ts";

const channel = "c";
const at = (offset: number, epoch = "e") => ({ epoch, offset });
const record = (number: number) => ({ channel, number });

/** What the ledger says of one subscriber. @param run gives it messages */
function faultsOf(run: (delivery: Delivery, ledger: DeliveryLedger) => void): string[] {
  const ledger = new DeliveryLedger();
  run(new Delivery(ledger, "s", { channel, ...at(0) }), ledger);
  return ledger.faults;
}

Deno.test("Delivery takes consecutive messages, and others once it was told of a gap", () => {
  const faults = faultsOf((delivery, ledger) => {
    for (const number of [1, 2]) delivery.take(record(number), at(number));
    ledger.acknowledge(record(2), at(2));
    delivery.take(record(9), undefined);
    delivery.gap();
    delivery.take(record(5), at(5));
    delivery.gap();
    delivery.take(record(6), at(1, "f"));
    assertEquals([delivery.gaps, delivery.has(at(1, "f")), delivery.has(at(2))], [2, true, false]);
    assertEquals([ledger.acknowledged, ledger.delivered, ledger.stayed], [1, 4, 1]);
  });
  assertEquals(faults, []);
});

const WRONG: { readonly [what: string]: (delivery: Delivery, ledger: DeliveryLedger) => void } = {
  "2 of e after 0 of e": (delivery) => delivery.take(record(2), at(2)),
  "1 of f after 0 of e": (delivery) => delivery.take(record(1), at(1, "f")),
  "0 of e after 1 of f": (delivery) => {
    delivery.gap();
    delivery.take(record(1), at(1, "f"));
    delivery.gap();
    delivery.take(record(2), at(0));
  },
  "1 of e after 1 of e": (delivery) => {
    for (let n = 0; n < 2; n++) delivery.take(record(1), at(1));
  },
  "one of d": (delivery) => delivery.take({ channel: "d", number: 1 }, at(1)),
  "c e 1: 1 and 2": (delivery, ledger) => {
    delivery.take(record(1), at(1));
    ledger.acknowledge(record(2), at(1));
  },
  "1 is twice: c e 1 and c e 2": (delivery) => {
    for (const offset of [1, 2]) delivery.take(record(1), at(offset));
  },
};

for (const [what, run] of Object.entries(WRONG)) {
  Deno.test(`Delivery tells of ${what}`, () => {
    const faults = faultsOf(run);
    assertEquals(faults.length, 1);
    assertMatch(faults[0], new RegExp(what));
  });
}

Deno.test("DeliveryLedger knows what nobody got", () => {
  const ledger = new DeliveryLedger();
  const delivery = new Delivery(ledger, "s", { channel, ...at(0) });
  for (const number of [1, 2, 3]) ledger.acknowledge(record(number), at(number));
  delivery.take(record(1), at(1));
  assertEquals([ledger.takeUnseen(2), ledger.takeUnseen(3)], [[2], [3]]);
});

Deno.test("DeliveryLedger takes a repeat for another message where ids may be lost", () => {
  const faults = faultsOf((delivery, ledger) => {
    ledger.mayRepeat = true;
    for (const offset of [1, 2]) delivery.take(record(1), at(offset));
  });
  assertEquals(faults, []);
});
