/**
 * The version of this program. `deno.json` is the only place that holds it.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };

export const VERSION: string = config.version;
