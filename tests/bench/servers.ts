/**
 * The servers that the bench compares: Systole and the controls. Owns how each is had, started and
 * spoken to. The controls' packages come from npm and the Go module proxy into a temporary folder, by
 * the bench alone: an import of deno.json would be downloaded at every user's first start.
 *
 * @module
 */

import { VERSION } from "../../server/base/version.ts";
import { pathOf } from "../support/installed.ts";
import { startCommand } from "../support/server/server_process.ts";
import type { MissingServer } from "./results.ts";
import { CONTROL, SOCKET_IO, SYSTOLE, type Wire } from "./wire.ts";

const CONTROLS = new URL("controls/", import.meta.url);
const SOCKET_IO_VERSION = "4.8.4";

/** The names by which `--servers` chooses, Systole first. */
export const SERVER_NAMES = ["systole", "ws", "ws-node", "deno", "socketio", "gorilla"] as const;

/** The name of one server. */
export type ServerName = typeof SERVER_NAMES[number];

/** A server that can be started on this machine. */
export interface BenchServer {
  /** By which `--servers` chooses it. */
  name: string;
  /** With versions, for people. */
  label: string;
  /** Program and arguments. */
  command: string[];
  /** Beside PORT; none of the user's shell. */
  env: Record<string, string>;
  wire: Wire;
}

/**
 * What Systole runs with beside its defaults: the publishers of the bench send more than 1000 frames
 * a second, and the controls write no log and keep no history.
 */
export const SYSTOLE_ENV: Record<string, string> = {
  HOST: "127.0.0.1",
  ADMISSION_PER_SECOND: "0",
  HISTORY_MESSAGES: "0",
  LOG_LEVEL: "error",
  MAX_MESSAGES_PER_SECOND: "0",
};

/**
 * Makes the servers ready to start.
 * @param folder where programs and packages may be put.
 */
export async function prepareServers(
  names: readonly ServerName[],
  folder: string,
): Promise<{ servers: BenchServer[]; missing: MissingServer[] }> {
  const servers: BenchServer[] = [];
  const missing: MissingServer[] = [];
  for (const name of SERVER_NAMES.filter((name) => names.includes(name))) {
    try {
      servers.push({ name, ...await PREPARE[name](folder) });
    } catch (error) {
      missing.push({ name, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return { servers, missing };
}

type Prepare = (folder: string) => Promise<Omit<BenchServer, "name">>;

const PREPARE: Record<ServerName, Prepare> = {
  systole: () =>
    Promise.resolve({
      label: `Systole ${VERSION}, Deno ${Deno.version.deno}`,
      command: startCommand(),
      env: SYSTOLE_ENV,
      wire: SYSTOLE,
    }),
  ws: () =>
    Promise.resolve({
      label: `bare ws ${wsVersion()}, Deno ${Deno.version.deno}`,
      command: onDeno("ws.mjs"),
      env: {},
      wire: CONTROL,
    }),
  deno: () =>
    Promise.resolve({
      label: `Deno.upgradeWebSocket, Deno ${Deno.version.deno}`,
      command: onDeno("deno.ts"),
      env: {},
      wire: CONTROL,
    }),
  "ws-node": async (folder) => {
    const { command, node } = await onNode("ws.mjs", `ws@${wsVersion()}`, folder);
    return { label: `bare ws ${wsVersion()}, Node ${node}`, command, env: {}, wire: CONTROL };
  },
  socketio: async (folder) => {
    const spec = `socket.io@${SOCKET_IO_VERSION}`;
    const { command, node } = await onNode("socket_io.mjs", spec, folder);
    const label = `Socket.IO ${SOCKET_IO_VERSION}, Node ${node}`;
    return { label, command, env: {}, wire: SOCKET_IO };
  },
  gorilla: async (folder) => {
    const go = required("go");
    const source = new URL("gorilla/", CONTROLS);
    const program = `${folder}/gorilla`;
    await run([go, "build", "-mod=readonly", "-o", program, "."], source.pathname, {
      GOTOOLCHAIN: "local", // no download of another compiler
    });
    const [, , goVersion] = (await run([go, "version"], folder)).split(" ");
    const module = await Deno.readTextFile(new URL("go.mod", source));
    const [, version] = /gorilla\/websocket v(\S+)/.exec(module)!;
    return {
      label: `gorilla/websocket ${version}, Go ${goVersion.replace(/^go/, "")}`,
      command: [program],
      env: {},
      wire: CONTROL,
    };
  },
};

/** Under the flags of the start task, as Systole runs. */
function onDeno(file: string): string[] {
  return [...startCommand().slice(0, -1), new URL(file, CONTROLS).pathname];
}

/** A program beside the folder of its package, where Node looks for it. */
async function onNode(
  file: string,
  spec: string,
  folder: string,
): Promise<{ command: string[]; node: string }> {
  const [node, npm] = [required("node"), required("npm")];
  const home = `${folder}/${file}.d`;
  await Deno.mkdir(home);
  const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline"];
  await run([npm, "install", "--prefix", home, ...flags, spec], home);
  await Deno.copyFile(new URL(file, CONTROLS), `${home}/${file}`);
  const version = (await run([node, "--version"], home)).replace(/^v/, "");
  return { command: [node, `${home}/${file}`], node: version };
}

function required(program: string): string {
  const path = pathOf(program);
  if (path === undefined) throw new Error(`${program} is not on the PATH`);
  return path;
}

/** Ends with the program's output. @throws Error with what it said when it failed. */
async function run(
  [program, ...args]: string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const command = new Deno.Command(program, { args, cwd, env, stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (success) return text(stdout);
  const said = text(stderr).split("\n").slice(0, 2).join("; ");
  throw new Error(`${program.split("/").at(-1)} ${args[0]} failed: ${said}`);
}

/** The version that the server itself has, so that both sides run the same. */
function wsVersion(): string {
  const url = new URL("../../deno.json", import.meta.url);
  const { imports } = JSON.parse(Deno.readTextFileSync(url));
  return imports.ws.split("@").at(-1);
}
