/**
 * Faults to plant in what connects several nodes.
 *
 * @module
 */

import type { Mutant } from "./list.ts";

export const NODE_MUTANTS: readonly Omit<Mutant, "isOfNodes">[] = [
  {
    name: "a hole of one message is not seen",
    file: "brokers/redis_channels.ts",
    find: "offset <= log.offset + 1;",
    replace: "offset <= log.offset + 2;",
  },
  {
    name: "what was read comes again over pub/sub",
    file: "brokers/redis_channels.ts",
    find: "      if (offset <= log.offset) return true; // it was read\n",
    replace: "",
  },
  {
    name: "the newest offsets are not compared",
    file: "brokers/redis_channels.ts",
    find: "        if (!isCurrent) void this.#catchUp(subscription);\n",
    replace: "        void isCurrent;\n",
  },
  {
    name: "a stream that could not be read is not read again",
    file: "brokers/redis_channels.ts",
    find: "    this.#failures.add(subscription);\n",
    replace: "",
  },
  {
    name: "who has left another node is not taken off",
    file: "brokers/redis_channels.ts",
    find: "        members.listener[message.kind](channel, message.has);\n",
    replace:
      '        if (message.kind === "joined") members.listener[message.kind](channel, message.has);\n',
  },
  {
    name: "a channel without subscribers stays subscribed in Redis",
    file: "brokers/redis_channels.ts",
    find:
      "    if (!this.#requested.delete(subscription)) subscription.engine?.unsubscribe(keys.live);\n",
    replace: "    this.#requested.delete(subscription);\n",
  },
  {
    name: "who comes from another node has more than this one",
    file: "hub/commands.ts",
    find: "broker.subscribe(channel, join.replay?.since)",
    replace: "broker.subscribe(channel)",
  },
  {
    name: "channels are not subscribed again after a reconnect",
    file: "brokers/redis.ts",
    find: "onConnected: (engine) => this.#channels.connected(engine),",
    replace: "onConnected: () => {},",
  },
  {
    name: "a lost node keeps its members",
    file: "brokers/redis.ts",
    find: "members.listener.gone(node)",
    replace: "void node",
  },
  {
    name: "a node that was taken for lost does not repeat its members",
    file: "brokers/redis_peers.ts",
    find: "        repeat();\n",
    replace: "",
  },
  {
    name: "no gap is due for what stayed at one node",
    file: "brokers/redis.ts",
    find: "    this.#dueGaps.add(channel);\n    this.#degraded++;",
    replace: "    this.#degraded++;",
  },
  {
    name: "publications do not wait for a connection that returns",
    file: "brokers/redis.ts",
    find: "        if (engine.returning !== undefined) await engine.returning;\n",
    replace: "",
  },
  {
    name: "the key of a publication is not given to the script",
    file: "brokers/redis.ts",
    find: "      key === undefined ? 0 : dedupeMs,\n",
    replace: "      0,\n",
  },
  {
    name: "what was written and not answered is sent again without a key",
    file: "brokers/redis.ts",
    find: "error.message.startsWith(NOT_WRITTEN)",
    replace: "/^(Reached|Stream)/.test(error.message)",
  },
  {
    name: "an epoch is proposed twice",
    file: "brokers/redis.ts",
    find: "(++this.#epochs)",
    replace: "this.#epochs",
  },
  {
    name: "the run of the primary is not looked at",
    file: "brokers/redis_engine.ts",
    find: "      this.run = run;\n",
    replace: '      this.run = run && "run";\n',
  },
  {
    name: "a connection that has fallen silent is kept",
    file: "brokers/redis_engine.ts",
    find: "    if (!isBack) return this.#reset();\n",
    replace: "    if (!isBack) return;\n",
  },
  {
    name: "a probe is sent before its name is subscribed",
    file: "brokers/redis_engine.ts",
    find: "if (this.run === undefined || !this.#isListening) return;",
    replace: "if (this.run === undefined || !this.isConnected) return;",
  },
  {
    name: "the subscribing connection outlives its node",
    file: "brokers/redis_engine.ts",
    find: "await Promise.all([driver.end(this.#commands), driver.end(this.#subscriber)]);",
    replace: "await driver.end(this.#commands);",
  },
  {
    name: "leases run while Redis is away",
    file: "brokers/leases.ts",
    find: "lease.counter !== counter || isInterrupted",
    replace: "lease.counter !== counter",
  },
];
