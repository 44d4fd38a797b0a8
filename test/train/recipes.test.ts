// Every recipe of configs/ is prepared with the dataset miniatures and trained for two steps.
import { copyFileSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeRecipe, runRecipe } from "#lib/train/recipes/run.js";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { datasetFormat } from "#lib/data/formats.js";
import { packDataset } from "#lib/data/pack.js";
import { Skips } from "#lib/data/skips.js";
import { listedRecords, readVideoLists } from "#lib/data/video_list.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { makeDatasets, makeFeatures, makeTextModels } from "../../scripts/make_datasets.mjs";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("recipes");
const folder = temporaryFolder("recipes");
const at = (...names: string[]) => join(folder, ...names);
const files = makeDatasets(folder);
makeTextModels(folder);
makeFeatures(folder, 2048);
renameSync(at("features"), at("features_x3d"));
makeFeatures(folder, 512);
const recipes = readdirSync("configs").filter((file) => file.endsWith(".json") && file !== "train.schema.json");
for (const name of recipes) copyFileSync(join("configs", name), at(name));

const tokenizer = WordPieceTokenizer.load(at("vocab.txt"));
async function pack(out: string, name: string, features: string, options: { subset?: string; only?: string } = {}) {
  const skips = new Skips();
  const records = datasetFormat(name)!.read(files[name], { skips, subset: options.subset });
  const selected = await readVideoLists({ only: options.only ? [options.only] : [] });
  await packDataset(listedRecords(records, selected), at("packs", out), {
    features: new FeatureFolder(at(features)),
    tokenise: (texts) => texts.map((text) => tokenizer.encode(text, { specialTokens: false }).ids),
    source: { name, ...options },
    skips,
  });
}

/** Trains a recipe with changes for two steps and returns its results. */
async function train(name: string, changes: Record<string, unknown> = {}) {
  const file = at(`${name}.json`);
  const set = { device: "cpu", threads: 2, accumulate: 1, ...changes };
  const plan = await describeRecipe(file, { set });
  for await (const { loss } of runRecipe(file, { set: { ...set, epochs: undefined, steps: 2 } })) {
    assert.ok(Number.isFinite(loss), `${name}: ${loss}`);
  }
  return plan;
}

test("small text models are made for the recipes", async () => {
  await train("bert");
  await train("mobilebert");
  symlinkSync(at("bert", "model"), at("bert-base-uncased"));
  symlinkSync(at("mobilebert", "model"), at("mobilebert-uncased"));
  await pack("howto100m_train", "howto100m", "features");
  await pack("howto100m_x3d_train", "howto100m", "features_x3d");
  writeFileSync(at("val.lst"), "bbbbbbbbbbb\nccccccccccc\n");
  await pack("howto100m_val", "howto100m", "features", { only: at("val.lst") });
  await pack("howto100m_x3d_val", "howto100m", "features_x3d", { only: at("val.lst") });
  await pack("youcook2_train", "youcook2", "features", { subset: "training" });
  await pack("youcook2_val", "youcook2", "features", { subset: "validation" });
  await pack("msrvtt_train", "msrvtt", "features", { only: files.msrvtt_train });
  files.msrvtt = files.msrvtt_pairs;
  await pack("msrvtt_test", "msrvtt", "features");
});

// videos per batch are adapted to the miniatures: 3 of HowTo100M, 5 captions of YouCook2, 3 of MSR-VTT
const CHANGES: Record<string, Record<string, unknown>> = {
  pretrain: { batch: 32, "data.workers": 1 },
  videoclip_light: { batch: 32, "data.workers": 1 },
  youcook2: { batch: 4 },
  msrvtt: { batch: 3 },
  msrvtt_qa: { batch: 3 },
  coin: {},
  crosstask: {},
};

/** Files of the fine-tunings. */
const BESIDE: Record<string, string> = { coin: "classifier.safetensors", crosstask: "trained_videos.csv" };

for (const [name, changes] of Object.entries(CHANGES)) {
  test(name, async () => {
    const plan = await train(name, changes);
    assert.ok(plan.steps > 0 && plan.examples > 0, JSON.stringify(plan));
    const run = join("runs", name.replace("videoclip_", ""));
    const model = await VideoClip.load(at(run, "model"), { device: "cpu", threads: 1 });
    assert.is(model.config.maxVideoLength, 32);
    assert.is(model.config.maxTextLength, 61);
    model.dispose();
    // the checkpoint has every file of the model, those of the fine-tuning too
    const [last] = readdirSync(at(run, "checkpoints"));
    if (name in BESIDE) assert.ok(readdirSync(at(run, "model")).includes(BESIDE[name]));
    const besides = ["optimizer.safetensors", "state.json"];
    assert.equal(
      readdirSync(at(run, "checkpoints", last)).filter((file) => !besides.includes(file)),
      readdirSync(at(run, "model")),
    );
    (await VideoClip.load(at(run, "checkpoints", last), { device: "cpu", threads: 1 })).dispose();
  });
}

test("every recipe is in this test", () => {
  assert.equal(recipes.sort(), Object.keys(CHANGES).map((name) => `${name}.json`).sort()); // prettier-ignore
});

test.run();
