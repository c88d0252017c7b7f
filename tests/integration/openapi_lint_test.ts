/**
 * The OpenAPI document keeps the rules that redocly recommends, warnings included. The linter runs
 * in a process of its own: an import in deno.json would add 25 MB to every first start of the hub.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { outputOf } from "../support/peers/program.ts";
import { withApi } from "../support/server/api.ts";
import { withFolder } from "../support/temporary_folder.ts";

const LINT = `
import { createConfig, lintFromString } from "npm:@redocly/openapi-core@2.64.0";

const source = await Deno.readTextFile("openapi.json");
const config = await createConfig({ extends: ["recommended"] });
const problems = await lintFromString({ source, config, absoluteRef: "openapi.json" });
console.log(JSON.stringify(problems.map(({ severity, ruleId, message, location }) =>
  severity + " " + ruleId + " " + location[0].pointer + ": " + message
)));
`;

integrationTest(
  "openapi.json passes redocly's recommended rules",
  () =>
    withApi({}, async (api) => {
      await withFolder(async (folder) => {
        await Deno.writeTextFile(`${folder}/lint.js`, LINT);
        const document = await (await api.call("/api/v1/openapi.json")).text();
        await Deno.writeTextFile(`${folder}/openapi.json`, document);
        const args = ["run", "--no-config", "--no-lock", "--quiet", "--allow-all", "lint.js"];
        const found = await outputOf([Deno.execPath(), ...args], { cwd: folder });
        assertEquals(JSON.parse(found), []);
      });
    }),
);
