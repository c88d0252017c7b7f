/**
 * `deno task sdk`: bundles the client library's modules into the one that the hub serves, minified,
 * and the declarations beside it. Both are committed, so that no build step is needed.
 *
 * @module
 */

import { minify } from "terser";

const ROOT = new URL("../../", import.meta.url);
const ENTRY = "server/sdk/heartbeat_socket.ts";

/** Tells Deno of the declarations, wherever the module comes from. */
const TYPES = '// @ts-self-types="./sdk.d.ts"';

/** Where the committed build is. */
export const SDK_FOLDER: URL = new URL("server/sdk/dist/", ROOT);

/** A build of the client library. */
export interface SdkBuild {
  /** One ES module without imports. */
  readonly code: string;
  /** Its TypeScript declarations. */
  readonly types: string;
}

/** Builds it anew. @throws {Error} with what `deno bundle` complained of */
export async function buildSdk(): Promise<SdkBuild> {
  const folder = await Deno.makeTempDir();
  try {
    const flags = ["--quiet", "--minify", "--declaration", "--platform=browser"];
    await run(["bundle", ...flags, `--outdir=${folder}`, ENTRY]);
    const [code, types] = await Promise.all(
      ["js", "d.ts"].map((end) => Deno.readTextFile(`${folder}/heartbeat_socket.${end}`)),
    );
    const path = `${folder}/sdk.d.ts`;
    await Deno.writeTextFile(path, rolledUp(types));
    await run(["fmt", "--quiet", "--no-config", "--line-width=100", path]);
    // Again: 300 bytes less compressed than what the bundler leaves.
    const { code: minified } = await minify(code, {
      module: true,
      ecma: 2022,
      compress: { passes: 2 },
    });
    return { code: `${TYPES}\n${minified}\n`, types: await Deno.readTextFile(path) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * The declarations as one file: without each module's own title, and with a property where the class
 * has a pair of accessors, since `deno doc --lint` takes a declared setter for a function.
 */
function rolledUp(types: string): string {
  const text = types.replaceAll(/\/\*\*(?:(?!\*\/)[^])*@module\s*\*\/\s*/g, "")
    .replaceAll(/\bget (\w+)\(\)(: [^;]+;)[^;]+?\bset \1\(.*\);/g, "$1$2");
  if (/^import |\bfrom "/m.test(text)) {
    throw new Error(`Cannot roll up the types: an import is left in\n${text}`);
  }
  return text;
}

async function run(args: string[]): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null" });
  const { success, stderr } = await command.output();
  if (!success) {
    throw new Error(`Cannot build the SDK: deno ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  }
}

if (import.meta.main) {
  const { code, types } = await buildSdk();
  await Deno.mkdir(SDK_FOLDER, { recursive: true });
  await Deno.writeTextFile(new URL("sdk.js", SDK_FOLDER), code);
  await Deno.writeTextFile(new URL("sdk.d.ts", SDK_FOLDER), types);
}
