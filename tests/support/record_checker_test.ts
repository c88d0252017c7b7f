import { assertEquals } from "@std/assert";
import { type ChannelRecord, RecordChecker } from "./record_checker.ts";

const CHANNELS = ["a", "b"];
const COUNT = 4;
const PUBLISHED = new Map(CHANNELS.map((channel) => [channel, COUNT]));

/** The records of both channels, one after the other in turn. */
const RECORDS: readonly ChannelRecord[] = Array.from({ length: COUNT }, (_, index) => index + 1)
  .flatMap((number) => CHANNELS.map((channel) => ({ channel, number })));

/** What a checker says of records that each come on their channel, unless told otherwise. */
function checked(
  records: readonly ChannelRecord[],
  channelOf = ({ channel }: ChannelRecord) => channel,
) {
  const checker = new RecordChecker(CHANNELS);
  for (const record of records) checker.take(channelOf(record), record);
  const { faults } = checker;
  return { faults, isComplete: checker.isComplete(PUBLISHED) };
}

Deno.test("RecordChecker has no complaint about all records in order", () => {
  assertEquals(checked(RECORDS), { faults: [], isComplete: true });
});

Deno.test("RecordChecker complains of each record that is lost", () => {
  for (const [index, { channel, number }] of RECORDS.entries()) {
    const { faults, isComplete } = checked(RECORDS.toSpliced(index, 1));
    const isLast = number === COUNT;
    assertEquals(isComplete, !isLast);
    assertEquals(faults, isLast ? [] : [`${channel}: got ${number + 1} after ${number - 1}`]);
  }
});

Deno.test("RecordChecker complains of each record that comes twice", () => {
  for (const [index, record] of RECORDS.entries()) {
    const { channel, number } = record;
    const atOnce = checked(RECORDS.toSpliced(index, 0, record));
    assertEquals(atOnce, {
      faults: [`${channel}: got ${number} after ${number}`],
      isComplete: true,
    });
    const atTheEnd = checked([...RECORDS, record]);
    assertEquals(atTheEnd.faults, [`${channel}: got ${number} after ${COUNT}`]);
  }
});

Deno.test("RecordChecker complains of two records of a channel that are swapped", () => {
  const swapped = RECORDS.toSpliced(2, 1, RECORDS[4]).toSpliced(4, 1, RECORDS[2]); // a2 and a3
  assertEquals(checked(swapped).faults, ["a: got 3 after 1", "a: got 2 after 3"]);
});

Deno.test("RecordChecker complains of a record of another channel, and does not count it", () => {
  const wrong = (record: ChannelRecord) => record === RECORDS[1] ? "a" : record.channel;
  assertEquals(checked(RECORDS, wrong).faults, ["a: got 1 of b", "b: got 2 after 0"]);
  const stray = { channel: "c", number: 1 };
  assertEquals(checked([stray, ...RECORDS]), { faults: ["c: got 1 of c"], isComplete: true });
});
