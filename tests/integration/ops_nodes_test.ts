/**
 * server/ops/compose.yml and nginx.conf without containers: the services of the first, with their
 * commands, options and health checks, on this machine; only addresses are replaced. nginx passes
 * clients on to three nodes of one hub, and to two of them while the third is away.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/yaml";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { GENERAL_OPTIONS, OPTIONS } from "../../server/config/options.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { freePort, replaced } from "../support/recipes.ts";
import { apiKeys, testKey } from "../support/server/credentials.ts";
import { startNginx } from "../support/server/nginx.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { PROJECT, ServerProcess } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { until } from "../support/until.ts";

const OPS = new URL("server/ops/", PROJECT);
const read = (name: string) => Deno.readTextFileSync(new URL(name, OPS));

/** What this file uses of a service. */
interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
  readonly networks?: { readonly default: { readonly ipv4_address: string } };
}

const compose = parse(read("compose.yml")) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
  readonly networks: {
    readonly default: { readonly ipam: { readonly config: readonly { subnet: string }[] } };
  };
};
const { nginx, redis, ...nodes } = compose.services;
const config = read("nginx.conf");
const container = read("Containerfile");
const upstreams = [...config.matchAll(/^ *server (\d\S+) /gm)].map(([, address]) => address);
const addressOf = ({ networks }: Service) => networks!.default.ipv4_address;

const KEY = testKey("guest", { admin: true });
const AUTHORIZATION = { Authorization: `Bearer ${KEY.credential}` };

Deno.test("compose.yml: what it refers to exists", () => {
  const { services, volumes } = compose;
  for (const [name, service] of Object.entries(services)) {
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      assert(other in services, `${name} depends on ${other}`);
      assertEquals(condition, "service_healthy");
      assert(services[other].healthcheck !== undefined, `${other} has no health check`);
    }
    for (const [from] of service.volumes?.map((volume) => volume.split(":")) ?? []) {
      if (from.startsWith("./")) assert(Deno.statSync(new URL(from, OPS)).isFile);
      else assert(from in volumes, from);
    }
    if (service.build === undefined) {
      assertMatch(service.image, /^docker\.io\/library\/\w+:[\d.]+-/);
    }
  }
  assertEquals(Object.keys(nodes).length, 3);
  for (const { build, stop_grace_period } of Object.values(nodes)) {
    const context = new URL(`${build!.context}/`, OPS);
    assert(Deno.statSync(new URL(build!.dockerfile, context)).isFile);
    const graceMs = Number(/^(\d+)s$/.exec(stop_grace_period!)![1]) * 1_000;
    assert(graceMs > GENERAL_OPTIONS.SHUTDOWN_MS.fallback);
  }
});

Deno.test("compose.yml and nginx.conf have the same addresses and ports", () => {
  const [, port] = /^EXPOSE (\d+)$/m.exec(container)!;
  assertEquals(upstreams, Object.values(nodes).map((node) => `${addressOf(node)}:${port}`));
  const [{ subnet }] = compose.networks.default.ipam.config;
  const start = subnet.replace(/\.0\/24$/, ".");
  for (const service of [nginx, ...Object.values(nodes)]) {
    assert(addressOf(service).startsWith(start), addressOf(service));
  }
  const [, listening] = /^ *listen (\d+);/m.exec(config)!;
  assertEquals(nginx.ports!.map((mapping) => mapping.split(":")[1]), [listening]);
  for (const { environment } of Object.values(nodes)) {
    assertEquals(environment!.TRUSTED_PROXIES, addressOf(nginx));
  }
});

/** The options of a node, with the addresses of this machine. */
function optionsOf({ environment = {} }: Service, redisUrl: string): Record<string, string> {
  assertEquals(Object.keys(environment).filter((name) => !(name in OPTIONS)), []);
  const own: Readonly<Record<string, string>> = {
    API_KEYS: apiKeys(KEY),
    ALLOWED_ORIGINS: "",
    REDIS_URL: replaced(environment.REDIS_URL, "redis://redis:6379", redisUrl),
    TRUSTED_PROXIES: replaced(environment.TRUSTED_PROXIES, addressOf(nginx), "127.0.0.1"),
  };
  for (const [name, value] of Object.entries(environment)) {
    assert(!value.includes("$") || name in own, `${name} is ${value}`);
  }
  return { ...environment, ...own };
}

