/**
 * The objects of talo's frames as its published clients read them, with a placeholder for times.
 *
 * @module
 */

/** Times of a frame, where the test does not know one. */
const ANY_TIME = "<iso>";

/** A player's alias, of which the hub knows the id. */
export function aliasForm(id: number, time = ANY_TIME): string {
  return `{"id":${id},"service":"custom","identifier":"${id}","displayName":"${id}",` +
    `"player":{"id":"${id}","props":[],"aliases":[],"devBuild":false,"createdAt":"${time}",` +
    `"lastSeenAt":"${time}","groups":[],"presence":null},"lastSeenAt":"${time}",` +
    `"createdAt":"${time}","updatedAt":"${time}"}`;
}

/** A channel. */
export function channelForm(id: number, time = ANY_TIME): string {
  return `{"id":${id},"name":"${id}","owner":null,"totalMessages":0,"props":[],` +
    `"autoCleanup":false,"private":false,"temporaryMembership":false,"createdAt":"${time}",` +
    `"updatedAt":"${time}"}`;
}
