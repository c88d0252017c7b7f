import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Api, type Call, withApi } from "../support/server/api.ts";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

// deno-lint-ignore no-explicit-any -- the document has no static type
const documentOf = async (api: Api): Promise<any> =>
  (await api.json("/api/v1/openapi.json", { key: "root.s" })).body;

/** Every object in a JSON value, with where it is. */
function* objectsIn(value: unknown, at = "#"): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== "object" || value === null) return;
  yield [at, value as Record<string, unknown>];
  for (const [name, inner] of Object.entries(value)) {
    yield* objectsIn(inner, `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  }
}

function resolve(root: unknown, ref: string): unknown {
  let value = root;
  for (const name of ref.split("/").slice(1)) {
    value = (value as Record<string, unknown>)?.[name.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return value;
}

Deno.test("openapi.json has what OpenAPI 3.1 requires of a document", () =>
  withApi({}, async (api) => {
    const { openapi, info, paths, components, security } = await documentOf(api);
    assertMatch(openapi, /^3\.1\.\d+$/);
    assertEquals([typeof info.title, typeof info.version], ["string", "string"]);
    for (const [path, item] of Object.entries<Record<string, unknown>>(paths)) {
      assert(path.startsWith("/") && !path.includes(":"), path);
      assert(Object.keys(item).every((method) => METHODS.includes(method)), path);
    }
    for (const name of security.flatMap(Object.keys)) {
      assert(name in components.securitySchemes, name);
    }
    for (const [name, { type }] of Object.entries<{ type: string }>(components.securitySchemes)) {
      assert(["apiKey", "http"].includes(type), name);
    }
  }));

Deno.test("openapi.json has every route of the app, and no other", () =>
  withApi({}, async (api) => {
    const { paths } = await documentOf(api);
    const described = Object.entries<object>(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)
    );
    const routes = api.app.routes.filter(({ method }) => method !== "ALL").map(
      ({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`,
    );
    assertEquals(described.sort(), [...new Set(routes)].sort());
    assert(described.length >= 17, `${described.length}`);
  }));

Deno.test("Each operation has a summary, described responses, and its path's parameters", () =>
  withApi({}, async (api) => {
    const { paths } = await documentOf(api);
    const ids: string[] = [];
    for (const [path, item] of Object.entries(paths)) {
      // deno-lint-ignore no-explicit-any -- as above
      for (const [method, operation] of Object.entries<any>(item as object)) {
        const name = `${method} ${path}`;
        ids.push(operation.operationId);
        assert(operation.summary, name);
        assert(operation.tags.length === 1, name);
        const statuses = Object.keys(operation.responses);
        assert(statuses.some((status) => status.startsWith("2")), name);
        for (const status of statuses) {
          assertMatch(status, /^[2-5]\d\d$/, name);
          assert(operation.responses[status].description, `${name} ${status}`);
        }
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
        const parameters: { in: string; name: string; required?: boolean; schema: object }[] =
          operation.parameters ?? [];
        assert(parameters.every(({ schema }) => schema), name);
        const ofPath = parameters.filter((parameter) => parameter.in === "path");
        assertEquals(ofPath.map((parameter) => parameter.name), inPath, name);
        assert(ofPath.every(({ required }) => required === true), name);
        if (method === "get") assertEquals(operation.requestBody, undefined, name);
      }
    }
    assertEquals(new Set(ids).size, ids.length, "operation ids are unique");
  }));

Deno.test("Each $ref of openapi.json resolves, and each schema is used", () =>
  withApi({}, async (api) => {
    const document = await documentOf(api);
    const refs = new Set<string>();
    for (const [at, { $ref }] of objectsIn(document)) {
      if (typeof $ref !== "string") continue;
      refs.add($ref);
      assert(typeof resolve(document, $ref) === "object", `${at} -> ${$ref}`);
    }
    const schemas = Object.keys(document.components.schemas);
    assertEquals(schemas.filter((name) => !refs.has(`#/components/schemas/${name}`)), []);
    assert(schemas.includes("Publish") && schemas.includes("Problem"));
  }));

Deno.test("openapi.json describes requests by the schemas that check them", () =>
  withApi({}, async (api) => {
    const { paths, components } = await documentOf(api);
    const { requestBody } = paths["/api/v1/publish"].post;
    const publication = { $ref: "#/components/schemas/Publish" };
    assertEquals(requestBody.content["application/json"].schema.anyOf, [
      publication,
      { type: "array", items: publication },
    ]);
    const { channel } = components.schemas.Publish.properties;
    assertEquals([channel.minLength, channel.maxLength], [1, 256]);
    assertEquals(components.schemas.Publish.required, ["channel", "data"]);
    const { parameters } = paths["/api/v1/connections"].get;
    const limit = parameters.find(({ name }: { name: string }) => name === "limit");
    assertEquals(limit.schema, { type: "integer", minimum: 1, maximum: 1_000 });
    assertEquals(limit.required, undefined);
    assertEquals(paths["/healthz"].get.security, []);
  }));

