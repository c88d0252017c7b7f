/**
 * Workers that do nothing, in the place of the platform's, and are counted.
 *
 * @module
 */

/** From its construction to its disposal. */
export class CountedWorkers implements Disposable {
  /** Made so far. */
  started = 0;
  /** Made and not terminated. */
  running = 0;
  readonly #original = globalThis.Worker;

  constructor() {
    const begin = () => {
      this.started++;
      this.running++;
    };
    const end = () => void this.running--;
    globalThis.Worker = class {
      constructor() {
        begin();
      }
      postMessage() {}
      terminate() {
        end();
      }
    } as unknown as typeof Worker;
  }

  [Symbol.dispose](): void {
    globalThis.Worker = this.#original;
  }
}
