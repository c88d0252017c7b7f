import { assert, assertEquals, assertThrows } from "@std/assert";
import { planOf } from "./core/plan.ts";
import { SimRandom } from "./core/random.ts";
import { forbidRealTime } from "./core/real_time_guard.ts";
import { Scheduler } from "./core/scheduler.ts";
import { shrink } from "./core/shrink.ts";
import { type Invariant, simulate } from "./core/simulation.ts";
import { MUTANTS } from "./mutants/list.ts";

/** Seeds of `deno task test`; CI runs more, and fresh ones. */
const SEEDS = 20;

Deno.test("No invariant is broken in the first seeds", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { findings } = await simulate(planOf(seed));
    assertEquals(findings, [], `deno task sim --seed=${seed}`);
  }
});

for (const isSeveral of [false, true]) {
  const name = isSeveral ? "several nodes" : "one node";

  Deno.test(`A seed of ${name} gives the same events at each run, whatever ran before`, async () => {
    const plans = Array.from({ length: 20 }, (_, i) => planOf(i + 7))
      .filter(({ nodes = 1 }) => (nodes > 1) === isSeveral);
    const first = await simulate(plans[0]);
    await simulate(plans[1]);
    const second = await simulate(plans[0]);
    assertEquals([second.hash, second.events], [first.hash, first.events]);
    assert((await simulate(plans[2])).hash !== first.hash);
  });
}

Deno.test("A client that is left out changes nothing of what the others draw", async () => {
  const drawn = (name: string) => new SimRandom("seed").fork(name).number();
  assertEquals(drawn("client 1"), drawn("client 1"));
  assert(drawn("client 1") !== drawn("client 2"));
  const plan = planOf(7);
  const { findings } = await simulate({ ...plan, clients: plan.clients.slice(1) });
  assertEquals(findings, []);
});

Deno.test("A failing plan is shrunk to what it needs", async () => {
  const noTalo: Invariant = {
    name: "no talo",
    watch: (simulation) => ({
      on(happening) {
        const isTalo = happening.kind === "opened" &&
          happening.connection.truth.profile === "talo";
        if (isTalo) simulation.find("no talo", "a talo client came in");
      },
    }),
  };
  const options = { invariants: [noTalo] };
  const seed = [1, 2, 3, 4, 5].find((seed) =>
    planOf(seed).clients.some(({ kind }) => kind === "talo")
  )!;
  const failed = await simulate(planOf(seed), options);
  const { plan, findings } = await shrink(failed, options);
  assertEquals([findings[0].invariant, plan.faults], ["no talo", []]);
  assertEquals(plan.clients.length, 1, "of whichever kind: others speak talo, too");
});

Deno.test("Real time and randomness are errors while a simulation runs, and are written down", () => {
  const used: string[] = [];
  const allow = forbidRealTime((name) => used.push(name));
  try {
    assertThrows(() => Date.now());
    assertThrows(() => new Date());
    assertThrows(() => performance.now());
    assertThrows(() => Math.random());
    assertThrows(() => setTimeout(() => {}, 1));
    assertThrows(() => crypto.randomUUID());
    assertEquals(new Date(5).getTime(), 5);
  } finally {
    allow();
  }
  assertEquals(used.length, 6);
  assert(Date.now() > 0 && new Date().getTime() > 0);
});

Deno.test("Events run in the order of their times, and promise jobs after each", async () => {
  const scheduler = new Scheduler();
  const seen: string[] = [];
  scheduler.after(2, () => seen.push("c"));
  scheduler.after(1, () => {
    seen.push("a");
    Promise.resolve().then(() => {}).then(() => seen.push("b"));
  });
  scheduler.cancel(scheduler.after(1.5, () => seen.push("cancelled")));
  await scheduler.run(10, () => false);
  assertEquals([seen, scheduler.nowMs], [["a", "b", "c"], 10]);
});

Deno.test("Each fault to plant has its place in the code", async () => {
  for (const { name, file, find } of MUTANTS) {
    const text = await Deno.readTextFile(new URL(`../../server/${file}`, import.meta.url));
    assertEquals(text.split(find).length, 2, `"${name}" in ${file}`);
  }
});
