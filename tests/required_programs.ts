/**
 * Says at once which programs the tests need and this machine lacks, before any test runs.
 *
 * @module
 */

/** Each program with the Debian package that brings it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  chromium: "chromium",
  openssl: "openssl",
  script: "bsdutils",
  setsid: "util-linux",
};

const folders = (Deno.env.get("PATH") ?? "").split(":");

function isInstalled(program: string): boolean {
  return folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

const missing = Object.keys(PROGRAMS).filter((program) => !isInstalled(program));
if (missing.length > 0) {
  const packages = missing.map((program) => PROGRAMS[program]).join(" ");
  console.error(
    `Cannot test: ${missing.join(", ")} missing; install with: apt-get install ${packages}\n` +
      "(deno task test:unit needs none of them)",
  );
  Deno.exit(1);
}
