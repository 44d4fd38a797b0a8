// Batches by retrieval: exact neighbours by both metrics and in both storage types, coverage, determinism.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planRetrieval, videoVector } from "#lib/data/retrieval.js";
import * as ops from "#lib/ops.js";
import { Random } from "#lib/base/random.js";
import { floatToHalf, halfToFloat } from "#lib/base/half_floats.js";
import { refused } from "../support/errors.js";

const test = suite("retrieval batches");
const width = 5;
const videos = 300;
const random = new Random(1);
// norms differ so much that the nearest row by distance is not the nearest by dot product
const vectors = Float32Array.from({ length: videos * width }, (_, i) =>
  halfToFloat(floatToHalf(random.normal() * (1 + (Math.floor(i / width) % 7) * 3))),
);
const row = (i: number) => vectors.subarray(i * width, (i + 1) * width);
const distance = (a: number, b: number) => row(a).reduce((sum, v, i) => sum + (v - row(b)[i]) ** 2, 0);
const dot = (a: number, b: number) => row(a).reduce((sum, v, i) => sum + v * row(b)[i], 0);

/**
 * The query of each batch is its first neighbour; with k candidates for k places the batch is the whole neighbourhood.
 */
async function neighbourhoods(data: Float32Array | Uint16Array, metric: "l2" | "dot") {
  const { groups } = await planRetrieval(data, width, { size: 8, candidates: 8, metric, seed: 4, epoch: 2 });
  return groups.map((group) => [...group].sort((a, b) => a - b).join());
}

const nearest = (score: (other: number) => number) =>
  Array.from({ length: videos }, (_, i) => i)
    .sort((a, b) => score(b) - score(a) || a - b)
    .slice(0, 8)
    .sort((a, b) => a - b)
    .join();

for (const [name, data] of [
  ["f32", vectors],
  ["f16", Uint16Array.from(vectors, floatToHalf)],
] as const) {
  test(`neighbours are exact, ${name}`, async () => {
    const by = {
      l2: new Set(Array.from({ length: videos }, (_, q) => nearest((other) => -distance(q, other)))),
      dot: new Set(Array.from({ length: videos }, (_, q) => nearest((other) => dot(q, other)))),
    };
    for (const metric of ["l2", "dot"] as const) {
      const groups = await neighbourhoods(data, metric);
      assert.is(groups.length, Math.floor(videos / 8));
      for (const group of groups) assert.ok(by[metric].has(group), `${metric}: ${group}`);
    }
  });
}

test("k of 2k candidates are a function of seed and epoch, and the coverage is reported", async () => {
  const options = { size: 8, seed: 4, epoch: 2 };
  const plan = await planRetrieval(vectors, width, options);
  for (const group of plan.groups) assert.is(new Set(group).size, 8);
  assert.ok(plan.coverage > 0.3 && plan.coverage <= 1);
  assert.ok(plan.mostRepeats >= plan.meanRepeats && plan.meanRepeats >= 1);
  assert.equal((await planRetrieval(vectors, width, options)).groups, plan.groups);
  assert.not.equal((await planRetrieval(vectors, width, { ...options, epoch: 3 })).groups, plan.groups);
  const more = await planRetrieval(vectors, width, { ...options, batches: 400 });
  assert.is(more.groups.length, 400, "queries repeat when there are more batches than videos");
});

test("too few videos are an error, and an aborted run stops", async () => {
  await refused(planRetrieval(vectors.subarray(0, 20), width, { seed: 0, epoch: 0 }), /at least 32 rows of 5/);
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  await refused(planRetrieval(vectors, width, { size: 8, seed: 0, epoch: 0, signal: controller.signal }), /enough/);
});

test("the vector of a video is the mean of the text and video rows of its pairs", () => {
  assert.equal([...videoVector(Float32Array.of(1, 2, 3, 4), Float32Array.of(3, 2, 1, 0), 2)], [2, 2]);
});

test.after(() => ops.dispose());
test.run();
