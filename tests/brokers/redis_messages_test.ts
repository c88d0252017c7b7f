import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { channelKeys } from "../../server/redis/keys.ts";
import {
  parseLive,
  parseRelay,
  publicationText,
  relayText,
  unkeptText,
} from "../../server/brokers/redis_messages.ts";
import type { Publication } from "../../server/message.ts";

const text = fc.string({ unit: "binary" });
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) =>
  String.fromCharCode(...units)
);

Deno.test("All keys of a channel are in the slot of its name, whatever that is", () => {
  fc.assert(fc.property(anyText, text, (channel, key) => {
    const keys = channelKeys("p:", channel);
    for (const name of [keys.position, keys.messages, keys.live, keys.id(key)]) {
      // Redis Cluster: what stands between the first brace and the first closing one after it.
      const [, slot] = /^[^{]*\{([^}]+)\}/.exec(name) ?? [];
      assertEquals(slot, /^p:v1:\{(.*)\}:position$/.exec(keys.position)?.[1]);
      assert(name.isWellFormed());
    }
  }));
});

Deno.test("Different channels have different keys, also those that are no Unicode", () => {
  assertNotEquals(channelKeys("p:", "a\ud800").live, channelKeys("p:", "a\ud801").live);
  fc.assert(fc.property(anyText, anyText, (a, b) => {
    assertEquals(channelKeys("p:", a).live === channelKeys("p:", b).live, a === b);
    assertEquals(channelKeys("p:", "c").id(a) === channelKeys("p:", "c").id(b), a === b);
  }));
});

Deno.test("A text is read as it was published", () => {
  const publication = fc.record({
    kind: fc.constant("publication" as const),
    channel: fc.constant("c"),
    data: fc.jsonValue().map((value) => JSON.stringify(value, undefined, 1)),
    timestamp: fc.nat(),
    by: fc.option(text, { nil: undefined }),
  });
  fc.assert(fc.property(publication, (sent: Publication) => {
    const unkept = {
      kind: "publication" as const,
      epoch: undefined,
      publication: { ...sent, offset: undefined },
    };
    assertEquals(parseLive("c", unkeptText(sent)), unkept);
    const kept = parseLive("c", `e1 42 7 ${publicationText(sent)}`);
    const read = { ...sent, offset: 42, timestamp: 7 };
    assertEquals(kept, { kind: "publication", epoch: "e1", publication: read });
  }));
  const relay = { kind: "relay", profile: "tank", text: '"\n', sender: "s" } as const;
  assertEquals(parseRelay(relayText(relay)), relay);
});
