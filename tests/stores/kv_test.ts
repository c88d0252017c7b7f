import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StartError } from "../../server/base/errors.ts";
import { KvStore } from "../../server/stores/kv.ts";
import { testStore } from "../contracts/store_contract.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

testStore("KvStore", async () => {
  const folder = await Deno.makeTempDir();
  return {
    // A subfolder that does not exist yet.
    shared: false,
    open: (clock) => KvStore.open({ kind: "folder", path: `${folder}/data` }, clock),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
});

Deno.test("KvStore in memory shares no entries with another store", async () => {
  const clock = new VirtualClock();
  const [one, other] = [
    await KvStore.open({ kind: "memory" }, clock),
    await KvStore.open({ kind: "memory" }, clock),
  ];
  await one.put("a", { id: "x", value: 1, expiresAtMs: clock.wall() + 1 });
  assertEquals((await one.get("a", "x"))?.value, 1);
  assertEquals(await other.get("a", "x"), undefined);
  await one.close();
  await other.close();
});

Deno.test("KvStore.open() names DATA_DIR when it cannot write there", async () => {
  const file = await Deno.makeTempFile();
  try {
    const opening = KvStore.open({ kind: "folder", path: file }, new VirtualClock());
    const error = await assertRejects(() => opening, StartError) as Error;
    assertStringIncludes(error.message, `Cannot start: cannot keep data in DATA_DIR ${file}: `);
  } finally {
    await Deno.remove(file);
  }
});
