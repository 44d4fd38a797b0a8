// The split of CrossTask equals fairseq MMPT's, whose random draws are compared with NumPy's.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mmptSplit } from "#lib/data/crosstask_split.js";
import { selectCrossTaskVideos } from "#lib/data/crosstask_videos.js";
import { NumpyRandom } from "#lib/data/numpy_random.js";
import { predictBenchmark } from "#lib/eval/index.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("split of CrossTask");
const folder = temporaryFolder("split");

test("draws equal NumPy's", () => {
  const range = (n: number) => Array.from({ length: n }, (_, i) => i);
  const random = new NumpyRandom(0);
  // numpy.random.seed(0), then numpy.random.choice(range(n), k, replace=False)
  assert.equal(random.choice(range(5), 3), [2, 0, 1]);
  random.choice(range(45), 30);
  assert.equal(random.choice(range(130), 5), [110, 112, 25, 7, 44]);
  assert.equal(random.choice(range(1000), 4), [267, 700, 622, 742]);
  assert.equal(new NumpyRandom(4294967295).choice(range(300), 6), [110, 21, 54, 6, 19, 166]);
  // more numbers than the generator's state has words
  const many = new NumpyRandom(0);
  for (let i = 0; i < 5000; i++) many.bits();
  assert.is(many.bits(), 3656406331);
});

/** Videos of a task; a and c, d are primary and large, b is small, r is related. */
const SIZES = { a: 45, b: 12, r: 50, c: 130, d: 31 };
const PRIMARY = ["a", "b", "c", "d"];
/** The numbers of the training videos in NumPy's order, for each task whose videos are drawn. */
const DRAWN: Record<string, number[]> = {
  c: [
    8, 59, 92, 104, 97, 30, 44, 33, 63, 26, 73, 7, 22, 105, 10, 48, 125, 90, 2, 93, 52, 96, 24, 51, 50, 40, 121, 68, 66,
    16,
  ],
  a: [4, 44, 9, 24, 5, 37, 12, 7, 15, 21, 40, 23, 29, 26, 38, 41, 28, 13, 42, 33, 39, 36, 6, 25, 32, 0, 16, 19, 2, 31],
  d: [17, 15, 7, 2, 10, 20, 19, 26, 27, 8, 1, 25, 5, 6, 9, 30, 18, 28, 16, 23, 21, 24, 22, 11, 13, 3, 4, 0, 14, 29],
};

// one more video of c has no features, one is in videos_val.csv, one has no annotation
const names = Object.entries(SIZES).flatMap(([task, n]) => Array.from({ length: n }, (_, i) => [task, `${task}${i}`]));
const more = [["c", "nofeatures"], ["c", "validation"], ["a", "notannotated"]]; // prettier-ignore
const csv = (rows: string[][]) => rows.map(([task, video]) => `${task},${video},https://example.org\n`).join("");
writeFileSync(join(folder, "videos.csv"), csv([more[0], more[1], ...names.slice(0, 30), more[2], ...names.slice(30)]));
writeFileSync(join(folder, "videos_val.csv"), csv([more[1]]));
const tasks = (ids: string[]) => ids.map((id) => `${id}\n${id}\nurl\n1\nstir\n`).join("\n");
writeFileSync(join(folder, "tasks_primary.txt"), tasks(PRIMARY));
writeFileSync(join(folder, "tasks_related.txt"), tasks(["r"]));
const annotations = join(folder, "annotations");
mkdirSync(annotations);
for (const [task, video] of [...names, more[0], more[1]]) {
  writeFileSync(join(annotations, `${task}_${video}.csv`), "1,0,1\n");
}

const expectedTest = ["c", "a", "d"].flatMap((task) =>
  names.filter(([id, video]) => id === task && !DRAWN[task].includes(Number(video.slice(1)))).map(([, video]) => video),
);

test("30 videos of each large primary task are training videos, in the order of videos.csv", async () => {
  const annotated = await selectCrossTaskVideos({
    tasks: [join(folder, "tasks_primary.txt"), join(folder, "tasks_related.txt")],
    annotations,
  });
  const available = annotated.filter(({ video }) => video !== "nofeatures");
  const [videos, validation] = [join(folder, "videos.csv"), join(folder, "videos_val.csv")];
  const split = await mmptSplit(available, { videos, validation, primary: new Set(PRIMARY) });
  const training = split.training.map(({ video }) => video);
  // c is drawn first, because the first video with features is c's, although it is in videos_val.csv
  assert.equal(
    training.slice(0, 30),
    DRAWN.c.map((i) => `c${i}`),
  );
  assert.equal(
    training.slice(30, 60),
    DRAWN.a.map((i) => `a${i}`),
  );
  assert.equal(
    training.slice(60, 72),
    names.slice(45, 57).map(([, video]) => video),
  );
  assert.is(training.length, 30 + 12 + 50 + 30 + 30);
  assert.equal(
    split.test.map(({ video }) => video),
    expectedTest,
  );
});

test("eval crosstask uses the test videos of the split, drawn among the videos with features", async () => {
  const model = VideoClip.random(1, {
    config: { hiddenSize: 8, heads: 1, intermediateSize: 8, videoLayers: 1, textLayers: 1, vocabularySize: 103 },
    device: "cpu",
    threads: 1,
    tokenizer: { encode: () => ({ ids: [5] }) },
  });
  const data = Float32Array.from({ length: 512 }, () => 1);
  const features = {
    folder,
    has: (video: string) => video !== "nofeatures",
    read: () => ({ data, shape: [1, 512] as const, rows: 1, width: 512 }),
  };
  const predictions = join(folder, "steps.jsonl");
  const asked: string[] = [];
  const reading = { ...features, read: (video: string) => (asked.push(video), features.read()) };
  await predictBenchmark("crosstask", { truth: annotations, predictions, model, features: reading, split: "mmpt" });
  assert.equal(asked, expectedTest);
  model.dispose();
});

test.run();
