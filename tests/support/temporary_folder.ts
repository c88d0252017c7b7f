/**
 * Folders that live as long as a test.
 *
 * @module
 */

/** Runs a test in a folder of its own, which is removed after it. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