Deno.test("Responses match their schemas in openapi.json", () =>
  withApi({}, async (api) => {
    const { client } = api.subscribe("pdfm");
    const closed = api.world.connect();
    closed.client.close("stale");
    await api.world.clock.turnOver();
    api.suspended = [{ keyId: "k", untilMs: 1 }];
    const document = await documentOf(api);
    for (
      const [path, template] of [
        ["/api/v1/connections"],
        [`/api/v1/connections/${client.id}`, "/api/v1/connections/{id}"],
        ["/api/v1/closed"],
        ["/api/v1/stats"],
        ["/api/v1/channels"],
        ["/api/v1/suspensions"],
        ["/api/v1/ws/clients"],
        ["/api/v1/ws/stats"],
      ]
    ) {
      const { status, body } = await api.json(path);
      assertEquals(status, 200);
      const { content } = document.paths[template ?? path].get.responses["200"];
      assertEquals(mismatches(content["application/json"].schema, body, document), [], path);
    }
  }));

/** A valid body for each operation that takes one. */
const BODIES: Readonly<Record<string, unknown>> = {
  "/api/v1/publish": { channel: "c", data: 1 },
  "/api/v1/ws/unsubscribe": { client_id: "x", event_types: ["pdfm"] },
};

/**
 * Calls every operation, with `x` for each parameter of its path. Those that take a body are sent
 * `body`, by default a valid one.
 *
 * @returns the operations that answer the status, and those that the document describes with it
 */
async function operationsWith(
  status: number,
  api: Api,
  { query = "", body, headers }: Pick<Call, "body" | "headers"> & { query?: string } = {},
) {
  const { paths } = await documentOf(api);
  const answering: string[] = [];
  const described: string[] = [];
  for (const [path, item] of Object.entries(paths)) {
    // deno-lint-ignore no-explicit-any -- as above
    for (const [method, { responses }] of Object.entries<any>(item as object)) {
      const name = `${method} ${path}`;
      const response = await api.call(path.replace(/\{\w+\}/g, "x") + query, {
        method: method.toUpperCase(),
        headers,
        body: path in BODIES ? body ?? BODIES[path] : undefined,
      });
      await response.body?.cancel();
      if (responses[status] !== undefined) described.push(name);
      if (response.status !== status) continue;
      answering.push(name);
      const [type] = response.headers.get("Content-Type")!.split(";");
      assert(responses[status]?.content[type], `${name} ${status} ${type}`);
    }
  }
  return { answering, described };
}

Deno.test("openapi.json describes 403 for every operation: each rejects a foreign Host", () =>
  withApi({ loopbackHostOnly: true }, async (api) => {
    const headers = { Host: "rebound.example" };
    const { answering, described } = await operationsWith(403, api, { headers });
    assertEquals(answering, described);
    assert(described.includes("get /healthz"));
  }));

Deno.test("openapi.json describes 400 for the operations that check a query or a body, and no other", () =>
  withApi({}, async (api) => {
    const call = { query: "?unknown=1", body: "{" };
    const { answering, described } = await operationsWith(400, api, call);
    assertEquals(answering, described);
  }));

Deno.test("openapi.json describes 401 for the operations that need a credential, and no other", () =>
  withApi({ keys: true }, async (api) => {
    const { answering, described } = await operationsWith(401, api);
    assertEquals(answering, described);
  }));

Deno.test("openapi.json describes 404 for the operations whose path names one thing, and no other", () =>
  withApi({}, async (api) => {
    const { answering, described } = await operationsWith(404, api);
    assertEquals(answering, described);
    assert(answering.every((name) => name.includes("{")));
  }));

Deno.test("openapi.json describes 503 for the operations that need a running hub, and no other", async () => {
  await withApi({}, async (api) => {
    api.world.hub.stop();
    api.ready = false;
    const { answering, described } = await operationsWith(503, api);
    assertEquals(answering, described);
  }).catch((error) => {
    // the fixture cannot ask a stopped hub what is left
    if (!String(error).includes("a subscriber is left")) throw error;
  });
});

/** Where a value differs from a schema: in types, missing properties or additional ones. */
// deno-lint-ignore no-explicit-any -- a schema has no static type
function mismatches(schema: any, value: any, root: unknown, at = "$"): string[] {
  if (schema.$ref) return mismatches(resolve(root, schema.$ref), value, root, at);
  if (schema.anyOf) {
    const all = schema.anyOf.map((option: unknown) => mismatches(option, value, root, at));
    return all.some((found: string[]) => found.length === 0) ? [] : all.flat();
  }
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  if (schema.type !== type) return [`${at}: ${type} instead of ${schema.type}`];
  if (type === "array") {
    return value.flatMap((item: unknown, i: number) =>
      mismatches(schema.items, item, root, `${at}[${i}]`)
    );
  }
  if (type !== "object") return [];
  const properties = schema.properties ?? {};
  const missing = (schema.required ?? []).filter((name: string) => !(name in value));
  return [
    ...missing.map((name: string) => `${at}.${name}: missing`),
    ...Object.entries(value).flatMap(([name, inner]) => {
      const known = properties[name] ?? schema.additionalProperties;
      return known ? mismatches(known, inner, root, `${at}.${name}`) : [`${at}.${name}: unknown`];
    }),
  ];
}
