/** A client of the talo system: a player who has identified and talks in channels. */

import type { ClientKind } from "../core/client.ts";
import { HEARTBEAT_MS } from "../core/profiles.ts";
import { type Driver, ForeignClient } from "../core/foreign_client.ts";
import { credentialOf } from "../core/keys.ts";

function driverOf(alias: number): Driver {
  const socketToken = credentialOf("all");
  return {
    request: ({ credential }) => ({
      url: credential === undefined ? "/?ticket=t" : "/ws/talo",
      ...(credential !== undefined && { headers: { "x-api-key": credential } }),
    }),
    channels: ["channels/7", "channels/8"],
    heartbeat: { text: "v1.heartbeat", everyMs: HEARTBEAT_MS.talo },
    subscribe: () => [
      JSON.stringify({ req: "v1.players.identify", data: { playerAliasId: alias, socketToken } }),
    ],
    publish: (channel, data) =>
      JSON.stringify({
        req: "v1.channels.message",
        data: { channel: { id: Number(channel.split("/")[1]) }, message: data },
      }),
    hear: (text) => {
      if (!text.startsWith("{")) return { kind: "other" };
      const { res, data } = JSON.parse(text);
      if (res !== "v1.channels.message") return { kind: "other" };
      return { kind: "message", channel: `channels/${data.channel.id}`, data: data.message };
    },
  };
}

export const talo: ClientKind = {
  weight: 2,
  create: (context) => new ForeignClient(context, driverOf(100 + context.index)),
};
