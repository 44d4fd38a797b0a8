/** A block of four 32-bit numbers. */
export type Block = readonly [number, number, number, number];

/** High and low halves of the 64-bit product of two 32-bit numbers. */
function multiply(a: number, b: number): [number, number] {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const low = al * bl;
  const middle = ah * bl + (low >>> 16); // below 2^33: exact
  const cross = al * bh + (middle % 0x10000);
  const high = ah * bh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}

/**
 * Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter and a key to four
 * uniform 32-bit numbers. Native kernels draw the same numbers.
 */
export function philox(counter: Block, key: readonly [number, number]): [number, number, number, number] {
  let [x0, x1, x2, x3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, x0);
    const [high1, low1] = multiply(0xcd9e8d57, x2);
    [x0, x1, x2, x3] = [(high1 ^ x1 ^ k0) >>> 0, low1, (high0 ^ x3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [x0 >>> 0, x1 >>> 0, x2 >>> 0, x3 >>> 0];
}

/**
 * A stream of random numbers that is a pure function of its key: (seed, stream, index) always gives the same draws,
 * independent of the caller and the order. All three are integers from 0 to 2^32 - 1.
 */
export class Random {
  #block: number[] = [];
  #next = 0;

  constructor(
    readonly seed: number,
    readonly stream = 0,
    readonly index = 0,
  ) {}

  /** A uniform integer from 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#block.length === 0) {
      const counter: Block = [this.#next >>> 0, Math.floor(this.#next / 2 ** 32) >>> 0, this.index >>> 0, 0];
      this.#block = philox(counter, [this.seed >>> 0, this.stream >>> 0]).reverse();
      this.#next++;
    }
    return this.#block.pop()!;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /**
   * A uniform integer from `low` to `high`, both inclusive; unbiased (draws of an incomplete last round are rejected).
   */
  integer(low: number, high: number): number {
    const span = high - low + 1;
    if (span <= 1) return low;
    const limit = 2 ** 32 - (2 ** 32 % span);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return low + (draw % span);
  }

  /** A fair coin. */
  coin(): boolean {
    return (this.uint32() & 0x80000000) !== 0;
  }

  /** Standard normal (Box and Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Shuffles in place (Fisher and Yates) and returns the array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** `count` different items, in random order. */
  sample<T>(items: readonly T[], count: number): T[] {
    const pool = [...items];
    const taken = Math.min(count, pool.length);
    for (let i = 0; i < taken; i++) {
      const j = this.integer(i, pool.length - 1);
      [pool[i], pool[j]] = [pool[j], pool[i]];
    }
    return pool.slice(0, taken);
  }
}
