/**
 * Loaded into the server's process before the server itself (`deno run --preload`): a number on
 * stdin blocks the event loop for so many ms. Unlike a paused process, a blocked one burns its core
 * and has all its clocks; only nothing in its loop gets a turn.
 *
 * @module
 */

/**
 * The server is loaded only when nothing that is waited for is left to do here, not even stdin. So
 * that is read from when the server is up, which is when it listens for signals.
 */
const { addSignalListener } = Deno;
Deno.addSignalListener = (...args) => {
  Deno.addSignalListener = addSignalListener;
  addSignalListener(...args);
  obey();
};

async function obey(): Promise<void> {
  for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    block(Number(line));
  }
}

function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}
