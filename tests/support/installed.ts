/**
 * Which programs this machine has.
 *
 * @module
 */

/** Where a program is: on the PATH, or where Debian keeps those of an administrator. */
export function pathOf(program: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin"];
  return folders.map((folder) => `${folder}/${program}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
