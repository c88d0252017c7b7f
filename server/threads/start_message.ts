/**
 * What a thread is started with, and what it answers. Rights are functions, which no port carries: a
 * thread makes those of the keys anew.
 *
 * @module
 */

import { grantOf } from "../auth/grant.ts";
import type { Key } from "../auth/keys.ts";
import type { Listen } from "../base/option_values.ts";
import type { Config } from "../config/config.ts";
import type { Files } from "../config/files.ts";

/** What a thread is. */
export interface ThreadStart {
  /** Its number, in the log. */
  readonly thread: string;
  /** Its name among the nodes of the hub, which no earlier thread had. */
  readonly node: string;
  readonly config: Config;
  readonly files: Files;
}

/** What came of the start. */
export type Started =
  | { readonly kind: "listening"; readonly address: Listen; readonly open: boolean }
  /** The message of a StartError. */
  | { readonly kind: "failed"; readonly problem: string };

/** The form that a port carries. */
export function packed({ config, files, ...about }: ThreadStart): ThreadStart {
  return { ...about, ...withKeys({ config, files }, withoutRights) };
}

export function unpacked({ config, files, ...about }: ThreadStart): ThreadStart {
  return { ...about, ...withKeys({ config, files }, withRights) };
}

function withKeys(
  { config, files }: Pick<ThreadStart, "config" | "files">,
  change: (key: Key) => Key,
): Pick<ThreadStart, "config" | "files"> {
  const { credentials } = files;
  return {
    config: { ...config, auth: { ...config.auth, keys: config.auth.keys.map(change) } },
    files: { ...files, credentials: { ...credentials, keys: credentials.keys?.map(change) } },
  };
}

function withoutRights({ grant: { rights: _, ...claims }, ...key }: Key): Key {
  return { ...key, grant: claims as Key["grant"] };
}

function withRights({ grant, ...key }: Key): Key {
  return { ...key, grant: grantOf(grant) };
}
