/**
 * What `node:http` of Deno before 2.7.13 lacks for upgrades, added from outside:
 *
 * - the peer's address: the socket of an upgrade has none (denoland/deno#30707), the one that the
 *   request had until then has it;
 * - a choice which requests are upgrades: every `Upgrade` header is taken for one, so that a client that
 *   offers h2c (`curl --http2`, Java's HttpClient) would get no answer.
 *
 * In these versions the last thing that happens before an upgrade is that the server counts its own
 * `upgrade` listeners, and the newest event emitter is then the request. Newer versions are left as they
 * are: 2.7.13 to 2.8 have the address, and may answer h2c with an error; 2.9 has both.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { Socket as NetSocket } from "node:net";

/** `EventEmitter.init` is called by every constructor of an emitter; it is not in the types. */
const Emitter = EventEmitter as unknown as { init: (this: object, ...args: unknown[]) => void };

let newestEmitter: unknown;
let isHooked = false;

const [MAJOR, MINOR, PATCH] = Deno.version.deno.split(/[.+-]/).map(Number);

function isAtLeast(minor: number, patch: number): boolean {
  return MAJOR > 2 || MINOR > minor || (MINOR === minor && PATCH >= patch);
}

/**
 * Whether the socket of an upgrade can send another answer than `101`. Before 2.7.5 it cannot: a
 * rejected client is then accepted and told the reason in a close frame.
 */
export const CAN_REJECT_UPGRADES: boolean = isAtLeast(7, 5);

/**
 * Whether a write to a socket that has nothing else to write is done when the call returns. Before
 * 2.7.13 it is done in a later turn.
 */
export const WRITES_AT_ONCE: boolean = isAtLeast(7, 13);

/** Whether several servers may listen on one port: before 2.7.14 `reusePort` has no effect. */
export const CAN_SHARE_PORT: boolean = isAtLeast(7, 14);

/**
 * Adds to a server what its version of Deno lacks.
 *
 * @param isUpgrade whether a request asks for an upgrade that the server performs
 */
export function completeUpgrades(
  server: Server,
  isUpgrade: (request: IncomingMessage) => boolean,
): void {
  if (isAtLeast(7, 13)) return;
  hookEmitters();
  const { listenerCount } = server;
  let address: string | undefined;
  server.listenerCount = (name: string | symbol, ...rest: unknown[]): number => {
    if (name === "upgrade" && newestEmitter instanceof EventEmitter) {
      const request = newestEmitter as unknown as IncomingMessage;
      newestEmitter = undefined;
      if (!isUpgrade(request)) return 0; // then it is handled as a normal request
      address = request.socket?.remoteAddress;
    }
    return Reflect.apply(listenerCount, server, [name, ...rest]);
  };
  server.prependListener("upgrade", (_request, raw) => {
    const { remoteAddress } = raw as NetSocket;
    if (remoteAddress !== undefined) return;
    Object.defineProperty(raw, "remoteAddress", { value: address });
  });
}

function hookEmitters(): void {
  if (isHooked) return;
  isHooked = true;
  const { init } = Emitter;
  Emitter.init = function (...args) {
    newestEmitter = this;
    init.apply(this, args);
  };
}
