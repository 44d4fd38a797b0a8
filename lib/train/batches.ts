import { InvalidArgumentError } from "../base/errors.js";
import { Random } from "../base/random.js";
import { RANDOM_STREAMS } from "../base/random_streams.js";

/**
 * The examples, of `count`, in batch number `index`. Every epoch is a new order of all examples, drawn from the seed.
 * Examples that do not fill a last batch are left out of the epoch.
 */
export function shuffledBatches(count: number, size: number, seed: number): (index: number) => number[] {
  const perEpoch = Math.floor(count / size);
  if (perEpoch < 1) {
    throw new InvalidArgumentError(`batches: expected at least ${size} examples, received ${count}`, {
      argument: "examples",
      expected: size,
      received: count,
    });
  }
  let known = { epoch: -1, order: [] as number[] };
  return (index) => {
    const epoch = Math.floor(index / perEpoch);
    if (known.epoch !== epoch) {
      const all = Array.from({ length: count }, (_, i) => i);
      known = { epoch, order: new Random(seed, RANDOM_STREAMS.exampleOrder, epoch).shuffle(all) };
    }
    const first = (index % perEpoch) * size;
    return known.order.slice(first, first + size);
  };
}

/** Rows of different lengths as i32 `[rows, length]`, padded with `fill`. */
export function padded(rows: readonly (readonly number[])[], length: number, fill: number): Int32Array {
  const out = new Int32Array(rows.length * length).fill(fill);
  rows.forEach((row, i) => out.set(row.slice(0, length), i * length));
  return out;
}

/** u8 `[rows, length]`: 1 where a row has a token. */
export function maskOf(lengths: readonly number[], length: number): Uint8Array {
  const out = new Uint8Array(lengths.length * length);
  lengths.forEach((n, i) => out.fill(1, i * length, i * length + Math.min(n, length)));
  return out;
}

/** Number of valid targets, and number of correct predictions. */
export function accuracy(logits: Float32Array, targets: ArrayLike<number>, classes: number, ignore = -100): number {
  let right = 0;
  let count = 0;
  for (let i = 0; i < targets.length; i++) {
    if (targets[i] === ignore) continue;
    count++;
    let best = 0;
    for (let c = 1; c < classes; c++) if (logits[i * classes + c] > logits[i * classes + best]) best = c;
    if (best === targets[i]) right++;
  }
  return count === 0 ? 0 : right / count;
}
