/**
 * An nginx of a test's own, with a whole configuration: only its addresses are the test's.
 *
 * @module
 */

import { pathOf } from "../installed.ts";
import { outputOf, Program } from "../peers/program.ts";
import { replaced } from "../recipes.ts";

/** A configuration, and where it listens. */
export interface NginxOptions {
  readonly folder: string;
  readonly config: string;
  readonly port: number;
}

const SETTINGS = "daemon off; pid nginx.pid;";

/** Checks a configuration that says `listen 80`, and starts nginx with it; waits until it listens. */
export async function startNginx({ folder, config, port }: NginxOptions): Promise<Program> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${name};`).join(" ");
  const own = replaced(
    replaced(config, "listen 80;", `listen 127.0.0.1:${port};`),
    "http {",
    `http { access_log off; ${temporary}`,
  );
  await Deno.writeTextFile(`${folder}/nginx.conf`, own);
  const command = [pathOf("nginx")!, "-p", folder, "-c", "nginx.conf", "-e", "stderr", "-g"];
  await outputOf([...command, SETTINGS, "-t"], { cwd: folder });
  const nginx = new Program([...command, SETTINGS], { cwd: folder });
  await nginx.until("nginx listens", () => listens(port));
  return nginx;
}

/** Whether something listens on a port. */
export async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ port, hostname: "127.0.0.1" })).close();
    return true;
  } catch {
    return false;
  }
}
