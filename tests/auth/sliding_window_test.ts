import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { SlidingWindow, SlidingWindows } from "../../server/auth/sliding_window.ts";

Deno.test("take() allows the limit within any window, and again as the first ones leave it", () => {
  const window = new SlidingWindow(60, 60_000);
  // one a second: never refused
  for (let second = 0; second < 200; second++) assertEquals(window.take(second * 1_000), true);
});

Deno.test("take() refuses the 61st within a minute, and takes it a minute after the first", () => {
  const window = new SlidingWindow(60, 60_000);
  for (let i = 0; i < 60; i++) assertEquals(window.take(i), true);
  assertEquals([window.take(59_999), window.take(60_000), window.take(60_000)], [
    false,
    true,
    false,
  ]);
});

Deno.test("take() agrees with counting all that was taken", () => {
  fc.assert(
    fc.property(fc.nat(12), fc.array(fc.nat(40), { maxLength: 200 }), (limit, gaps) => {
      const window = new SlidingWindow(limit, 100);
      const taken: number[] = [];
      let now = 0;
      for (const gap of gaps) {
        now += gap;
        const expected = taken.filter((at) => at > now - 100).length < limit;
        assertEquals(window.take(now), expected);
        if (expected) taken.push(now);
      }
    }),
  );
});

Deno.test("waitMs() is 0 while there is room, then the time until the oldest take is forgotten", () => {
  const window = new SlidingWindow(2, 1_000);
  assertEquals(window.waitMs(0), 0);
  window.take(0);
  assertEquals(window.waitMs(100), 0);
  window.take(100);
  assertEquals(window.waitMs(100), 900);
  assertEquals(window.waitMs(999), 1);
  assertEquals(window.waitMs(1_000), 0);
  window.take(1_000);
  assertEquals(window.waitMs(1_000), 100);
});

Deno.test("Each name has a window of its own, which is kept for as long as something is in it", () => {
  const windows = new SlidingWindows(2, 1_000);
  const take = (nowMs: number) => ["a", "b"].map((name) => windows.take(name, nowMs));
  assertEquals([take(0), take(500), take(999)], [[true, true], [true, true], [false, false]]);
  assertEquals([windows.waitMs("a", 999), windows.waitMs("nobody", 999)], [1, 0]);
  assertEquals([take(1_000), take(1_499), take(1_500)], [
    [true, true],
    [false, false],
    [true, true],
  ]);
  windows.forget("a");
  assertEquals(take(1_501), [true, false]);
});
