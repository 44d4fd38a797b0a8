// Lists choose the videos of a benchmark, and videos without features can be omitted.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { type BenchmarkName, benchmarkPage, evaluateBenchmark, predictBenchmark } from "#lib/eval/run_benchmark.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { makeDatasets, makeFeatures, makeTextModels } from "../../scripts/make_datasets.mjs";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("videos of a benchmark");
const folder = temporaryFolder("lists");
const files = makeDatasets(folder);
makeTextModels(folder);
makeFeatures(folder, 512);
const features = new FeatureFolder(join(folder, "features"));
const vocabulary = readFileSync(join(folder, "vocab.txt"), "utf8").trim().split("\n").length;
const sizes = { hiddenSize: 16, heads: 2, intermediateSize: 32, videoLayers: 1, textLayers: 1 };
const model = VideoClip.random(4, {
  config: { ...sizes, vocabularySize: vocabulary },
  device: "cpu",
  threads: 2,
  tokenizer: join(folder, "vocab.txt"),
});
const saved = join(folder, "model");
await model.save(saved);
test.after(() => model.dispose());
const withModel = ["--model", saved, "--features", join(folder, "features"), "--quiet"];

function evaluate(task: string, ...args: string[]) {
  const run = videoclip("eval", task, "--json", ...args);
  assert.is(run.status, 0, run.stderr);
  return { ...(JSON.parse(run.stdout) as { queries: number }), stderr: run.stderr };
}

writeFileSync(join(folder, "mc.csv"), "vid_key\ta1\ta2\ta3\ta4\ta5\tanswer\nmsr9770\tcut\tadd\tsalt\toil\tsoup\t2\n");
writeFileSync(
  join(folder, "own.jsonl"),
  `${JSON.stringify({ video: "bbbbbbbbbbb", start: 20, end: 28, text: "heat the oil" })}\n`,
);

test("every benchmark accepts lists of videos, for predictions and for scores", async () => {
  const one = join(folder, "one.txt");
  const none = join(folder, "nothing.txt");
  writeFileSync(none, "nosuchvideo\n");
  const truths = {
    youcook2: [files.youcook2, "bbbbbbbbbbb", "npy"],
    msrvtt: [files.msrvtt_pairs, "video9770\nvideo9771", "npy"],
    jsonl: [join(folder, "own.jsonl"), "bbbbbbbbbbb", "npy"],
    coin: [files.coin, "bbbbbbbbbbb", "jsonl"],
    crosstask: [join(folder, "crosstask", "annotations"), "bbbbbbbbbbb", "jsonl"],
    didemo: [files.didemo, "x.mp4", "json"],
    qvhighlights: [files.qvhighlights, "", "jsonl"],
    "msrvtt-qa": [join(folder, "mc.csv"), "video9770", "jsonl"],
  } as const;
  for (const [name, [truth, video, kind]] of Object.entries(truths) as [BenchmarkName, readonly string[]][]) {
    const predictions = join(folder, `lists-${name}.${kind}`);
    const given = { truth, predictions, model, features };
    const named = video || (JSON.parse(readFileSync(truth, "utf8").split("\n")[0]) as { vid: string }).vid;
    writeFileSync(one, `${named}\n`);
    await predictBenchmark(name, { ...given, only: [one], except: [none] });
    const scored = await evaluateBenchmark(name, { ...given, only: [one], except: [none] });
    assert.ok(scored, name);
    await benchmarkPage(name, { truth, predictions, only: [one] });
    // an excluded video in the submission is an error
    const other = await evaluateBenchmark(name, { ...given, except: [one] }).then(() => "scored", () => "refused"); // prettier-ignore
    assert.is(other, "refused", name);
  }
  // clips of YouCook2 by the numbers of their annotations
  writeFileSync(one, "bbbbbbbbbbb_0\nbbbbbbbbbbb_3\n");
  const predictions = join(folder, "clips.npy");
  const lists = ["--only", one, "--predictions", predictions, "--truth", files.youcook2];
  assert.is(evaluate("youcook2", ...lists, ...withModel).queries, 2);
  assert.is(evaluate("youcook2", ...lists).queries, 2);
  await evaluateBenchmark("youcook2", { truth: files.youcook2, predictions, except: [none] }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /expected \[5, 5\].*received \[2, 2\]/),
  );
});

test("videos without features are an error, or are omitted and listed", async () => {
  const more = join(folder, "two.csv");
  writeFileSync(more, 'key,vid_key,video_id,sentence\nret0,msr1,video404,"a cat"\nret1,msr2,video9770,"a dog"\n');
  const given = { truth: more, predictions: join(folder, "two.npy"), model, features };
  const leftOut = join(folder, "left_out.txt");
  await predictBenchmark("msrvtt", given).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /1 of 2 videos have no features: video404/),
  );
  await predictBenchmark("msrvtt", { ...given, leftOut });
  assert.is(readFileSync(leftOut, "utf8"), "video404\n");
  assert.is((await evaluateBenchmark("msrvtt", { ...given, except: [leftOut] })).queries, 1);
  const args = ["--truth", more, "--predictions", given.predictions];
  const run = evaluate("msrvtt", ...args, ...withModel, "--left-out", leftOut);
  assert.is(run.queries, 1);
  assert.match(run.stderr, /1 videos have no features and are left out: .*left_out\.txt/);
  assert.is(evaluate("msrvtt", ...args, "--except", leftOut).queries, 1);
  await predictBenchmark("msrvtt", { ...given, truth: files.msrvtt_pairs, leftOut });
  assert.is(readFileSync(leftOut, "utf8"), "", "no video is omitted");
  writeFileSync(more, 'key,vid_key,video_id,sentence\nret0,msr1,video404,"a cat"\n');
  await predictBenchmark("msrvtt", { ...given, leftOut }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /1 of 1 videos have no features/),
  );
});

test.run();
