/**
 * While a simulation runs, the platform's clocks, timers, randomness and network are errors: what used
 * one of them would not be the same at the next run. Errors may be caught by the code that made them,
 * so they are also written down.
 *
 * @module
 */

/** What code may not use, by the object that has it. */
const FORBIDDEN: readonly [object, readonly string[]][] = [
  [globalThis, ["setTimeout", "setInterval", "fetch", "WebSocket", "Worker"]],
  [Date, ["now"]],
  [performance, ["now"]],
  [Math, ["random"]],
  [crypto, ["randomUUID", "getRandomValues"]],
  [crypto.subtle, ["sign", "verify", "digest", "importKey", "encrypt", "decrypt"]],
];

/** Forbids them. @param used told of each use @returns allows them again */
export function forbidRealTime(used: (name: string) => void): () => void {
  const undo: (() => void)[] = [];
  for (const [owner, names] of FORBIDDEN) {
    for (const name of names) {
      const before = Object.getOwnPropertyDescriptor(owner, name);
      const value = () => {
        used(name);
        throw new Error(`Cannot call ${name}: the simulation has its own time and randomness`);
      };
      Object.defineProperty(owner, name, { value, configurable: true, writable: true });
      undo.push(() => {
        if (before === undefined) Reflect.deleteProperty(owner, name);
        else Object.defineProperty(owner, name, before);
      });
    }
  }
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct(target, args: [number]) {
      if (args.length > 0) return new target(...args);
      used("new Date()");
      throw new Error("Cannot read the time: the simulation has its own");
    },
  });
  undo.push(() => globalThis.Date = RealDate);
  return () => {
    for (const call of undo.reverse()) call();
  };
}
