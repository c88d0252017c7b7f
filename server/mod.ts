/**
 * The hub as a library: what a program needs that runs a hub beside other things. Nothing of it reads
 * the environment, handles signals or ends the process.
 *
 * @module
 */

export { ConfigError, StartError } from "./base/errors.ts";
export { type Config, type Env, parseConfig } from "./config/config.ts";
export { type Files, readFiles } from "./config/files.ts";
export type { Logger } from "./logging/logging.ts";
export { type RunningServer, type ServerOptions, startServer } from "./server.ts";
