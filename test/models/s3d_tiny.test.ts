// The small encoder has the stated size and agrees with the float64 evaluation.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import { elements } from "#lib/graph/tensor.js";
import { input, trace } from "#lib/graph/trace.js";
import { parametersOf } from "#lib/models/parameters.js";
import { resolveOutput, videoOutput } from "#lib/models/video/video_models.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { relativeL2 } from "../support/numbers.js";

const test = suite("s3d-tiny");
const graph = (shape: readonly number[]) =>
  trace(() => ({ y: videoOutput(input("video", shape), "s3d-tiny", "features") }));

test("each clip gives one row of 256 numbers, and the model has 0.78 M parameters", () => {
  assert.equal(resolveOutput("s3d-tiny"), { output: "features", dim: 256 });
  const shapes = parametersOf(graph([2, 8, 64, 64, 3]));
  let count = 0;
  for (const shape of shapes.values()) count += elements(shape);
  assert.is(count, 778_480);
  const kernels = [...shapes]
    .filter(([key]) => key.endsWith("conv.weight"))
    .map(([, shape]) => shape.slice(2).join("x"));
  assert.equal(new Set(kernels), new Set(["1x5x5", "1x3x3", "3x1x1"]));
});

test("results equal the float64 evaluation for every batch, also with sizes that are not multiples of the strides", async () => {
  for (const shape of [
    [2, 8, 32, 32, 3],
    [1, 5, 27, 21, 3],
  ]) {
    const values = new Map([...parametersOf(graph(shape))].map(([key, s]) => [key, hashParameter("tiny/", key, s)]));
    const video = hashValues("tiny/", "video", elements(shape));
    const exact = evaluate64(graph(shape), { video: { shape, data: Float64Array.from(video) } }, (key, s) => ({
      shape: s,
      data: Float64Array.from(values.get(key)!),
    })).y.data;
    const device = createDevice({ device: "cpu" });
    for (const [key, s] of parametersOf(graph(shape))) device.parameters.set(key, s, values.get(key)!);
    const run = (n: number) =>
      compile(optimize(graph([n, ...shape.slice(1)])), device).run({
        video: video.subarray(0, (video.length / shape[0]) * n),
      });
    const { y } = await run(shape[0]);
    const error = relativeL2(y, exact);
    assert.ok(error < 1e-5, `${shape.join("x")}: ${error}`);
    assert.equal((await run(1)).y, y.subarray(0, 256));
    device.dispose();
  }
});

test.run();
