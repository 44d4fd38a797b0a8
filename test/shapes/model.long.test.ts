// The shipped model reaches the results of its model card, on a seed that was not used for tuning.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluateShapes } from "../../shapes/evaluate.js";
import { openShapes, SHAPES_MODEL } from "../../shapes/model.js";

const test = suite("the shapes model");

test("the weights have at most 4 MB", () => {
  const files = readdirSync(SHAPES_MODEL).filter((name) => name.endsWith(".safetensors"));
  assert.equal(files.sort(), ["model.safetensors", "video_model.safetensors"]);
  assert.ok(files.reduce((sum, name) => sum + statSync(join(SHAPES_MODEL, name)).size, 0) <= 4e6);
});

test("the model finds held-out combinations, motions and moments, and controls do not", async () => {
  const judged = await openShapes();
  const { retrieval, motion, localisation } = await evaluateShapes(judged, 20261126);
  judged.dispose();
  process.stdout.write(`${JSON.stringify({ retrieval, motion, localisation })}\n`);
  assert.ok(retrieval["R@1"] >= 0.7, `R@1 ${retrieval["R@1"]}`);
  assert.ok(motion["R@1"] >= 0.5, `motion R@1 ${motion["R@1"]}`);
  assert.ok(localisation["R1@0.5"] >= 0.6, `R1@0.5 ${localisation["R1@0.5"]}`);
  for (const { controls, ...found } of [retrieval, motion]) {
    assert.ok(Math.max(controls.meanColour, controls.shuffledFrames) < found["R@1"] - 0.1, JSON.stringify(controls));
  }
});

test.run();
