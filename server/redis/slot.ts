/**
 * The slot of a name in a Redis Cluster. Pure.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** How many slots there are. */
export const SLOTS = 16_384;

/** Of each byte, the remainder of CRC-16/XMODEM (polynomial 0x1021), by which Redis assigns slots. */
const REMAINDERS = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 8;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 0x8000 ? (remainder << 1) ^ 0x1021 : remainder << 1;
  }
  return remainder;
});

/** What stands between the first brace and the first closing one after it decides, if there is anything. */
export function slotOf(name: string): number {
  const open = name.indexOf("{");
  const close = open < 0 ? -1 : name.indexOf("}", open + 1);
  const tag = close > open + 1 ? name.slice(open + 1, close) : name;
  let crc = 0;
  for (const byte of Buffer.from(tag)) crc = ((crc << 8) & 0xffff) ^ REMAINDERS[(crc >> 8) ^ byte];
  return crc % SLOTS;
}
