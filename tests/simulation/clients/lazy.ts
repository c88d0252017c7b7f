/**
 * A client of any system that answers no ping, and shows that it lives just in time: by what its system
 * counts, shortly before the deadline.
 *
 * @module
 */

import { type ClientKind, SimClient } from "../core/client.ts";
import type { Connection } from "../core/connection.ts";
import { credentialOf } from "../core/keys.ts";
import { silenceBoundsOf, timingOf } from "../core/profiles.ts";

/** What is kept back, ms: a tick may be 70 late without being a stall, and slots and timers add to it. */
const RESERVE_MS = 120;

const SYSTEMS = [
  { profile: "json", url: "/ws", life: "ping" },
  { profile: "json", url: "/ws", life: '{"type":"ping"}' },
  { profile: "events-hub", url: "/api/v1/ws/subscribe", life: "{}" },
  { profile: "infoway", url: "/ws?business=crypto", life: '{"code":10010}' },
  { profile: "tank", url: "/ws?user_id=lazy", life: "heartbeat" },
] as const;

export class LazyClient extends SimClient {
  readonly isWellBehaved = true;
  readonly isLazy = true;
  /** When it shows the next time that it lives. */
  nextBeatMs = Infinity;
  readonly #system = this.random.pick(SYSTEMS);

  start(): void {
    const isKeyed = this.simulation.config.auth.keys.length > 0;
    const authorization = `Bearer ${credentialOf("all")}`;
    const headers = { authorization, "x-api-key": credentialOf("all") };
    const { profile, url } = this.#system;
    const own = profile === "events-hub" ? { authorization } : headers;
    this.dial(url, isKeyed ? own : undefined);
    this.connection!.excuse("it answers no app ping", "frozen");
  }

  close(): void {
    this.connection?.send({ kind: "close", code: 1000, reason: "" });
  }

  protected override onOpen(connection: Connection): void {
    const { profile, life } = this.#system;
    const { env } = this.simulation.plan;
    const { staleMs, missedMs } = silenceBoundsOf(profile, env);
    const { jitterMs } = this.way;
    const everyMs = Math.min(staleMs, missedMs) - RESERVE_MS - 2 * jitterMs;
    if (everyMs < timingOf(profile, env).pongWaitMs / 2) {
      return connection.impair("its way is bad", "stale");
    }
    const beat = () => {
      if (!connection.isOpen) return;
      if (life === "ping") connection.send({ kind: "ping", payload: new Uint8Array(4) });
      else this.sendText(connection, life);
      this.nextBeatMs = this.simulation.nowMs + everyMs;
      this.script.after(everyMs, beat);
    };
    beat();
  }

  protected override onPing(): void {}
}

export const lazy: ClientKind = { weight: 4, create: (context) => new LazyClient(context) };
