/**
 * What the routes that read a channel have in common: the right to subscribe to it opens them, and a
 * request counts as a message of its key.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Quotas } from "../auth/quotas.ts";
import type { Clock } from "../base/clock.ts";
import { problem, tooMany } from "../base/problem.ts";
import type { Middleware } from "./caller.ts";
import { authErrors, problemResponses, type Responses } from "./description.ts";

export interface ChannelReaderOptions {
  readonly clock: Clock;
  readonly quotas: Pick<Quotas, "take">;
}

/** The error responses that these routes have in common. */
export const READER_ERRORS: Responses = {
  ...problemResponses({
    429: "more than the key's maxMessagesPerMinute; Retry-After says when to retry",
  }),
  ...authErrors("the key lacks the right to subscribe to this channel"),
};

/** Requires the right to subscribe to the channel in the path. Behind `anyKey()`. */
export function channelReader({ clock, quotas }: ChannelReaderOptions): Middleware {
  return async ({ req, var: { grant } }, next) => {
    const channel = req.param("channel") ?? "";
    if (!grant.rights.maySubscribe(channel)) {
      const detail = `this key has no right to subscribe to ${JSON.stringify(channel)}`;
      return problem(STATUS_CODE.Forbidden, detail);
    }
    const waitMs = await quotas.take(grant, clock.now());
    return waitMs > 0 ? tooMany("messages of this key", waitMs) : await next();
  };
}
