/**
 * The fan-out: one frame per broadcast and profile, queued for each of its receivers.
 *
 * @module
 */

import type { Broadcast, Publication, Relay } from "./message.ts";
import type { Profile } from "./profiles/profile.ts";
import type { Roster } from "./roster.ts";
import type { FrameText } from "./socket.ts";

/** Queues a broadcast for whom it concerns. @returns how many it looked at */
export function deliver(broadcast: Broadcast, roster: Roster, frameText: FrameText): number {
  return broadcast.kind === "relay"
    ? deliverRelay(broadcast, roster, frameText)
    : deliverPublication(broadcast, roster, frameText);
}

function deliverPublication(
  publication: Publication,
  roster: Roster,
  frameText: FrameText,
): number {
  const followers = roster.followersOf(publication.channel);
  const frames = new Map<Profile, Uint8Array | undefined>();
  let profile: Profile | undefined;
  let frame: Uint8Array | undefined;
  for (const member of followers) {
    if (member.profile !== profile) {
      profile = member.profile;
      if (!frames.has(profile)) {
        const text = profile.publication(publication);
        frames.set(profile, text === undefined ? undefined : frameText(text));
      }
      frame = frames.get(profile);
    }
    if (frame !== undefined) member.enqueue(frame);
  }
  return followers.size;
}

function deliverRelay({ profile, text, sender }: Relay, roster: Roster, frameText: FrameText) {
  const frame = frameText(text);
  for (const member of roster.members) {
    if (member.profile.name === profile && member.id !== sender) member.enqueue(frame);
  }
  return roster.size;
}
