/**
 * What the nodes say to each other through Redis: the texts that are published on a channel and kept in
 * its stream. A text is a line of fields, and the payload after it, as the publisher wrote it. Pure.
 *
 * @module
 */

import type { Position, Publication, Relay } from "../message.ts";
import type { NodeMember } from "./shared_members.ts";

/** The epoch of a publication on a channel that keeps no history. */
const NO_EPOCH = "-";

/** A text that was published on a channel. */
export type LiveMessage =
  /** The epoch is undefined where the channel keeps no history. */
  | {
    readonly kind: "publication";
    readonly epoch: string | undefined;
    readonly publication: Publication;
  }
  /** Publications reached the subscribers of another node alone, on a channel that keeps no history. */
  | { readonly kind: "gap" }
  /** The same on one that does. It has a place, so that who was away is told, too. */
  | ({ readonly kind: "keptGap" } & Position)
  /** How the members of the channel have changed. */
  | { readonly kind: "joined" | "left"; readonly has: NodeMember }
  /** The messages up to an offset were removed. */
  | { readonly kind: "cleared"; readonly epoch: string; readonly offset: number };

/** The part of a publication that its publisher knows; the script puts epoch, offset and time before it. */
export function publicationText({ by, data }: Publication): string {
  return `${by === undefined ? "" : JSON.stringify(by)}\n${data}`;
}

/** The text of a publication on a channel that keeps no history. */
export function unkeptText(publication: Publication): string {
  return `${NO_EPOCH} 0 ${publication.timestamp} ${publicationText(publication)}`;
}

/** The text that tells of a gap; where it is kept, the script puts epoch, offset and time before it. */
export const GAP_TEXT = "!gap\n";

/** The text that tells of a member. */
export function memberText(kind: "joined" | "left", has: NodeMember): string {
  return `!${kind}\n${JSON.stringify(has)}`;
}

/** Reads a text. @param channel that it was published on */
export function parseLive(channel: string, text: string): LiveMessage {
  const end = text.indexOf("\n");
  if (text.startsWith("!")) return parseControl(text.slice(1, end), text.slice(end + 1));
  const afterEpoch = text.indexOf(" ");
  const afterOffset = text.indexOf(" ", afterEpoch + 1);
  const afterTime = text.indexOf(" ", afterOffset + 1);
  const epoch = text.slice(0, afterEpoch);
  const isKept = epoch !== NO_EPOCH;
  const offset = Number(text.slice(afterEpoch + 1, afterOffset));
  if (text.startsWith(GAP_TEXT, afterTime + 1)) return { kind: "keptGap", epoch, offset };
  return {
    kind: "publication",
    epoch: isKept ? epoch : undefined,
    publication: {
      kind: "publication",
      channel,
      data: text.slice(end + 1),
      timestamp: Number(text.slice(afterOffset + 1, afterTime)),
      by: end === afterTime + 1 ? undefined : JSON.parse(text.slice(afterTime + 1, end)),
      offset: isKept ? offset : undefined,
    },
  };
}

function parseControl(fields: string, rest: string): LiveMessage {
  const [kind, epoch, offset] = fields.split(" ");
  switch (kind) {
    case "joined":
    case "left":
      return { kind, has: JSON.parse(rest) };
    case "cleared":
      return { kind, epoch, offset: Number(offset) };
    default:
      return { kind: "gap" };
  }
}

export function relayText({ profile, text, sender }: Relay): string {
  return JSON.stringify([profile, sender, text]);
}

export function parseRelay(relayed: string): Relay {
  const [profile, sender, text] = JSON.parse(relayed);
  return { kind: "relay", profile, text, sender };
}
