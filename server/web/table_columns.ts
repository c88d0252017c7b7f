/**
 * The columns of the table of connections: heading, sort key and content.
 *
 * @module
 */

import { bytes, duration, milliseconds, whole } from "./format.ts";
import type { Connection } from "./api_types.ts";

/** A column of the table. */
export interface TableColumn {
  /** The heading. */
  readonly name: string;
  /** The API's sort key; undefined: not sortable. */
  readonly sort?: string;
  /** Whether it is aligned to the right. */
  readonly numeric?: boolean;
  /** The content of a cell. */
  readonly text: (of: Connection) => string;
}

/** From left to right. */
export const TABLE_COLUMNS: readonly TableColumn[] = [
  { name: "Connection", text: ({ id }) => id },
  { name: "Health", sort: "health", text: ({ health }) => health },
  { name: "Liveness", sort: "liveness", text: ({ liveness }) => liveness },
  { name: "RTT", sort: "rtt", numeric: true, text: ({ rttMs }) => milliseconds(rttMs) },
  { name: "Jitter", sort: "jitter", numeric: true, text: ({ jitterMs }) => milliseconds(jitterMs) },
  { name: "Idle", sort: "idle", numeric: true, text: ({ idleMs }) => duration(idleMs / 1_000) },
  { name: "Queue", sort: "queue", numeric: true, text: ({ queuedBytes }) => bytes(queuedBytes) },
  { name: "Age", sort: "age", numeric: true, text: ({ seconds }) => duration(seconds) },
  { name: "In", numeric: true, text: ({ messagesIn }) => whole(messagesIn) },
  { name: "Out", numeric: true, text: ({ messagesOut }) => whole(messagesOut) },
  { name: "Profile", text: ({ profile }) => profile },
  { name: "Address", text: ({ address }) => address },
  { name: "Key", text: ({ key }) => key ?? "" },
  { name: "Process", text: ({ node }) => node ?? "" }, // hidden where the hub has one
];
