import { assert, assertEquals } from "@std/assert";
import { workerTimers } from "../../server/sdk/timers.ts";
import { CountedWorkers } from "../support/fakes/counted_workers.ts";
import { within } from "../support/until.ts";
import { withPage } from "../support/fakes/virtual_page.ts";

/** Stops the page's timers, as a browser throttles those of a hidden tab. */
function throttled(): Disposable {
  const original = globalThis.setTimeout;
  globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
  return { [Symbol.dispose]: () => void (globalThis.setTimeout = original) };
}

Deno.test("workerTimers() are punctual while the page's are throttled", async () => {
  const timers = workerTimers();
  const { promise, resolve } = Promise.withResolvers<string>();
  {
    using _ = throttled();
    timers.after(20, () => resolve("called"));
    timers.after(10, () => resolve("cancelled"))();
  }
  try {
    assertEquals(await within("the worker's message", 5_000, promise), "called");
  } finally {
    timers.stop();
  }
});

Deno.test("workerTimers() call once, although two timers run", async () => {
  const timers = workerTimers();
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  timers.after(10, () => calls++);
  timers.after(200, resolve); // by then both of the first have fired
  await within("both", 5_000, promise);
  timers.stop();
  assertEquals(calls, 1);
});

const NO_WORKERS: Record<string, unknown> = {
  "there are none": undefined,
  "the policy throws at once": class {
    constructor() {
      throw new DOMException("refused by worker-src", "SecurityError");
    }
  },
  "the policy fires an error later": class {
    onerror?: (event: Event) => void;
    constructor() {
      queueMicrotask(() => {
        const event = new Event("error", { cancelable: true });
        this.onerror?.(event);
        assert(event.defaultPrevented, "the page would report it as an error");
      });
    }
    postMessage() {}
    terminate() {}
  },
};

for (const [why, workerClass] of Object.entries(NO_WORKERS)) {
  Deno.test(`workerTimers() are the page's if ${why}`, async () => {
    const original = globalThis.Worker;
    globalThis.Worker = workerClass as typeof Worker;
    try {
      const timers = workerTimers();
      const { promise, resolve } = Promise.withResolvers<string>();
      timers.after(10, () => resolve("called"));
      assertEquals(await within("the page's timer", 5_000, promise), "called");
      timers.stop();
    } finally {
      globalThis.Worker = original;
    }
  });
}

Deno.test("workerTimers() start one worker each, and share its source", () => {
  const original = globalThis.Worker;
  const { createObjectURL } = URL;
  let attempts = 0;
  let created = 0;
  URL.createObjectURL = (blob) => (created++, createObjectURL(blob));
  globalThis.Worker = class {
    constructor() {
      attempts++;
      throw new DOMException("refused by worker-src", "SecurityError");
    }
  } as unknown as typeof Worker;
  try {
    for (let socket = 0; socket < 3; socket++) {
      const timers = workerTimers();
      for (let timer = 0; timer < 3; timer++) timers.after(10, () => {})();
      timers.stop();
    }
    assertEquals(attempts, 3);
    assert(created <= 1, `${created} sources`);
  } finally {
    globalThis.Worker = original;
    URL.createObjectURL = createObjectURL;
  }
});

Deno.test("HeartbeatSocket with heartbeatInWorker has one worker, until it is closed or gives up", () =>
  withPage(async (page) => {
    using workers = new CountedWorkers();
    page.connect();
    await page.pass(100);
    assertEquals(workers.started, 0, "the option is off");
    const closed = page.connect({ heartbeatInWorker: true });
    page.connect({ heartbeatInWorker: true, maxReconnectAttempts: 1 });
    await page.pass(60_000);
    assertEquals([workers.started, workers.running], [2, 2]);
    closed.close();
    await page.pass(100);
    assertEquals(workers.running, 1);
    page.server.die();
    await page.pass(60_000);
    assertEquals([workers.started, workers.running], [2, 0]);
  }));
