/**
 * The keys of a simulation, and what each of them may.
 *
 * @module
 */

import { createHash } from "node:crypto";

interface SimKey {
  readonly id: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly admin?: boolean;
  readonly maxConnections?: number;
}

/** By their ids. */
export const KEYS = {
  all: { id: "all", publish: ["*"], subscribe: ["*"] },
  reader: { id: "reader", publish: [], subscribe: ["*"], maxConnections: 2 },
  half: { id: "half", publish: ["room/1", "room/2"], subscribe: ["room/1", "room/3"] },
  flood: { id: "flood", publish: ["*"], subscribe: ["*"] },
  admin: { id: "admin", publish: ["*"], subscribe: ["*"], admin: true },
} as const satisfies Record<string, SimKey>;

export type KeyName = keyof typeof KEYS;

/** What a client presents. */
export function credentialOf(name: KeyName): string {
  return `${name}.secret-of-${name}`;
}

/** The keys as the server is configured with them. */
export const KEYS_ENV = {
  API_KEYS: JSON.stringify(
    Object.values(KEYS).map(({ id, ...rights }) => ({
      id,
      secretSha256: createHash("sha256").update(`secret-of-${id}`).digest("hex"),
      ...rights,
    })),
  ),
};

/** Whether a pattern of a list matches, by the simulation's own reading of the manual. */
export function matchesOne(patterns: readonly string[], channel: string): boolean {
  return patterns.some((pattern) =>
    new RegExp(`^${pattern.split("*").map((part) => RegExp.escape(part)).join(".*")}$`, "s").test(
      channel,
    )
  );
}
