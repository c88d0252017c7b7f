/**
 * For modules that are loaded into the server's process before the server itself
 * (`deno run --preload`): they hear of the test through the process's stdin.
 *
 * @module
 */

/**
 * Calls with each line of stdin. The server is loaded only when nothing that is waited for is left to do
 * here, not even stdin. So that is read from when the server is up, which is when it listens for signals.
 */
export function onStdinLine(call: (line: string) => void): void {
  const { addSignalListener } = Deno;
  Deno.addSignalListener = (...args) => {
    Deno.addSignalListener = addSignalListener;
    addSignalListener(...args);
    void obey(call);
  };
}

async function obey(call: (line: string) => void): Promise<void> {
  for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) call(line);
}
