// Padding by word, number and triple; weights in TensorFlow's layout; reductions over any axes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as ops from "#lib/ops.js";

const test = suite("ops padding");

const numbers = (...shape: number[]) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(i * 1.7))),
});

test("same is TensorFlow's padding, including stride", async () => {
  // [size, kernel, stride] to the padding that TensorFlow adds before and after (tf.nn.convolution, "Notes on padding")
  const rows: [number, number, number, number, number][] = [
    [5, 3, 1, 1, 1],
    [5, 3, 2, 1, 1],
    [6, 3, 2, 0, 1],
    [7, 2, 2, 0, 1],
    [4, 1, 2, 0, 0],
    [5, 4, 3, 1, 1],
    [3, 2, 1, 0, 1],
  ];
  for (const [size, k, stride, before, behind] of rows) {
    const [x, weight] = [numbers(1, 1, size, 1, 2), numbers(3, 2, 1, k, 1)];
    const [steps, low, high] = [
      [1, stride, 1],
      [0, before, 0],
      [0, behind, 0],
    ] as const;
    const same = await ops.conv3d(x, weight, { stride: steps, padding: "same" });
    assert.is(same.shape[2], Math.ceil(size / stride));
    assert.equal(same, await ops.conv3d(x, weight, { stride: steps, low, high }));
    const pool = { kernel: [1, k, 1], stride: steps } as const;
    const max = await ops.maxPool3d(x, { ...pool, padding: "same" });
    assert.equal(max, await ops.maxPool3d(x, { ...pool, low, high }));
    const mean = await ops.avgPool3d(x, { ...pool, padding: "same" });
    assert.equal(mean, await ops.avgPool3d(x, { ...pool, low, high, countIncludePad: false }));
  }
});

test("padding can be valid, a number or a triple", async () => {
  const [x, weight] = [numbers(1, 4, 5, 6, 2), numbers(3, 2, 3, 3, 3)];
  const plain = await ops.conv3d(x, weight);
  assert.equal(await ops.conv3d(x, weight, { padding: "valid" }), plain);
  assert.equal(await ops.conv3d(x, weight, { padding: 0 }), plain);
  const one = await ops.conv3d(x, weight, { low: [1, 1, 1] });
  assert.equal(await ops.conv3d(x, weight, { padding: 1 }), one);
  const some = await ops.conv3d(x, weight, { low: [0, 1, 2], stride: [2, 2, 2] });
  assert.equal(await ops.conv3d(x, weight, { padding: [0, 1, 2], stride: 2 }), some);
  assert.equal(await ops.avgPool3d(x, { kernel: 2 }), await ops.avgPool3d(x, { kernel: [2, 2, 2], stride: [2, 2, 2] }));
});

test("the value of a max pool's padding is chosen by its name or by the deprecated names", async () => {
  const x = { data: new Float32Array(8).fill(-1), shape: [1, 2, 2, 2, 1] };
  const window = { kernel: 2, stride: 1 } as const;
  const low = [1, 0, 0] as const;
  const zero = await ops.maxPool3d(x, { ...window, padding: low, padValue: "zero" });
  assert.equal([...zero.data], [0, -1, 0]);
  assert.equal(await ops.maxPool3d(x, { ...window, low, padding: "zero" }), zero);
  const none = await ops.maxPool3d(x, { ...window, low, padding: "-inf" });
  assert.equal([...none.data], [-1, -1, -1]);
  assert.equal(await ops.maxPool3d(x, { ...window, low }), none);
});

test("weights in TensorFlow's layout give the same result", async () => {
  for (const groups of [1, 2]) {
    const [x, filter] = [numbers(2, 3, 4, 4, 4), numbers(2, 3, 1, 4 / groups, 6)];
    const weight = await ops.permute(filter, [4, 3, 0, 1, 2]);
    const options = { groups, padding: "same", activation: "relu" } as const;
    const expected = await ops.conv3d(x, weight, options);
    assert.equal(await ops.conv3d(x, filter, { ...options, weightLayout: "DHWIO" }), expected);
  }
});

test("reductions work over any axes", async () => {
  const x = numbers(3, 4, 5, 2);
  for (const axes of [undefined, 0, 3, [1, 2], [0, 2], [3, 0], [0, 1, 2, 3], []]) {
    const over = axes === undefined ? [0, 1, 2, 3] : [axes].flat();
    const [sums, tops] = [new Map<string, number>(), new Map<string, number>()];
    x.data.forEach((v, i) => {
      const at = [Math.floor(i / 40), Math.floor(i / 10) % 4, Math.floor(i / 2) % 5, i % 2];
      const key = at.filter((_, axis) => !over.includes(axis)).join();
      sums.set(key, (sums.get(key) ?? 0) + v);
      tops.set(key, Math.max(tops.get(key) ?? -Infinity, v));
    });
    const kept = x.shape.filter((_, axis) => !over.includes(axis));
    const sum = await ops.reduceSum(x, axes);
    assert.equal(sum.shape, kept);
    [...sums.values()].forEach((v, i) =>
      assert.ok(Math.abs(sum.data[i] - v) < 1e-5, `sum over ${axes}: ${sum.data[i]} for ${v}`),
    );
    const top = await ops.reduceMax(x, axes, { keepDims: true });
    assert.equal(
      top.shape,
      x.shape.map((n, axis) => (over.includes(axis) ? 1 : n)),
    );
    assert.equal([...top.data], [...tops.values()]);
  }
  const first = { data: Float32Array.of(1, Number.NaN, 3), shape: [3] };
  assert.ok(Number.isNaN((await ops.reduceMax(first)).data[0]));
});

test("NaN is propagated", async () => {
  const row = { data: Float32Array.of(Number.NaN, 1, 2), shape: [1, 3] };
  assert.ok((await ops.l2Normalize(row)).data.every(Number.isNaN));
});

test("the loss of cross-entropy is the mean of its rows", async () => {
  const x = numbers(5, 7);
  const target = { data: Int32Array.of(0, 6, -100, 3, 2), shape: [5] };
  const { loss, logSumExp } = await ops.crossEntropy(x, target);
  let [sum, count] = [0, 0];
  target.data.forEach((t, row) => {
    if (t === -100) return;
    sum += logSumExp.data[row] - x.data[row * 7 + t];
    count++;
  });
  assert.ok(Math.abs(loss - sum / count) < 1e-6);
});

test.after(() => ops.dispose());
test.run();
