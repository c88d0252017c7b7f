/**
 * Says at once which programs the tests need and this machine lacks, before any test runs.
 *
 * @module
 */

import { pathOf } from "./support/installed.ts";

/** Each program with the Debian package that brings it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  chromium: "chromium",
  nginx: "nginx-light",
  npm: "npm",
  openssl: "openssl",
  "redis-server": "redis-server",
  script: "bsdutils",
  setsid: "util-linux",
};

const missing = Object.keys(PROGRAMS).filter((program) => pathOf(program) === undefined);
if (missing.length > 0) {
  const packages = missing.map((program) => PROGRAMS[program]).join(" ");
  console.error(
    `Cannot test: ${missing.join(", ")} missing; install with: apt-get install ${packages}\n` +
      "(deno task test:unit needs none of them)",
  );
  Deno.exit(1);
}
