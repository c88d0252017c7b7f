/**
 * The programs of recipes.md that use the client library in React, rxjs and graphql-ws: types are
 * checked, and they are run with the real packages. recipes_test.ts runs the others.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { outputOf, Program } from "../support/peers/program.ts";
import { freePort, replaced, snippet } from "../support/recipes.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { PROJECT, ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const RUN = [Deno.execPath(), "run", "--quiet", "--no-lock", "--allow-all"];

/** Waits until the hub has so many subscribers of a channel. */
async function subscribed(server: ServerProcess, channel: string, count: number): Promise<void> {
  await until(`${count} subscribers of ${channel}`, async () => {
    const { channels } = JSON.parse((await server.ask({ path: "/api/v1/channels" })).body);
    const found = channels.find((it: { channel: string }) => it.channel === channel);
    return (found?.subscribers ?? 0) === count;
  }, { withinMs: 60_000 });
}

async function publish(server: ServerProcess, channel: string, data: unknown): Promise<void> {
  const body = JSON.stringify({ channel, data });
  const headers = { "Content-Type": "application/json" };
  const { status } = await server.ask({ method: "POST", path: "/api/v1/publish", headers, body });
  assertEquals(status, 200);
}

const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", PROJECT)));

/** A folder whose programs import the library from a hub, and packages by their names. */
async function writeProject(
  folder: string,
  port: number,
  files: Readonly<Record<string, unknown>>,
): Promise<void> {
  const config = {
    compilerOptions: { jsx: "react-jsx", jsxImportSource: "react", lib: ["deno.window", "dom"] },
    imports: {
      "@systole/sdk": `http://127.0.0.1:${port}/sdk.js`,
      "graphql": imports.graphql,
      "graphql-ws": imports["graphql-ws"],
      "graphql-ws/use/ws": `${imports["graphql-ws"]}/use/ws`,
      "ws": imports.ws,
      "rxjs": imports.rxjs,
      "react": "npm:react@19.2.0",
      "react/jsx-runtime": "npm:react@19.2.0/jsx-runtime",
      "react-test-renderer": "npm:react-test-renderer@19.2.0",
    },
  };
  const types = {
    ...config,
    imports: {
      ...config.imports,
      "react": "npm:@types/react@19.2.0",
      "react/jsx-runtime": "npm:@types/react@19.2.0/jsx-runtime",
    },
  };
  for (
    const [name, content] of Object.entries({
      "deno.json": config,
      "types.json": types,
      ...files,
    })
  ) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}

function checkTypes(folder: string, file: string): Promise<string> {
  const check = [Deno.execPath(), "check", "--quiet", "--no-lock", "--allow-import"];
  return outputOf([...check, "--config", "types.json", file], { cwd: folder });
}

/** Shows what the hook gives, and ends the component when it gives `"end"`. */
const REACT_PROGRAM = `
import { createElement } from "react";
import { create } from "react-test-renderer";
import { useChannel } from "./hook.tsx";

function View({ channel }) {
  const data = useChannel(URL_TEXT, channel);
  console.log(channel, data ?? "nothing");
  if (data === "next") setTimeout(() => root.update(createElement(View, { channel: "second" })));
  if (data === "end") setTimeout(() => root.unmount());
  return null;
}
const root = create(createElement(View, { channel: "first" }));
`;

integrationTest(
  "recipes.md: the hook gives a channel's data, and closes when it is unmounted",
  () =>
    withFolder(async (folder) => {
      await using server = await ServerProcess.start();
      const main = REACT_PROGRAM.replace("URL_TEXT", JSON.stringify(new URL("/ws", server.url)));
      const hook = snippet("React", "tsx");
      await writeProject(folder, server.port, { "hook.tsx": hook, "main.js": main });
      await checkTypes(folder, "hook.tsx");
      await using program = new Program([...RUN, "main.js"], { cwd: folder });
      await program.until(
        "the first channel",
        () => subscribed(server, "first", 1).then(() => true),
      );
      await publish(server, "first", { n: 1 });
      await program.prints("first { n: 1 }");
      await publish(server, "first", "next");
      await subscribed(server, "second", 1);
      await subscribed(server, "first", 0);
      await publish(server, "second", "end");
      assertEquals((await program.status).code, 0);
      const lines = program.stdout.trim().split("\n");
      const shown = lines.filter((line, i) => line !== lines[i - 1]);
      assertEquals(shown, [
        "first nothing",
        "first { n: 1 }",
        "first next",
        "second next", // until the effect of the new channel has run
        "second nothing",
        "second end",
      ]);
      await subscribed(server, "second", 0);
    }),
);

integrationTest(
  "recipes.md: the stream of rxjs continues after the hub has been restarted",
  () =>
    withFolder(async (folder) => {
      const env = { PORT: `${freePort()}` };
      let program: Program;
      await using stack = new AsyncDisposableStack();
      {
        await using server = await ServerProcess.start({ env });
        const main = replaced(snippet("rxjs", "ts"), "localhost:8080", `localhost:${server.port}`);
        await writeProject(folder, server.port, { "main.ts": main });
        await checkTypes(folder, "main.ts");
        program = stack.use(new Program([...RUN, "main.ts"], { cwd: folder }));
        await program.until(
          "a subscriber",
          () => subscribed(server, "updates", 1).then(() => true),
        );
        await publish(server, "updates", { hello: 1 });
        await program.prints("{ hello: 1 }");
      }
      await using server = await ServerProcess.start({ env });
      await subscribed(server, "updates", 1);
      await publish(server, "updates", { hello: 2 });
      await program.prints("{ hello: 2 }");
      assertEquals(program.stdout, "{ hello: 1 }\n{ hello: 2 }\n");
      assertEquals(program.stderr, "");
    }),
);

/** A GraphQL server, then the client in the same process. */
const GRAPHQL_PROGRAM = `
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const text = { type: GraphQLString };
async function* greetings() {
  yield { greeting: "hello" };
  yield { greeting: "again" };
}
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { greeting: text } }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: { greeting: { ...text, subscribe: greetings } },
  }),
});
const server = new WebSocketServer({ port: Number(Deno.args[0]), host: "127.0.0.1" });
useServer({ schema }, server);
server.on("connection", (socket) => {
  socket.on("message", (data) => console.error(JSON.parse(data).type));
});
server.on("listening", () => import("./client.ts"));
`;

integrationTest(
  "recipes.md: graphql-ws runs over the library, against its own server",
  () =>
    withFolder(async (folder) => {
      await using hub = await ServerProcess.start();
      const port = freePort();
      const client = replaced(snippet("graphql-ws", "ts"), "localhost:4000", `localhost:${port}`);
      await writeProject(folder, hub.port, { "main.js": GRAPHQL_PROGRAM, "client.ts": client });
      await checkTypes(folder, "client.ts");
      await using program = new Program([...RUN, "main.js", `${port}`], { cwd: folder });
      await program.prints("again");
      assertEquals(program.stdout.match(/hello|again/g), ["hello", "again"]);
      const types = program.stderr.trim().split("\n").toSorted();
      assertEquals(types, ["connection_init", "ping", "subscribe"]);
    }),
);
