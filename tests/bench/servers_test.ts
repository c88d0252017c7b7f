import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../support/temporary_folder.ts";
import { prepareServers } from "./servers.ts";

Deno.test("prepareServers() names each server whose programs are missing, and why", () =>
  withFolder(async (folder) => {
    const path = Deno.env.get("PATH")!;
    Deno.env.set("PATH", folder);
    try {
      const names = ["gorilla", "socketio", "ws", "systole", "ws-node"] as const;
      const { servers, missing } = await prepareServers(names, folder);
      assertEquals(servers.map(({ name }) => name), ["systole", "ws"]);
      assertEquals(missing, [
        { name: "ws-node", why: "node is not on the PATH" },
        { name: "socketio", why: "node is not on the PATH" },
        { name: "gorilla", why: "go is not on the PATH" },
      ]);
      for (const { label } of servers) assertMatch(label, / \d+\.\d+\.\d+, Deno \d/);
    } finally {
      Deno.env.set("PATH", path);
    }
  }));
