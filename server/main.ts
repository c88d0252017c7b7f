/**
 * The process edge: environment in, signals in, exit code out.
 *
 * @module
 */

import process from "node:process";
import { type Config, parseConfig } from "./config/config.ts";
import { StartError } from "./base/errors.ts";
import type { Listen } from "./base/option_values.ts";
import { VERSION } from "./base/version.ts";
import { readFiles } from "./config/files.ts";
import { misspelledOptions } from "./config/misspelled.ts";
import { OPTIONS } from "./config/options.ts";
import { formatAddress, reachableByOthers } from "./transport/listener.ts";
import { configureLogging, flushLog, type Logger } from "./logging/logging.ts";
import { type RunningServer, type ServerOptions, startServer } from "./server.ts";

/**
 * A terminal's Ctrl-C arrives twice, 1-4 ms apart: by itself and forwarded by `deno task`. Counted
 * in ticks of a timer, so that a pause of the whole machine does not count.
 */
const SAME_SIGNAL = { ticks: 10, tickMs: 100 } as const;

/** Exit codes by the custom of shells: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

if ("WorkerGlobalScope" in globalThis) {
  const { runThread } = await import("./threads/thread.ts");
  runThread();
} else if (import.meta.main) {
  addEventListener("error", (event) => crash(event, event.error));
  addEventListener("unhandledrejection", (event) => crash(event, event.reason));
  try {
    if (Deno.args.includes("--version")) console.log(`systole ${VERSION}`);
    else await run();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(error.message);
    await exit(1);
  }
}

async function run(): Promise<void> {
  const config = parseConfig(process.env);
  const log = configureLogging({ format: config.logFormat, level: config.logLevel });
  for (const slip of misspelledOptions(readVariable, Object.keys(OPTIONS))) {
    log.warning("a variable is no option: is it misspelled?", { ...slip });
  }
  const server = await start({ config, log, files: await readFiles(config) });
  announce(server, config, log);
  drainOnSignal(server, log);
}

async function start(options: ServerOptions): Promise<RunningServer> {
  if (options.config.workers === 1) return await startServer(options);
  const { startThreads } = await import("./threads/start_threads.ts");
  const onStuck = async () => {
    await server.drain();
    await exit(1);
  };
  const server = await startThreads({ ...options, entry: import.meta.url, onStuck });
  return server;
}

/** Undefined where the permissions forbid to read it. */
function readVariable(name: string): string | undefined {
  try {
    return process.env[name];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function announce({ address, open }: RunningServer, config: Config, log: Logger): void {
  const profile = config.defaultProfile;
  log.info("listening", {
    address: formatAddress(address, config.tls === undefined ? "ws" : "wss"),
    version: VERSION,
    ...(config.workers > 1 && { threads: config.workers }),
    profile,
    ...config.timing[profile],
  });
  const page = pageOf(address, config.tls === undefined ? "http" : "https");
  if (page !== undefined) log.info(`live page: ${page}, manuals: ${page}docs`);
  if (!open) log.info("closed: every client needs a credential");
  else if (reachableByOthers(address, config.onDeploy)) {
    log.warning("open to every client: no keys are configured");
  } else {
    log.info("open to this machine: no keys are configured, any local client may connect");
  }
}

/** Where this machine's browser finds the page; undefined on a unix socket. */
function pageOf(address: Listen, scheme: string): string | undefined {
  if (address.kind === "unix") return undefined;
  const host = /^(0\.0\.0\.0|::)$/.test(address.host) ? "localhost" : address.host;
  return `${formatAddress({ ...address, host }, scheme)}/`;
}

/** Signals within a second of the first are the same signal; a later one exits at once. */
function drainOnSignal(server: RunningServer, log: Logger): void {
  let ticks: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, async () => {
      if (ticks !== undefined) {
        if (ticks >= SAME_SIGNAL.ticks) await exit(EXIT_CODES[signal]);
        return;
      }
      ticks = 0;
      setInterval(() => ticks!++, SAME_SIGNAL.tickMs);
      log.info("signal received", { signal });
      await server.drain();
      await exit(0);
    });
  }
}

/** Flushes the log first: the lines before a crash matter most. */
async function crash(event: Event, error: unknown): Promise<void> {
  event.preventDefault();
  console.error("Uncaught", error);
  await exit(1);
}

async function exit(code: number): Promise<never> {
  await flushLog();
  Deno.exit(code);
}
