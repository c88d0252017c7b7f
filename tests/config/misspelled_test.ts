import { assertEquals } from "@std/assert";
import { misspelledOptions } from "../../server/config/misspelled.ts";
import { OPTIONS } from "../../server/config/options.ts";

const NAMES = Object.keys(OPTIONS);

/** What is found in an environment. */
function found(env: Record<string, string>): string[] {
  return misspelledOptions((name) => env[name], NAMES).map(({ name, meant }) => `${name} ${meant}`);
}

Deno.test("misspelledOptions() finds swapped, missing and doubled letters, another case, no unit", () => {
  for (
    const [name, meant] of [
      ["PING_PERIOD_SM", "PING_PERIOD_MS"],
      ["PING_PEROD_MS", "PING_PERIOD_MS"],
      ["PINNG_PERIOD_MS", "PING_PERIOD_MS"],
      ["PINGPERIOD_MS", "PING_PERIOD_MS"],
      ["ping_period_ms", "PING_PERIOD_MS"],
      ["PONG_WAIT", "PONG_WAIT_MS"],
      ["API_KEY", "API_KEYS"],
      ["TRUSTED_PROXY", "TRUSTED_PROXIES"],
      ["MAX_CONNECTIONS_PER_ADRESS", "MAX_CONNECTIONS_PER_ADDRESS"],
    ]
  ) {
    assertEquals(found({ [name]: "1" }), [`${name} ${meant}`]);
  }
});

Deno.test("misspelledOptions() finds no option and nothing far from one", () => {
  assertEquals(found(Object.fromEntries(NAMES.map((name) => [name, "1"]))), []);
  assertEquals(found({ PATH: "/", HOME: "/", PING: "1", DATABASE_URL: "x", LOG: "1" }), []);
});