/** Does what a health check does. @param here makes its arguments those of this machine */
async function isHealthy(
  { healthcheck }: Service,
  here: (args: readonly string[]) => string[],
): Promise<boolean> {
  const [kind, program, ...args] = healthcheck!.test;
  assertEquals(kind, "CMD");
  const command = program === "deno" ? Deno.execPath() : program;
  const { success } = await new Deno.Command(command, { args: here(args) }).output();
  return success;
}

/** A client that has come through nginx, and the process that it is connected to. */
interface Visitor extends AsyncDisposable {
  readonly client: TextClient;
  readonly node: ServerProcess;
}

async function visit(port: number, servers: readonly ServerProcess[]): Promise<Visitor> {
  const client = await TextClient.connect(`ws://127.0.0.1:${port}/ws`, {
    headers: AUTHORIZATION,
    localAddress: "127.0.0.2",
  });
  const { clientId } = await client.nextJson();
  const node = await until(
    "a node that has logged this client",
    () =>
      servers.find((server) => server.lines("connection opened").some(({ id }) => id === clientId)),
  );
  const close = async () => {
    await client.close();
    client[Symbol.dispose]();
  };
  return { client, node, [Symbol.asyncDispose]: close };
}

integrationTest(
  "nginx.conf: clients of three nodes are one hub, and none meets one that drains",
  () =>
    withFolder(async (folder) => {
      await using engine = await RedisServer.start(...redis.command!.slice(1));
      assertEquals(redis.command![0], "redis-server");
      for (const [name, value] of [["appendonly", "yes"], ["maxmemory-policy", "noeviction"]]) {
        assertEquals(await engine.command("CONFIG", "GET", name), [name, value]);
      }
      assert(await isHealthy(redis, (args) => ["-p", `${engine.port}`, ...args]));
      const start = (service: Service, more: Record<string, string> = {}) =>
        ServerProcess.start({
          env: { SHUTDOWN_MS: "1500", ...optionsOf(service, engine.url), ...more },
        });
      const [first, ...others] = await Promise.all(
        Object.values(nodes).map((node) => start(node)),
      );
      await using _first = first;
      await using _second = others[0];
      await using _third = others[1];
      const servers = [first, ...others];
      const port = freePort();
      let own = config;
      for (const [index, address] of upstreams.entries()) {
        own = replaced(own, address, `127.0.0.1:${servers[index].port}`);
      }
      await using _nginx = await startNginx({ folder, config: own, port });

      await using stack = new AsyncDisposableStack();
      const visitors: Visitor[] = [];
      for (let count = 0; count < 6; count++) {
        visitors.push(stack.use(await visit(port, servers)));
      }
      assertEquals(new Set(visitors.map(({ node }) => node)).size, 3, "spread over the nodes");
      for (const { client } of visitors) client.send({ type: "subscribe", channel: "news" });
      for (const { client } of visitors) assertEquals((await client.nextJson()).type, "subscribed");
      visitors[0].client.send({ type: "publish", channel: "news", data: "to all" });
      for (const { client } of visitors) assertEquals((await client.nextJson()).data, "to all");
      const { body } = await first.ask({ path: "/api/v1/connections", headers: AUTHORIZATION });
      const { connections } = JSON.parse(body) as { connections: { address: string }[] };
      assertEquals(connections.map(({ address }) => address), visitors.map(() => "127.0.0.2"));

      const [node] = Object.values(nodes);
      const isReady = () =>
        isHealthy(node, (args) => args.map((word) => word.replace(":8080/", `:${first.port}/`)));
      assert(await isReady());
      // It does not answer the close, so that the drain takes its time.
      const silent = new WebSocket(`ws://127.0.0.1:${first.port}/ws`, { headers: AUTHORIZATION });
      silent.on("error", () => {}); // it is terminated
      await new Promise((resolve) => silent.once("message", resolve));
      silent.pause();
      Deno.kill(first.pid, "SIGTERM");
      await first.line("draining");
      assertEquals(await isReady(), false);
      for (let count = 0; count < 6; count++) {
        await using visitor = await visit(port, others);
        assert(visitor.node !== first);
      }
      assertEquals((await first.status).code, 0);
      silent.terminate();
      for (let count = 0; count < 3; count++) {
        await (await visit(port, others))[Symbol.asyncDispose]();
      }

      await using again = await start(node, { PORT: `${first.port}` });
      await until("a client on the node that is back", async () => {
        await using visitor = await visit(port, [again, ...others]);
        return visitor.node === again;
      }, { withinMs: 10_000 });
    }),
);
