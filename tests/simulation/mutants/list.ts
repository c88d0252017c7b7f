/**
 * Faults to plant: each changes one place of the real code, as a slip of a hand would.
 *
 * @module
 */

import { NODE_MUTANTS } from "./nodes.ts";

export interface Mutant {
  /** What goes wrong. */
  readonly name: string;
  /** In `server/`. */
  readonly file: string;
  /** Stands there once. */
  readonly find: string;
  readonly replace: string;
  /** Whether it is in what connects several nodes: seeds with one are left out, else those with several. */
  readonly isOfNodes?: boolean;
}

export const MUTANTS: readonly Mutant[] = [
  ...NODE_MUTANTS.map((mutant) => ({ ...mutant, isOfNodes: true })),
  {
    name: "a ping that is sent extends the deadline",
    file: "client/heartbeat_timer.ts",
    find: "    health.pinged(nowMs);\n",
    replace: "    health.pinged(nowMs);\n    this.#connection.heartbeat.touch(nowMs);\n",
  },
  {
    name: "a stall counts as silence",
    file: "liveness/wheel.ts",
    find: "    this.#stalledMs += lateMs;\n",
    replace: "",
  },
  {
    name: "no grace after a stall",
    file: "liveness/wheel.ts",
    find: "    this.#graceMs = Math.min(GRACE_MS, this.#graceMs + lateMs);\n",
    replace: "",
  },
  {
    name: "a heartbeat counts as missed one too early",
    file: "liveness/heartbeat.ts",
    find: "rules.pingPeriodMs + rules.missedHeartbeats * rules.heartbeatTimeoutMs",
    replace: "rules.pingPeriodMs + (rules.missedHeartbeats - 1) * rules.heartbeatTimeoutMs",
  },
  {
    name: "the deadline counts from the last ping of the node",
    file: "liveness/heartbeat.ts",
    find: '(silenceFrom === "life" ? this.#lastActivityMs : this.#pingedMs) + pongWaitMs',
    replace: "(this.#pingedMs < Infinity ? this.#pingedMs : this.#lastActivityMs) + pongWaitMs",
  },
  {
    name: "every frame keeps an infoway connection alive",
    file: "profiles/infoway/infoway.ts",
    find: "      framesAreLife: false,",
    replace: "      framesAreLife: true,",
  },
  {
    name: "a talo connection is ended a period after its last sign of life",
    file: "profiles/talo/talo.ts",
    find: '    silenceFrom: "ping",',
    replace: '    silenceFrom: "life",',
  },
  {
    name: "tank waits longer for a pong than it says",
    file: "profiles/tank/definition.ts",
    find: "pongWaitMs: 15_000",
    replace: "pongWaitMs: 16_000",
  },
  {
    name: "a control pong is no sign of life",
    file: "read_pump.ts",
    find: "    if (!this.#admit(heartbeat.rules.pongsAreLife, wheelMs)) return;",
    replace: "    if (!this.#admit(false, wheelMs)) return;",
  },
  {
    name: "a connection that was read again is not given its time anew",
    file: "liveness/heartbeat.ts",
    find: "    this.#suspended = false;\n    this.touch(nowMs);\n",
    replace: "",
  },
  {
    name: "a replay begins one message too late",
    file: "hub/history_page.ts",
    find: "return { from: since.offset + 1, recovered };",
    replace: "return { from: since.offset + 2, recovered };",
  },
  {
    name: "a replay repeats the last message",
    file: "hub/history_page.ts",
    find: "return { from: since.offset + 1, recovered };",
    replace: "return { from: since.offset, recovered };",
  },
  {
    name: "a place of another epoch counts as recovered",
    file: "hub/history_page.ts",
    find: "since.epoch === epoch &&",
    replace: "",
  },
  {
    name: "a replay that meets an eviction tells no gap",
    file: "hub/replays.ts",
    find:
      '    const queued = text === undefined ? "queued" : subscriber.writePump.replay(textFrame(text));',
    replace:
      '    const queued = text === undefined ? "queued" : "queued" as "queued" | "full" | "closed";',
  },
  {
    name: "who catches up gets live messages, too",
    file: "hub/fan_out.ts",
    find: "frame === undefined || others?.has(subscriber)",
    replace: "frame === undefined",
  },
  {
    name: "a replay that is done stays left out",
    file: "hub/replays.ts",
    find: '        case "live":\n          this.stop(subscriber, cursor.channel);\n',
    replace: '        case "live":\n          connection.cursors.delete(cursor.channel);\n',
  },
  {
    name: "a history keeps one message more than it may",
    file: "brokers/memory_history.ts",
    find: "log.length >= this.#options.historyMessages",
    replace: "log.length > this.#options.historyMessages",
  },
  {
    name: "old messages stay in the history",
    file: "brokers/channel_log.ts",
    find: "this.length === 0 ? Infinity : this.#times[this.#head]",
    replace: "Infinity",
  },
  {
    name: "a repeated publication is delivered again",
    file: "brokers/memory.ts",
    find: "    if (!placed.duplicate) this.#deliver(publication);",
    replace: "    this.#deliver(publication);",
  },
  {
    name: "the ids of a session are forgotten with its connection",
    file: "hub/publication_key.ts",
    find: 'if (session === undefined) return keyOf("connection", connection, id);',
    replace: 'if (session === undefined || session) return keyOf("connection", connection, id);',
  },
  {
    name: "a connection that ends stays in the registry",
    file: "client.ts",
    find: '    hub.tell({ kind: "leave", subscriber: this });\n',
    replace: "",
  },
  {
    name: "a subscriber that ends stays on its channels",
    file: "hub/subscription_registry.ts",
    find:
      "    for (const channel of this.channelsOf(subscriber)) this.#unlink(subscriber, channel);\n",
    replace: "",
  },
  {
    name: "an unsubscribed client still gets messages",
    file: "hub/subscription_registry.ts",
    find:
      "if (this.#channelsOf.get(subscriber)?.delete(channel)) this.#unlink(subscriber, channel);",
    replace: "this.#channelsOf.get(subscriber)?.delete(channel);",
  },
  {
    name: "a send queue has no bound",
    file: "client/send_queue.ts",
    find:
      "return !this.isStuck && this.#queuedBytes + bytes <= FRESH_QUEUES * this.#options.queueBytes;",
    replace: "return true;",
  },
  {
    name: "what is dropped stays in the budget",
    file: "client/send_queue.ts",
    find: "    this.#options.budget.release(this.pendingBytes);\n",
    replace: "",
  },
  {
    name: "a write that never drains ends no connection",
    file: "client/heartbeat_timer.ts",
    find: "if (mayExpire && nowMs >= writingSinceMs + writeWaitMs) {",
    replace: "if (mayExpire && nowMs >= writingSinceMs + 10 * writeWaitMs) {",
  },
  {
    name: "a slow consumer is ended for overload",
    file: "client.ts",
    find: 'this.close("slow_consumer");',
    replace: 'this.close("overload");',
  },
  {
    name: "a second reason replaces the first",
    file: "client.ts",
    find: "    const reason = this.#reason ??= byPeer",
    replace: "    const reason = this.#reason = byPeer",
  },
  {
    name: "anybody may publish",
    file: "read_pump.ts",
    find: "      if (!rights.mayPublish(channel)) return channel;\n",
    replace: "",
  },
  {
    name: "anybody may subscribe",
    file: "read_pump.ts",
    find: "return command.channels.find((channel) => !rights.maySubscribe(channel));",
    replace: "return undefined;",
  },
  {
    name: "a new token with fewer rights ends no subscription",
    file: "hub/commands.ts",
    find: "      if (maySubscribe(channel)) continue;\n",
    replace: "      if (maySubscribe(channel) || channel) continue;\n",
  },
  {
    name: "a token does not end",
    file: "client/credential_expiry.ts",
    find: "return nowMs >= this.#expiresAtMs;",
    replace: "return nowMs >= this.#expiresAtMs + 60_000;",
  },
  {
    name: "a suspended key comes in",
    file: "auth/authenticator.ts",
    find: 'if (await suspensions.isSuspended(grant.keyId ?? "")) {',
    replace: 'if (!await suspensions.isSuspended(grant.keyId ?? "") && false) {',
  },
  {
    name: "the limit of connections of a key is one too high",
    file: "auth/key_connections.ts",
    find: "{ counted: most, uncounted: most }",
    replace: "{ counted: most + 1, uncounted: most + 1 }",
  },
  {
    name: "a permit is not given back",
    file: "transport/upgrade.ts",
    find: "    this.#permit.release();\n    quotas.leave",
    replace: "    quotas.leave",
  },
  {
    name: "floods are not limited",
    file: "read_pump.ts",
    find: "if (flood.take(this.#options.clock.now())) return true;",
    replace: "if (flood.take(this.#options.clock.now()) || true) return true;",
  },
  {
    name: "a drain leaves out the first connection",
    file: "drain.ts",
    find: "for (let next = 0; next < leavers.length",
    replace: "for (let next = 1; next < leavers.length",
  },
  {
    name: "connections come in during a drain",
    file: "drain.ts",
    find: "  upgrader.drain();\n",
    replace: "",
  },
  {
    name: "a ping is left out after each",
    file: "liveness/heartbeat.ts",
    find: "while (this.#nextPingMs <= nowMs) this.#nextPingMs += periodMs;",
    replace: "while (this.#nextPingMs <= nowMs) this.#nextPingMs += 2 * periodMs;",
  },
  {
    name: "a publisher that was held is forgotten",
    file: "hub/held_commands.ts",
    find: "      admit: () => this.#goOn(subscriber, this.#options.execute),",
    replace: "      admit: () => {},",
  },
  {
    name: "what a window holds waits for the next write",
    file: "write_pump.ts",
    find: "    if (this.#queue.length > 0) this.#mark();\n  }\n\n  /** Writes all",
    replace: "  }\n\n  /** Writes all",
  },
  {
    name: "a frozen script is not noticed",
    file: "liveness/liveness.ts",
    find: "    this.#answersAppPings = true;\n",
    replace: "",
  },
  {
    name: "the library does not subscribe again",
    file: "sdk/session.ts",
    find: "for (const frame of this.subscriptions.restore(isNext())) connection.send(frame);",
    replace:
      "if (this.#scheduler.attempts === 0) for (const frame of this.subscriptions.restore(isNext())) connection.send(frame);",
  },
  {
    name: "the library comes back before it may",
    file: "sdk/retry_policy.ts",
    find: "afterMs: waitOf(afterMs) };",
    replace: "afterMs: waitOf(afterMs) / 2 };",
  },
  {
    name: "the library never times out",
    file: "sdk/heartbeat_monitor.ts",
    find: "    if (nowMs >= this.#deadlineMs) return this.#callbacks.timeout();\n",
    replace: "",
  },
  {
    name: "the library leaves a timer behind",
    file: "sdk/heartbeat_monitor.ts",
    find: "  stop(): void {\n    this.#cancel();\n",
    replace: "  stop(): void {\n",
  },
  {
    name: "the library tells no gap",
    file: "sdk/channel_position.ts",
    find: "const mayMiss = since !== undefined || this.#isEarly;",
    replace: "const mayMiss = false;",
  },
  {
    name: "the library asks for one message too few",
    file: "sdk/channel_position.ts",
    find: "    return { since: this.current, last: this.#last || undefined };",
    replace:
      "    const { current } = this;\n    return { since: current && { ...current, offset: current.offset + 1 }, last: this.#last || undefined };",
  },
  {
    name: "a member leaves without grace",
    file: "hub/presence.ts",
    find: "    member.leavesAtMs = wheel.now() + presenceGraceMs;",
    replace: "    member.leavesAtMs = wheel.now() + presenceGraceMs / 4;",
  },
  {
    name: "a member that returns leaves nevertheless",
    file: "hub/presence.ts",
    find: `    const { member } = subscription;
    if (this.#leaving.delete(member)) this.#leavingBytes -= sizeOf(member);`,
    replace: "    const { member } = subscription;",
  },
  {
    name: "a member never leaves when its connection ends",
    file: "hub/presence.ts",
    find: "    for (const channel of subscriptions?.keys() ?? []) this.end(subscriber, channel);",
    replace: "    void subscriptions;",
  },
  {
    name: "each subscription of a member joins",
    file: "hub/presence.ts",
    find: 'return isNew ? this.#announce("joined", member) : 0;',
    replace: 'return this.#announce("joined", member) + (isNew ? 0 : 0);',
  },
  {
    name: "the library does not send again what had no answer",
    file: "sdk/outbox.ts",
    find: "      else if (sender && sentOn === sender) continue;",
    replace: "      else if (sender && sentOn) continue;",
  },
  {
    name: "a stall prolongs a token",
    file: "client/heartbeat_timer.ts",
    find: "return dueMs === Infinity ? undefined : sinceMs + dueMs - this.#options.clock.wall();",
    replace: "return dueMs === Infinity || sinceMs ? undefined : sinceMs;",
  },
];
