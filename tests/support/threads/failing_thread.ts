/**
 * A thread of the server that fails when it is told to: see failing_threads.ts.
 *
 * @module
 */

import { runThread } from "../../../server/threads/thread.ts";
import { FAULTS } from "./faults.ts";

const { name } = globalThis as unknown as { readonly name: string };

new BroadcastChannel(FAULTS).onmessage = ({ data }) => {
  if (data === `throw ${name}`) setTimeout(() => fail("told to fail"));
  if (data === `close ${name}`) close();
  if (data === `loop ${name}`) { for (;;); }
};

function fail(why: string): never {
  throw new TypeError(why);
}

runThread();
