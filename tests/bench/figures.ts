/**
 * What `deno task bench` measures of each server, and what Systole is to reach.
 * Owns the figures and targets by which servers are compared; pure.
 *
 * @module
 */

import type { FigureDescription, Suite, Target } from "./results.ts";
import { FULL } from "./sizes.ts";

const count = (value: number) => value.toLocaleString("en");
const FANOUT = `fan-out to ${count(FULL.fanout.subscribers)}`;
const OPEN_LOOP = `${FULL.openLoop.publicationsPerSecond} publications/s to ${
  count(FULL.fanout.subscribers)
}`;
const IDLE = `${count(FULL.idle.clients)} idle`;
const GROWTH = `${count(FULL.growth.fromSubscribers)} to ${count(FULL.growth.toSubscribers)}`;

const DESCRIPTIONS = {
  fanout1: {
    load: "fanout",
    label: `${FANOUT}, 1 in flight: CPU per delivery`,
    unit: "µs",
    digits: 2,
  },
  fanout4: {
    load: "fanout",
    label: `${FANOUT}, 4 in flight: CPU per delivery`,
    unit: "µs",
    digits: 2,
  },
  fanout16: {
    load: "fanout",
    label: `${FANOUT}, 16 in flight: CPU per delivery`,
    unit: "µs",
    digits: 2,
  },
  latency50: { load: "openloop", label: `${OPEN_LOOP}: p50`, unit: "ms", digits: 1 },
  latency99: { load: "openloop", label: `${OPEN_LOOP}: p99`, unit: "ms", digits: 1 },
  openLoop: { load: "openloop", label: `${OPEN_LOOP}: CPU per delivery`, unit: "µs", digits: 2 },
  own: {
    load: "own",
    label: `${FULL.own.clients} clients, a channel each: CPU per message`,
    unit: "µs",
    digits: 1,
  },
  upgrades: {
    load: "storm",
    label: `connect storm of ${count(FULL.storm.clients)}: upgrades`,
    unit: "per s",
    digits: 0,
  },
  upgradeCpu: {
    load: "storm",
    label: `connect storm of ${count(FULL.storm.clients)}: CPU per upgrade`,
    unit: "µs",
    digits: 0,
  },
  idleMemory: { load: "idle", label: `${IDLE}: memory per connection`, unit: "KiB", digits: 1 },
  pingCpu: { load: "idle", label: `${IDLE}: CPU per ping`, unit: "µs", digits: 1 },
  empty: { load: "empty", label: "empty server: CPU", unit: "ms per s", digits: 2 },
  growth: {
    load: "growth",
    label: `${GROWTH} subscribers: growth of CPU per delivery`,
    unit: "times",
    digits: 2,
  },
  churn: {
    load: "churn",
    label: `${count(FULL.churn.clients)} come and go: memory after ${FULL.churn.rounds} times / ${
      FULL.churn.rounds / 2
    }`,
    unit: "times",
    digits: 2,
  },
} satisfies Record<string, FigureDescription>;

/** The name of one figure. */
export type FigureName = keyof typeof DESCRIPTIONS;

/** All figures, in the order of the table. */
export const FIGURES: Readonly<Record<FigureName, FigureDescription>> = DESCRIPTIONS;

const SUBJECT = "systole";
const WS = { server: SUBJECT, control: "ws", bound: "at most" } as const;
const GORILLA = { server: SUBJECT, control: "gorilla", bound: "at most" } as const;

/** What Systole is to reach: of what others cost, or by itself. */
export const TARGETS: readonly Target[] = [
  { figure: "fanout1", ...WS, limit: 1 },
  { figure: "fanout4", ...WS, limit: 0.27 },
  { figure: "fanout16", ...WS, limit: 0.08 },
  { figure: "fanout1", ...GORILLA, limit: 0.92 },
  { figure: "fanout4", ...GORILLA, limit: 0.32 },
  { figure: "fanout16", ...GORILLA, limit: 0.11 },
  { figure: "latency99", ...WS, limit: 1 },
  { figure: "openLoop", ...WS, limit: 1.02 },
  { figure: "own", ...WS, limit: 0.85 },
  { figure: "upgrades", server: SUBJECT, control: "ws", bound: "at least", limit: 0.75 },
  { figure: "upgradeCpu", ...WS, limit: 1.6 },
  { figure: "idleMemory", server: SUBJECT, bound: "at most", limit: 12 },
  { figure: "pingCpu", ...WS, limit: 1.9 },
  { figure: "empty", server: SUBJECT, bound: "at most", limit: 4 },
  { figure: "growth", server: SUBJECT, bound: "at most", limit: 1.15 },
  { figure: "churn", server: SUBJECT, bound: "at most", limit: 1.05 },
];

/** Systole beside other servers. */
export const SUITE: Suite<FigureName> = {
  figures: FIGURES,
  targets: TARGETS,
  subject: SUBJECT,
  ratio: "subject / server",
};
