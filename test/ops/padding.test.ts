// Padding equals TensorFlow's definition at every position.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Padding, resolvePadding } from "#lib/ops/conv/padding.js";

const test = suite("padding");
type Triple = [number, number, number];

const paddingEnds = (padding: Padding, size: Triple, kernel: Triple, stride: Triple) =>
  resolvePadding("conv3d", { padding }, size, kernel, stride);

/** The number of windows. */
const positions = (padding: Padding, size: Triple, kernel: Triple, stride: Triple) => {
  const { low, high } = paddingEnds(padding, size, kernel, stride);
  return size.map((n, i) => Math.floor((n + low[i] + high[i] - kernel[i]) / stride[i]) + 1);
};

test("same gives ceil(size / stride) positions, with the surplus zero at the end", () => {
  for (let n = 1; n <= 12; n++) {
    for (let k = 1; k <= 5; k++) {
      for (let s = 1; s <= 4; s++) {
        const all = (v: number): Triple => [v, v, v];
        assert.equal(positions("same", all(n), all(k), all(s)), all(Math.ceil(n / s)), `${n} ${k} ${s}`);
        const { low, high } = paddingEnds("same", all(n), all(k), all(s));
        assert.ok(high[0] - low[0] === 0 || high[0] - low[0] === 1);
        // the padding has no zero beyond the last window
        assert.ok(low[0] + high[0] === 0 || (Math.ceil(n / s) - 1) * s + k === n + low[0] + high[0]);
      }
    }
  }
});

test("same equals the padding of tf.nn.conv3d for a stride of 2", () => {
  assert.equal(paddingEnds("same", [16, 224, 15], [1, 3, 3], [1, 2, 2]), { low: [0, 0, 1], high: [0, 1, 1] });
});

test("valid, numbers and triples are accepted", () => {
  const window = [
    [5, 6, 7],
    [3, 3, 3],
    [1, 1, 1],
  ] as [Triple, Triple, Triple];
  assert.equal(paddingEnds("valid", ...window), { low: [0, 0, 0], high: [0, 0, 0] });
  assert.equal(paddingEnds(2, ...window), { low: [2, 2, 2], high: [2, 2, 2] });
  assert.equal(paddingEnds([0, 1, 2], ...window), { low: [0, 1, 2], high: [0, 1, 2] });
});

test.run();
