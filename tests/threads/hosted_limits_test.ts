import { MemoryAdmissionRate } from "../../server/brokers/admission_rate.ts";
import { MemoryLimits } from "../../server/brokers/memory_limits.ts";
import {
  HostedAdmissionRate,
  HostedLimits,
  LimitsHost,
} from "../../server/threads/hosted_limits.ts";
import { PortLink } from "../../server/threads/port_link.ts";
import { PER_SECOND, testAdmissionRate } from "../contracts/admission_rate_contract.ts";
import { testLimits } from "../contracts/limits_contract.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { SkippingClock } from "../support/fakes/skipping_clock.ts";

/** Two threads, and the main thread. */
function makeThreads() {
  const clock = new SkippingClock();
  const random = seeded(1);
  const rate = new MemoryAdmissionRate({ perSecond: PER_SECOND, clock, random });
  const host = new LimitsHost(new MemoryLimits(clock), rate);
  const threads = ["a", "b"].map((node) => {
    const { port1, port2 } = new MessageChannel();
    const hosted = { node, link: new PortLink(port1, clock) };
    host.attach(hosted);
    return { hosted, link: new PortLink(port2, clock) };
  });
  return {
    host,
    threads,
    pass: (ms: number) => Promise.resolve(clock.skip(ms)),
    [Symbol.asyncDispose]() {
      for (const { hosted, link } of threads) {
        link.close();
        hosted.link.close();
      }
      return Promise.resolve();
    },
  };
}

testLimits("HostedLimits", () => {
  const { host, threads, ...subject } = makeThreads();
  const [a, b] = threads.map(({ link }) => new HostedLimits(link));
  return Promise.resolve({
    ...subject,
    a,
    b,
    loseB: () => Promise.resolve(host.detach(threads[1].hosted)),
  });
});

testAdmissionRate("HostedAdmissionRate", () => {
  const { threads, ...subject } = makeThreads();
  const [rate, other] = threads.map(({ link }) => new HostedAdmissionRate(link, seeded(2)));
  return Promise.resolve({ ...subject, rate, other, toleranceMs: 100 });
});
