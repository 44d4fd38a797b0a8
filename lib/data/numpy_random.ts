/**
 * The generator of `numpy.random.seed(n)`: MT19937 (Matsumoto and Nishimura 1998), and the draws that NumPy makes with
 * it. It is used only for splits that are published as a seed; everything else draws from `Random`.
 */
export class NumpyRandom {
  readonly #state = new Uint32Array(624);
  #next = 624;

  /** @param seed a whole number from 0 to 2^32 - 1 */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const before = state[i - 1] ^ (state[i - 1] >>> 30);
      state[i] = Math.imul(before, 1812433253) + i;
    }
  }

  /** 32 random bits. */
  bits(): number {
    if (this.#next === 624) this.#twist();
    let y = this.#state[this.#next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }

  /**
   * A whole number from 0 to `max`: masks random bits below the next power of two, until the result is not above `max`.
   */
  upTo(max: number): number {
    if (max === 0) return 0;
    const mask = 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (this.bits() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  /** `numpy.random.choice(items, count, replace=False)`. */
  choice<T>(items: readonly T[], count: number): T[] {
    const order = items.slice();
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.upTo(i);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order.slice(0, count);
  }
}
