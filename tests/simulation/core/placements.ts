/**
 * Which message of a channel Redis has put where, and when: what subscribers are to get.
 *
 * @module
 */

/** The messages of the present epoch of a channel. */
interface Placed {
  readonly epoch: string;
  readonly firstOffset: number;
  readonly atMs: number[];
}

export class Placements {
  readonly #byKey = new Map<string, Placed>();
  readonly #epochs = new Map<string, Set<string>>();

  /** A channel has a message more. @returns what is wrong with that */
  add(
    key: string,
    { epoch, offset, atMs }: {
      readonly epoch: string;
      readonly offset: number;
      readonly atMs: number;
    },
  ): string | undefined {
    const placed = this.#byKey.get(key);
    if (placed?.epoch === epoch) {
      placed.atMs.push(atMs);
      const next = placed.firstOffset + placed.atMs.length - 1;
      if (offset === next) return undefined;
      this.#byKey.set(key, { epoch, firstOffset: offset, atMs: [atMs] });
      return `${epoch} goes on with ${offset}, and not with ${next}`;
    }
    let epochs = this.#epochs.get(key);
    if (epochs === undefined) this.#epochs.set(key, epochs = new Set());
    const isOld = epochs.has(epoch);
    epochs.add(epoch);
    this.#byKey.set(key, { epoch, firstOffset: offset, atMs: [atMs] });
    return isOld ? `${epoch} begins a second time` : undefined;
  }

  /** Redis has lost data: an epoch may go on with any offset. */
  forget(): void {
    this.#byKey.clear();
  }

  /** When the message after a place was put there; undefined: it was not, or in another epoch. */
  timeAfter(
    key: string,
    { epoch, offset }: { readonly epoch: string; readonly offset: number },
  ): number | undefined {
    const placed = this.#byKey.get(key);
    return placed?.epoch === epoch ? placed.atMs[offset + 1 - placed.firstOffset] : undefined;
  }
}
