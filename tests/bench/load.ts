/**
 * The load process: the other end of all connections, apart from the server and from the bench, so
 * that its CPU time is in nobody's figures. Owns the targets and the idle crowd; does what the JSON
 * lines on stdin ask (load_calls.ts) and ends with them.
 *
 * @module
 */

import { FanoutTarget } from "./fanout_target.ts";
import { IdleCrowd } from "./idle_crowd.ts";
import { type LoadCalls, type LoadReply, type LoadRequest, readJsonLines } from "./load_calls.ts";

const targets = new Map<string, FanoutTarget>();
const crowd = new IdleCrowd();

function targetNamed(name: string): FanoutTarget {
  const target = targets.get(name);
  if (target === undefined) throw new TypeError(`Cannot run: no target ${name} is open`);
  return target;
}

async function answer(request: LoadRequest): Promise<LoadCalls[keyof LoadCalls]["answer"]> {
  switch (request.call) {
    case "openTarget": {
      const target = await FanoutTarget.open(request.ask);
      targets.set(request.ask.target, target);
      return { deliveredText: await target.deliverOne() };
    }
    case "closedLoop":
      return await targetNamed(request.ask.target).closedLoop(request.ask);
    case "openLoop":
      return await targetNamed(request.ask.target).openLoop(request.ask);
    case "openIdle": {
      const startMs = performance.now();
      await crowd.open(request.ask.port, request.ask.clients);
      return { tookMs: performance.now() - startMs };
    }
    case "countIdle":
      return crowd.counts();
    case "closeIdle":
      crowd.close();
      return {};
  }
}

async function reply(request: LoadRequest): Promise<LoadReply> {
  try {
    return { kind: "answer", answer: await answer(request) };
  } catch (error) {
    return { kind: "failure", message: error instanceof Error ? error.message : String(error) };
  }
}

for await (const request of readJsonLines<LoadRequest>(Deno.stdin.readable)) {
  console.log(JSON.stringify(await reply(request)));
}
// The bench has gone; sockets still open would keep this process alive without it.
Deno.exit(0);
