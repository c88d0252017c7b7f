/**
 * The fan-out: one frame per broadcast and profile, queued for each of its receivers.
 *
 * @module
 */

import type { Broadcast, Publication, Relay } from "../message.ts";
import type { Profile } from "../profiles/profile.ts";
import type { SubscriptionRegistry } from "./subscription_registry.ts";
import type { FrameText } from "../transport/socket.ts";

/** So many bytes of a frame weigh as much as one of its receivers. */
const BYTES_PER_RECEIVER = 16;

/** Queues a broadcast for whom it concerns. @returns how many it looked at, and what its frames weigh */
export function deliver(
  broadcast: Broadcast,
  registry: SubscriptionRegistry,
  frameText: FrameText,
): number {
  return broadcast.kind === "relay"
    ? deliverRelay(broadcast, registry, frameText)
    : deliverPublication(broadcast, registry, frameText);
}

function deliverPublication(
  publication: Publication,
  registry: SubscriptionRegistry,
  frameText: FrameText,
): number {
  const followers = registry.subscribersOf(publication.channel);
  const frames = new Map<Profile, Uint8Array | undefined>();
  let profile: Profile | undefined;
  let frame: Uint8Array | undefined;
  let bytes = 0;
  for (const subscriber of followers) {
    if (subscriber.profile !== profile) {
      profile = subscriber.profile;
      if (!frames.has(profile)) {
        const text = profile.publication(publication);
        frame = text === undefined ? undefined : frameText(text);
        bytes += frame?.length ?? 0;
        frames.set(profile, frame);
      }
      frame = frames.get(profile);
    }
    if (frame !== undefined) subscriber.enqueue(frame);
  }
  return followers.size + bytes / BYTES_PER_RECEIVER;
}

function deliverRelay(
  { profile, text, sender }: Relay,
  registry: SubscriptionRegistry,
  frameText: FrameText,
) {
  const frame = frameText(text);
  for (const subscriber of registry.subscribers) {
    if (subscriber.profile.name === profile && subscriber.id !== sender) subscriber.enqueue(frame);
  }
  return registry.size + frame.length / BYTES_PER_RECEIVER;
}
