// A clip's feature has the same bits whatever the threads, the batch size and its neighbours.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadVideoEncoder } from "../../dist/models/load.js";
import { hashValues } from "../../dist/nn/random_weights.js";
import { resolvePreset } from "../../dist/video/presets.js";

const test = suite("invariance");
const frames = 16;
const size = 64;
const clipBytes = frames * size * size * 3;
const clips = Uint8Array.from(hashValues("invariance/", "clips", 8 * clipBytes), (v) => (v + 1) * 127);
const pick = (order: number[]) => {
  const out = new Uint8Array(order.length * clipBytes);
  order.forEach((from, to) => {
    out.set(clips.subarray(from * clipBytes, (from + 1) * clipBytes), to * clipBytes);
  });
  return out;
};

for (const model of ["s3d", "s3dg", "x3d-s"] as const) {
  const encoder = (threads: number) =>
    loadVideoEncoder({
      model,
      randomWeights: 7,
      preset: resolvePreset(model, { frames, size }),
      threads,
      batch: 8,
      device: "cpu",
    });

  test(`${model}: threads, batch sizes and order do not change a bit`, async () => {
    const one = await encoder(1);
    const two = await encoder(2);
    const order = [5, 2, 7, 0, 3, 6, 1, 4];
    const expected = await one.encode(clips, 8);
    assert.equal(await two.encode(clips, 8), expected);
    const rows = (features: Float32Array, n: number) => features.subarray(n * one.dim, (n + 1) * one.dim);
    const permuted = await two.encode(pick(order), 8);
    order.forEach((from, to) => {
      assert.equal(rows(permuted, to), rows(expected, from));
    });
    const three = await two.encode(pick([4, 1, 6]), 3);
    [4, 1, 6].forEach((from, to) => {
      assert.equal(rows(three, to), rows(expected, from));
    });
    assert.equal(await one.encode(pick([3]), 1), rows(expected, 3).slice());
    // and different clips differ: the test could not fail otherwise
    assert.not.equal(rows(expected, 0).slice(), rows(expected, 1).slice());
    one.dispose();
    two.dispose();
  });
}

test.run();
