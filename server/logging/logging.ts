/**
 * The log: one line per event on stdout, readable or JSON. A message is constant, its data are
 * properties; no payload and no credential is ever among them.
 *
 * Owns the form of a line and the way it takes to stdout. Must not know which modules log, or what.
 *
 * @module
 */

import { configureSync, getLogger } from "@logtape/logtape";
import { LineWriter } from "./line_writer.ts";

/** A readable line per event, or a line of JSON. */
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/** From the least to the most severe. */
export const LOG_LEVELS = ["debug", "info", "warning", "error", "fatal"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** The data of an event by name. */
export type Properties = Record<string, unknown>;

/** A log. */
export interface Logger {
  /** The ordinary course of things. */
  info(message: string, properties?: Properties): void;
  /** Something that an operator should look at some time. */
  warning(message: string, properties?: Properties): void;
  /** Something failed, the server goes on. */
  error(message: string, properties?: Properties): void;
}

/** What a line is made of; LogTape's records are such events. */
export interface LogEvent {
  /** Who logs, as a path: `systole` alone. */
  readonly category: readonly string[];
  /** How bad it is. */
  readonly level: string;
  /** The constant message. */
  readonly rawMessage: string | readonly string[];
  /** When, in ms since 1970. */
  readonly timestamp: number;
  /** The data by name. */
  readonly properties: Readonly<Properties>;
}

/** How and what to log. */
export interface LoggingOptions {
  /** The form of a line. */
  readonly format: LogFormat;
  /** The least severe level that is logged. */
  readonly level: LogLevel;
  /** Takes each line, without its line end; stdout unless a test listens. */
  readonly write?: (line: string) => void;
}

const ROOT = "systole";
/** Fields of a JSON line; a property of the same name gets a trailing underscore. */
const FIELDS: ReadonlySet<string> = new Set(["time", "level", "logger", "message"]);
/** The longest level is `warning`: messages begin in one column. */
const LEVEL_WIDTH = 7;
/** So many errors of a chain are shown. */
const MAX_CAUSES = 5;

const STDOUT = new LineWriter(Deno.stdout, (count) => {
  getLogger(ROOT).warning("log lines were lost: too many waited for the reader of stdout", {
    count,
  });
});

/** Starts the log, replacing an earlier configuration. @returns the log */
export function configureLogging(
  { format, level, write = (line) => STDOUT.write(line) }: LoggingOptions,
): Logger {
  const toLine = format === "json" ? formatJson : formatText;
  const sink = (event: LogEvent) => write(toLine(event));
  configureSync({
    reset: true,
    sinks: { lines: sink },
    loggers: [
      { category: ROOT, sinks: ["lines"], lowestLevel: level },
      // LogTape's own logger would otherwise announce itself on the console.
      { category: ["logtape", "meta"], sinks: [], lowestLevel: null },
    ],
  });
  return getLogger(ROOT);
}

/** Before the process exits: resolves when stdout has taken every line, at the latest in 250 ms. */
export function flushLog(): Promise<void> {
  return STDOUT.end();
}

/** One line to read: time, level, message, then `name=value` for each property. */
export function formatText(event: LogEvent): string {
  const text = escape(message(event));
  const words = [time(event), event.level.padEnd(LEVEL_WIDTH), text.slice(1, -1)];
  for (const [name, value] of Object.entries(event.properties)) {
    const json = toJson(value, inOneLine);
    if (json !== undefined) words.push(`${bare(escape(name))}=${bare(json)}`);
  }
  return words.join(" ");
}

/** One line of JSON: time, level, logger, message, then the properties. */
export function formatJson(event: LogEvent): string {
  const { level, category, properties } = event;
  const fields: [string, unknown][] = [
    ["time", time(event)],
    ["level", level],
    ["logger", category.join(".")],
    ["message", message(event)],
  ];
  for (const [name, value] of Object.entries(properties)) {
    fields.push([FIELDS.has(name) ? `${name}_` : name, value]);
  }
  const members: string[] = [];
  for (const [name, value] of fields) {
    const json = toJson(value, withStack);
    if (json !== undefined) members.push(`${escape(name)}:${json}`);
  }
  return `{${members.join(",")}}`;
}

function time({ timestamp }: LogEvent): string {
  return new Date(timestamp).toISOString();
}

function message({ rawMessage }: LogEvent): string {
  return typeof rawMessage === "string" ? rawMessage : rawMessage.join("…");
}

/** A quoted string in JSON, without a character that breaks a line or turns its direction. */
function escape(text: string): string {
  return escapeJson(JSON.stringify(text));
}

function escapeJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

/** Takes the quotes off where the text is a single word without them. */
function bare(json: string): string {
  return /^"[^"\\\s=]+"$/.test(json) ? json.slice(1, -1) : json;
}

/** Never throws: logging must not end what it reports on. Undefined for what JSON leaves out. */
function toJson(value: unknown, errorText: (error: Error) => string): string | undefined {
  try {
    const json: string | undefined = JSON.stringify(value, (_key, item) => {
      if (item instanceof Error) return errorText(item);
      return typeof item === "bigint" ? String(item) : item;
    });
    return json === undefined ? undefined : escapeJson(json);
  } catch {
    return '"(cannot be shown)"'; // a circle, or a toJSON that throws
  }
}

/** Message and stack of an error and of its causes; a circle of causes ends somewhere. */
function withStack(error: Error): string {
  const texts: string[] = [];
  for (let it: unknown = error; it instanceof Error && texts.length < MAX_CAUSES; it = it.cause) {
    texts.push(it.stack ?? String(it));
  }
  return texts.join("\ncaused by ");
}

function inOneLine(error: Error): string {
  return withStack(error).replace(/\s*\n\s*/g, " ");
}
