/**
 * The fan-out: one frame per broadcast and profile, queued for each of its receivers.
 *
 * @module
 */

import type { Broadcast, Publication, Relay } from "../message.ts";
import type { Profile } from "../profiles/profile.ts";
import type { Roster } from "./subscription_registry.ts";
import type { FrameText } from "../transport/socket.ts";

/** So many bytes of a frame weigh as much as one of its receivers. */
const BYTES_PER_RECEIVER = 16;

/** Queues a broadcast for whom it concerns. @returns how many it looked at, and what its frames weigh */
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
  let bytes = 0;
  for (const member of followers) {
    if (member.profile !== profile) {
      profile = member.profile;
      if (!frames.has(profile)) {
        const text = profile.publication(publication);
        frame = text === undefined ? undefined : frameText(text);
        bytes += frame?.length ?? 0;
        frames.set(profile, frame);
      }
      frame = frames.get(profile);
    }
    if (frame !== undefined) member.enqueue(frame);
  }
  return followers.size + bytes / BYTES_PER_RECEIVER;
}

function deliverRelay({ profile, text, sender }: Relay, roster: Roster, frameText: FrameText) {
  const frame = frameText(text);
  for (const member of roster.members) {
    if (member.profile.name === profile && member.id !== sender) member.enqueue(frame);
  }
  return roster.size + frame.length / BYTES_PER_RECEIVER;
}
