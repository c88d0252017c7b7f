/**
 * The fan-out: one frame for each broadcast and profile, queued for each receiver.
 *
 * @module
 */

import { assertNever } from "../base/errors.ts";
import type { Broadcast, Gap, Publication, Relay } from "../message.ts";
import type { Profile } from "../profiles/profile.ts";
import { textFrame } from "../transport/text_frame.ts";
import type { LeftOut } from "./left_out.ts";
import { type PublishGate, relayTarget } from "./publish_gate.ts";
import type { SubscriptionRegistry } from "./subscription_registry.ts";

/** So many bytes of a frame weigh as much as one of its receivers. */
export const BYTES_PER_RECEIVER = 16;

/** Whom a broadcast reaches, and who is told how they keep up. */
export interface Receivers {
  readonly registry: SubscriptionRegistry;
  readonly gate: PublishGate;
  readonly leftOut: LeftOut;
}

/** Queues a broadcast for its receivers. @returns the work: connections looked at, and frame bytes */
export function deliver(broadcast: Broadcast, receivers: Receivers): number {
  switch (broadcast.kind) {
    case "publication":
      return deliverPublication(broadcast, receivers);
    case "relay":
      return deliverRelay(broadcast, receivers);
    case "gap":
      return deliverGap(broadcast, receivers);
    default:
      assertNever(broadcast);
  }
}

function deliverPublication(
  publication: Publication,
  { registry, gate, leftOut }: Receivers,
): number {
  const { count } = gate;
  const others = leftOut.on(publication.channel);
  const subscribers = registry.subscribersOf(publication.channel);
  const frames = new Map<Profile, Uint8Array | undefined>();
  let profile: Profile | undefined;
  let frame: Uint8Array | undefined;
  let bytes = 0;
  count.start();
  for (const subscriber of subscribers) {
    if (subscriber.profile !== profile) {
      profile = subscriber.profile;
      if (!frames.has(profile)) {
        const text = profile.publication(publication);
        frame = text === undefined ? undefined : textFrame(text);
        bytes += frame?.length ?? 0;
        frames.set(profile, frame);
      }
      frame = frames.get(profile);
    }
    if (frame === undefined || others?.has(subscriber)) continue;
    subscriber.writePump.enqueue(frame);
    count.add(subscriber.writePump.pace);
  }
  gate.delivered(publication.channel);
  return subscribers.size + bytes / BYTES_PER_RECEIVER;
}

function deliverRelay(
  { profile, text, sender }: Relay,
  { registry, gate }: Receivers,
): number {
  const { count } = gate;
  const frame = textFrame(text);
  count.start();
  for (const subscriber of registry.subscribers) {
    const isReceiver = subscriber.profile.name === profile && subscriber.id !== sender;
    if (!isReceiver) continue;
    subscriber.writePump.enqueue(frame);
    count.add(subscriber.writePump.pace);
  }
  gate.delivered(relayTarget(profile));
  return registry.size + frame.length / BYTES_PER_RECEIVER;
}

/** Those that catch up are told by their replay. */
function deliverGap(gap: Gap, { registry, leftOut }: Receivers): number {
  const others = leftOut.on(gap.channel);
  const subscribers = registry.subscribersOf(gap.channel);
  for (const subscriber of subscribers) {
    if (others?.has(subscriber)) continue;
    const text = subscriber.session.notify(gap);
    if (text !== undefined) subscriber.writePump.enqueue(textFrame(text));
  }
  return subscribers.size;
}
