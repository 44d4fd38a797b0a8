// A convolution of few channels in bf16 reads runs in place, with weights of zero for the values behind a run. A value
// that is not finite must change the outputs whose windows contain it, and no others.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fromBits, toBfloat16 } from "#lib/base/half_floats.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { conv3dAttrs } from "#lib/ops/conv/conv3d.js";
import { conv3dBf16 } from "#lib/ops/conv/conv3d_bf16.js";
import * as ops from "#lib/ops.js";

const test = suite("stems in bf16");
const [H, W, outputs] = [6, 23, 5];
const attrs = conv3dAttrs({ outChannels: outputs, kernel: [1, 3, 3], low: [0, 1, 1], high: [0, 1, 1] });
const weight = { shape: [outputs, 3, 1, 3, 3], data: hashValues("", "stem/weight", outputs * 27) };

async function convolve(values: Float32Array): Promise<Float64Array> {
  const x = { shape: [1, 1, H, W, 3], data: Uint16Array.from(values, toBfloat16), dtype: "bf16" as const };
  const [y] = await ops.runOp(conv3dBf16, [x, weight, null, null, null], attrs);
  return Float64Array.from(y.data as unknown as Uint16Array, (bits) => fromBits(bits << 16));
}

for (const bad of [NaN, Infinity]) {
  test(`${bad} reaches the outputs whose windows contain it, and no others`, async () => {
    const values = hashValues("", "stem/x", H * W * 3);
    const finite = await convolve(values);
    for (const [h, w] of [
      [2, 7],
      [0, 0],
      [H - 1, W - 1],
      [3, W - 1],
    ]) {
      const changed = values.slice();
      changed[(h * W + w) * 3 + 1] = bad;
      (await convolve(changed)).forEach((value, i) => {
        const [row, column] = [Math.floor(i / outputs / W), Math.floor(i / outputs) % W];
        const inside = Math.abs(row - h) <= 1 && Math.abs(column - w) <= 1;
        if (inside) assert.not(Number.isFinite(value), `${row}, ${column}`);
        else assert.is(value, finite[i], `${row}, ${column}`);
      });
    }
  });
}

test.after(() => ops.dispose());
test.run();
