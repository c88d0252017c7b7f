/**
 * The randomness of a simulation: everything is drawn from one seed. A part that draws for itself gets
 * its own stream by name, so that leaving out one part changes nothing for the others.
 *
 * @module
 */

export class SimRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  readonly #seed: string;

  /** @param seed any text or number */
  constructor(seed: number | string) {
    const text = this.#seed = `${seed}`;
    this.#a = hashOf(text, 0x9E3779B9);
    this.#b = hashOf(text, 0x85EBCA6B);
    this.#c = hashOf(text, 0xC2B2AE35);
    for (let i = 0; i < 12; i++) this.#next();
  }

  /** A stream of its own, which draws nothing from this one. */
  fork(name: string): SimRandom {
    return new SimRandom(`${this.#seed}/${name}`);
  }

  /** Uniform in [0, 1). */
  number(): number {
    return this.#next() / 2 ** 32;
  }

  /** An integer from 0 to `end - 1`. */
  int(end: number): number {
    return Math.floor(this.number() * end);
  }

  /** Uniform between two numbers. */
  between(from: number, to: number): number {
    return from + this.number() * (to - from);
  }

  /** Between two numbers, short ones as often as long ones. */
  spread(from: number, to: number): number {
    const x = this.number();
    return from + (to - from) * x * x;
  }

  chance(probability: number): boolean {
    return this.number() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)];
  }

  /** One of several, as often as its weight says. */
  weighted<T extends { readonly weight: number }>(items: readonly T[]): T {
    let left = this.number() * items.reduce((sum, { weight }) => sum + weight, 0);
    for (const item of items) {
      left -= item.weight;
      if (left < 0) return item;
    }
    return items.at(-1)!;
  }

  /** A UUID of version 4 in form. */
  uuid(): string {
    const hex = [this.#next(), this.#next(), this.#next(), this.#next()]
      .map((word) => word.toString(16).padStart(8, "0")).join("");
    const variant = "89ab"[parseInt(hex[16], 16) & 3];
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-` +
      `${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  /** sfc32: passes PractRand, and needs integers alone, so that every machine draws the same. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }
}

/** FNV-1a with another start. */
function hashOf(text: string, start: number): number {
  let hash = start | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
