import { assertEquals, assertThrows } from "@std/assert";
import { jsonProfile } from "../../server/profiles/json/json.ts";
import { parseTarget, ProfileRoutes } from "../../server/transport/profile_routes.ts";
import { RULES } from "../support/fakes/world.ts";

const routes = new ProfileRoutes([jsonProfile({ timing: RULES, echo: false })], "json");
const route = (url: string) => {
  const target = parseTarget(url);
  return target && routes.profileOf(target)?.name;
};

Deno.test("Routes serve the default profile on /, /ws and /socket, and each by its name", () => {
  for (const url of ["/", "/ws", "/socket", "/ws/json", "/ws?x=1", "/?a"]) {
    assertEquals(route(url), "json", url);
  }
});

Deno.test("Routes take the absolute form and a slash at the end", () => {
  for (
    const url of ["/ws/", "/ws//", "http://x/ws", "ws://x/ws/", "WSS://x:1/ws?a=b", "http://x/"]
  ) {
    assertEquals(route(url), "json", url);
  }
});

Deno.test("Routes know no other path", () => {
  for (
    const url of [
      "/nope",
      "//ws",
      "/ws/nope",
      "/ws/json/x",
      "/WS",
      "*",
      "",
      "ftp://x/ws",
      "http://x/nope",
    ]
  ) {
    assertEquals(route(url), undefined, url);
  }
});

Deno.test("parseTarget() takes what no URL parser likes", () => {
  for (const url of ["//", "///ws", "/%", "/\\", "/ws?%%%=&&", "/\u0000"]) parseTarget(url);
  assertEquals(parseTarget(undefined), undefined);
});

Deno.test("Routes refuse a default that does not exist", () => {
  assertThrows(() => new ProfileRoutes([], "json"), TypeError, "no profile is called json");
});
