import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../server/base/clock.ts";
import { Unavailable } from "../../server/brokers/broker.ts";
import { WorkerThread } from "../../server/threads/worker_thread.ts";
import { FAULTS } from "../support/threads/faults.ts";
import { within } from "../support/until.ts";

const entry = import.meta.resolve("../support/threads/failing_thread.ts");

/** Runs a thread, lets it fail, and waits for its end. @returns why it has ended */
async function failed(fault: string, node: string): Promise<string> {
  const thread = new WorkerThread({ entry, clock: systemClock, thread: "1", node });
  await within("its load", 30_000, thread.loaded);
  await assertRejects(() => thread.link.ask("nothing", undefined), Unavailable, "nobody answers");
  const asked = thread.link.ask("drain", undefined);
  void asked.catch(() => {});
  // Again and again: such a channel loses what it is given before its other end listens.
  const faults = new BroadcastChannel(FAULTS);
  const again = setInterval(() => faults.postMessage(`${fault} ${node}`), 20);
  const why = await within("its end", 30_000, thread.ended).finally(() => {
    clearInterval(again);
    faults.close();
  });
  thread.link.close();
  thread.terminate();
  return why;
}

Deno.test("WorkerThread that throws ends alone, with the error", async () => {
  assertStringIncludes(await failed("throw", "thread a"), "TypeError: told to fail");
});

Deno.test("WorkerThread that closes itself has ended", async () => {
  assertEquals(await failed("close", "thread b"), "it has ended by itself");
});
