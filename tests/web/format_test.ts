import { assertEquals } from "@std/assert";
import {
  ageOf,
  bytes,
  duration,
  milliseconds,
  moment,
  rate,
  whole,
} from "../../server/web/format.ts";

Deno.test("Formatted numbers have a suitable unit", () => {
  assertEquals([0, 999, 10_000, 1_234_567].map(whole), [
    "0",
    "999",
    "10\u202f000",
    "1\u202f234\u202f567",
  ]);
  assertEquals([0, 0.25, 9.96, 10.4, 12_000].map(rate), ["0", "0.3", "10.0", "10", "12\u202f000"]);
  assertEquals([null, 0.456, 12.34, 123.4, 1_234, 12_340, 90_000].map(milliseconds), [
    "–",
    "0.46 ms",
    "12.3 ms",
    "123 ms",
    "1.23 s",
    "12.3 s",
    "1 min 30 s",
  ]);
  assertEquals([0.4, 59, 60, 61, 3_600, 5_400, 90_000].map(duration), [
    "0 s",
    "59 s",
    "1 min",
    "1 min 1 s",
    "1 h",
    "1 h 30 min",
    "1 d 1 h",
  ]);
  assertEquals([0, 1_023, 1_536, 3 << 20].map(bytes), ["0 B", "1023 B", "1.5 KiB", "3.0 MiB"]);
  assertEquals([0, 500, 5_000, 60_000].map(ageOf), ["0 s", "0.5 s", "5 s", "1 min"]);
  const date = new Date(2026, 0, 5, 7, 8, 9);
  assertEquals(moment(date.getTime()), "2026-01-05 07:08:09");
});
