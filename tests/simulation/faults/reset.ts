/** A connection is reset: both sides are told. */

import { anyConnection, type Fault } from "../core/fault.ts";

export const reset: Fault = {
  weight: 3,
  begin(simulation, random) {
    const connection = anyConnection(simulation, random);
    connection?.reset("it is reset");
    return connection?.label;
  },
};
