// Rows are averaged over clips and crops; clips and crops are at the right places.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { averageViewsOf, type ViewsOptions } from "#lib/features/views.js";
import { averageViews, type ClipEncoder, openVideo, type OpenVideoFunction, resolvePreset } from "#lib/index.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("views");
const folder = temporaryFolder("views");

const preset = resolvePreset("x3d-s", { size: 2, frames: 4 });
/** An encoder that returns the first byte of each clip, and 1. */
const encoder = (batch: number): ClipEncoder => ({
  preset,
  batch,
  dim: 2,
  encode: (clips) =>
    Promise.resolve({ data: Float32Array.from(clips.flatMap((clip) => [clip[0], 1])), shape: [clips.length, 2] }),
});

const average = (options: ViewsOptions, decode: OpenVideoFunction) => averageViewsOf("v", options, decode);

const opened: string[] = [];
/**
 * A video of `count` sampled frames with a stated length of `seconds`: clip i is filled with i, plus 100 in the high
 * crop.
 */
const fake =
  (count: number, seconds = count / preset.fps): OpenVideoFunction =>
  (path, { preset: { stride, cropPosition, frames } }) => {
    assert.is(stride, 1);
    opened.push(`${cropPosition}`);
    const info = { path, duration: seconds } as never;
    return Promise.resolve({
      info,
      close: () => Promise.resolve(),
      async *[Symbol.asyncIterator]() {
        for (let index = 0; index <= Math.max(0, count - frames); index++) {
          const value = index + (cropPosition === "high" ? 100 : 0);
          await Promise.resolve();
          yield {
            index,
            start: index / preset.fps,
            end: (index + frames) / preset.fps,
            frames: new Uint8Array(frames * 12).fill(value),
            paddedFrames: Math.max(0, frames - count),
          };
        }
      },
    });
  };

test("clips are spread evenly from the start to the end, in three crops", async () => {
  opened.length = 0;
  const { data: row, shape, views, starts } = await average({ encoder: encoder(3), clips: 4 }, fake(34));
  assert.equal(opened, ["low", "center", "high"]);
  assert.is(views, 12);
  assert.equal(shape, [2]);
  assert.equal(starts, [0, 10, 20, 30].map((i) => i / preset.fps)); // prettier-ignore
  assert.ok(Math.abs(row[0] - (15 + 100 / 3)) < 1e-4);
  assert.is(row[1], 1);
});

test("one clip and one crop are in the middle", async () => {
  opened.length = 0;
  const { data: row, views } = await average({ encoder: encoder(3), clips: 1, crops: 1 }, fake(34));
  assert.equal([opened, views, row[0]], [["center"], 1, 15]);
});

test("a short video repeats clips to reach the number of clips", async () => {
  const short = await average({ encoder: encoder(2), clips: 5, crops: 1 }, fake(5));
  assert.equal([short.views, short.starts.length], [5, 5]);
  assert.ok(Math.abs(short.data[0] - 3 / 5) < 1e-6, "starts 0, 0, 1, 1, 1"); // 0.5 rounds up
  const shorter = await average({ encoder: encoder(2), clips: 5, crops: 1 }, fake(2));
  assert.equal([shorter.views, shorter.data[0]], [5, 0]);
  const wrong = await average({ encoder: encoder(2), clips: 3, crops: 1 }, fake(8, 100));
  assert.ok(Math.abs(wrong.data[0] - 8 / 3) < 1e-5, "0, 4, 4");
});

test("impossible options are refused", async () => {
  const options = { encoder: encoder(1) };
  await refused(averageViews("v", { ...options, clips: 0 }), /clips: expected an integer from 1 to 1000, received 0/);
  await refused(averageViews("v", { ...options, crops: 2 as never }), /crops: expected 1 or 3, received 2/);
  await refused(average(options, fake(9, 0)), /v: it does not say how long it is; use clips: 1/);
  assert.throws(() => resolvePreset({ ...preset, cropPosition: "left" as never }), /cropPosition must be low, center/);
});

for (const [width, height] of [
  [320, 180],
  [180, 320],
]) {
  test(`crops of ${width} x ${height} are at both ends and in the middle of the longer side`, async () => {
    const path = join(folder, `${width}.mp4`);
    await makeVideo(path, { seed: 5, seconds: 1, width, height });
    const side = 90;
    const crops: Uint8Array[] = [];
    for (const cropPosition of ["low", "center", "high"] as const) {
      const small = { ...resolvePreset("s3dg-mmpt", { frames: 1, size: side }), resize: side, cropPosition };
      for await (const clip of await openVideo(path, { preset: small })) {
        crops.push(clip.frames);
        break;
      }
    }
    // the longer side of the frame is 160: 0..89, 35..124, 70..159
    const same = (a: Uint8Array, shiftA: number, b: Uint8Array) => {
      for (let along = 0; along + shiftA < side; along++)
        for (let across = 0; across < side; across++)
          for (let c = 0; c < 3; c++) {
            const at = (i: number) => 3 * (width > height ? across * side + i : i * side + across) + c;
            if (a[at(along + shiftA)] !== b[at(along)]) return false;
          }
      return true;
    };
    const [low, center, high] = crops;
    assert.ok(same(low, 35, center) && same(low, 70, high) && same(center, 35, high));
    assert.not.ok(same(low, 0, center));
  });
}

test.run();
