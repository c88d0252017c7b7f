/**
 * The load process: the other end of all connections of one server, apart from the server and from
 * the bench, so that its CPU time is in nobody's figures. Owns the clients; does what the JSON lines
 * on stdin ask (load_calls.ts) and ends with them.
 *
 * @module
 */

import { Crowd } from "./crowd.ts";
import { FanoutClients } from "./fanout_clients.ts";
import { type LoadCalls, type LoadReply, type LoadRequest, readJsonLines } from "./load_calls.ts";
import { OwnChannels } from "./own_channels.ts";
import { Resumes } from "./resumes.ts";

let fanout: FanoutClients | undefined;
let own: OwnChannels | undefined;
let resumes: Resumes | undefined;
const crowd = new Crowd();

function opened<Clients>(clients: Clients | undefined): Clients {
  if (clients === undefined) throw new TypeError("Cannot run: no clients are open");
  return clients;
}

async function answer(request: LoadRequest): Promise<LoadCalls[keyof LoadCalls]["answer"]> {
  switch (request.call) {
    case "openFanout":
      fanout = await FanoutClients.open(request.ask);
      return {};
    case "growFanout":
      await opened(fanout).growTo(request.ask.subscribers);
      return {};
    case "closedLoop":
      return await opened(fanout).closedLoop(request.ask);
    case "openLoop":
      return await opened(fanout).openLoop(request.ask);
    case "openOwn":
      own = await OwnChannels.open(request.ask);
      return {};
    case "runOwn":
      return await opened(own).run(request.ask);
    case "openResumes":
      resumes = await Resumes.open(request.ask);
      return {};
    case "connectResumes":
      await opened(resumes).connect(request.ask);
      return {};
    case "runResumes":
      return await opened(resumes).run();
    case "openCrowd": {
      const startMs = performance.now();
      await crowd.open(request.ask);
      return { elapsedMs: performance.now() - startMs };
    }
    case "countCrowd":
      return crowd.counts();
    case "closeCrowd":
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
