/** One of several nodes ends at once, and another one takes its place after a while. */

import type { Fault } from "../core/fault.ts";
import { crash } from "./crash.ts";

export const nodeKilled: Fault = { ...crash, weight: 4, isOfNodes: true };
