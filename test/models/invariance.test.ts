// A clip's feature has the same bits for every number of threads, batch size and neighbours.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { hashValues } from "#lib/nn/random_weights.js";

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
    VideoEncoder.random(7, { model, preset: { frames, size }, threads, batch: 8, device: "cpu" });

  test(`${model}: threads, batch sizes and order do not change a bit`, async () => {
    const one = encoder(1);
    const two = encoder(2);
    const encode = async (by: VideoEncoder, of: Uint8Array) => (await by.encode(of)).data;
    const order = [5, 2, 7, 0, 3, 6, 1, 4];
    const expected = await encode(one, clips);
    assert.equal(await encode(two, clips), expected);
    const rows = (features: Float32Array, n: number) => features.subarray(n * one.dim, (n + 1) * one.dim);
    const permuted = await encode(two, pick(order));
    order.forEach((from, to) => {
      assert.equal(rows(permuted, to), rows(expected, from));
    });
    const three = await encode(two, pick([4, 1, 6]));
    [4, 1, 6].forEach((from, to) => {
      assert.equal(rows(three, to), rows(expected, from));
    });
    assert.equal(await encode(one, pick([3])), rows(expected, 3).slice());
    // different clips have different features: otherwise the test could not fail
    assert.not.equal(rows(expected, 0).slice(), rows(expected, 1).slice());
    one.dispose();
    two.dispose();
  });
}

test.run();
