/**
 * The log: one line per event on stdout, as text or JSON. A message is constant, its data are
 * properties; payloads and credentials are never logged.
 *
 * Owns the format of a line and its way to stdout. Must not know the events.
 *
 * @module
 */

import { configureSync, getLogger } from "@logtape/logtape";
import { LineWriter } from "./line_writer.ts";

/** A line of text per event, or a line of JSON. */
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/** The least severe first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error", "fatal"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** The data of an event by name. */
export type Properties = Record<string, unknown>;

export interface Logger {
  /** Details that help to find a fault. */
  debug(message: string, properties?: Properties): void;
  /** Normal operation. */
  info(message: string, properties?: Properties): void;
  /** An operator should look at it, not at once. */
  warning(message: string, properties?: Properties): void;
  /** Something failed; the server continues. */
  error(message: string, properties?: Properties): void;
}

/** An event to format; LogTape's records have this shape. */
export interface LogEvent {
  /** The logger's path: `systole` alone. */
  readonly category: readonly string[];
  readonly level: string;
  /** The constant message. */
  readonly rawMessage: string | readonly string[];
  /** ms since 1970. */
  readonly timestamp: number;
  readonly properties: Readonly<Properties>;
}

export interface LoggingOptions {
  readonly format: LogFormat;
  /** The least severe level that is logged. */
  readonly level: LogLevel;
  /** Receives each line, without its line end. Default: stdout. */
  readonly write?: (line: string) => void;
  /** Of each line. */
  readonly properties?: Properties;
}

const ROOT = "systole";
/** Fields of a JSON line; a property of the same name gets a trailing underscore. */
const FIELDS: ReadonlySet<string> = new Set(["time", "level", "logger", "message"]);
/** The length of `warning`, the longest level: messages begin in one column. */
const LEVEL_WIDTH = 7;
/** A text that needs no escape, which most are: it is half as expensive to log (measured). */
const PLAIN = /^[ !#-[\]-~]*$/;
/** How many errors of a chain of causes are logged. */
const MAX_CAUSES = 5;

const STDOUT = new LineWriter(Deno.stdout, (count) => {
  getLogger(ROOT).warning("log lines were lost: too many waited for the reader of stdout", {
    count,
  });
});

/** Configures the log; replaces an earlier configuration. */
export function configureLogging(
  { format, level, write = writeLine, properties = {} }: LoggingOptions,
): Logger {
  const toLine = format === "json" ? formatJson : formatText;
  const sink = (event: LogEvent) => write(toLine(event));
  configureSync({
    reset: true,
    sinks: { lines: sink },
    loggers: [
      { category: ROOT, sinks: ["lines"], lowestLevel: level },
      // LogTape's own logger would otherwise print a message about itself.
      { category: ["logtape", "meta"], sinks: [], lowestLevel: null },
    ],
  });
  return getLogger(ROOT).with(properties);
}

/** Writes a line that is complete, but for its line end, to stdout. */
export function writeLine(line: string): void {
  STDOUT.write(line);
}

/** Resolves when every line is on stdout, at the latest after 250 ms. Call before the process exits. */
export function flushLog(): Promise<void> {
  return STDOUT.end();
}

/** One line of text: time, level, message, then `name=value` for each property. */
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

/** A JSON string without characters that break a line or change the text direction. */
function escape(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escapeJson(JSON.stringify(text));
}

function escapeJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

/** Removes the quotes where the text is a single word without them. */
function bare(json: string): string {
  return /^"[^"\\\s=]+"$/.test(json) ? json.slice(1, -1) : json;
}

/** Never throws: logging must not break the caller. Undefined for what JSON omits. */
function toJson(value: unknown, errorText: (error: Error) => string): string | undefined {
  if (typeof value === "string") return escape(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  try {
    const json: string | undefined = JSON.stringify(value, (_key, item) => {
      if (item instanceof Error) return errorText(item);
      return typeof item === "bigint" ? String(item) : item;
    });
    return json === undefined ? undefined : escapeJson(json);
  } catch {
    return '"(cannot be shown)"'; // a cycle, or a toJSON that throws
  }
}

/** Message and stack of an error and of its causes; bounded, since causes may form a cycle. */
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
