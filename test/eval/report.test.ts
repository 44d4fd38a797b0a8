// The report of an evaluation: examples follow from truth and predictions, everything is escaped, nothing is loaded.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { matrixBitmap } from "#lib/eval/bitmap.js";
import {
  choiceExamples,
  coinExamples,
  crossTaskExamples,
  didemoExamples,
  momentExamples,
  reportPage,
  retrievalExamples,
} from "#lib/eval/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { makeDatasets } from "../../scripts/make_datasets.mjs";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("evaluation report");
const folder = temporaryFolder("report");
const files = makeDatasets(folder);
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test("retrieval: examples are sorted by rank, then by margin, and show the best match", () => {
  const pairs = ["a", "b", "c"].map((video, i) => ({ video, start: 0, end: 4 + i, text: `text ${video}` }));
  // ranks 1 (by a large margin), 1 (by a small margin), 3
  const examples = retrievalExamples(pairs, [9, 1, 0, 0, 2, 1.9, 5, 4, 3]);
  const order = [0, 1, 2].sort((x, y) => examples[y].quality - examples[x].quality);
  assert.equal(order, [0, 1, 2]);
  assert.match(examples[2].lines[0], "has rank 3");
  assert.equal(examples[2].lines[1], "1. a, 0 to 4 s: text a, score 5.000");
});

test("every benchmark has separate examples", async () => {
  const coin = write(
    "coin.jsonl",
    `${JSON.stringify({ video: "bbbbbbbbbbb", labels: Array.from({ length: 61 }, (_, t) => (t < 9 ? 31 : 0)) })}\n`,
  );
  const [video] = await coinExamples(files.coin, coin);
  // 9 of 45 step seconds and the other 16 s are right
  assert.ok(Math.abs(video.quality - (9 + 61 - 46) / 61) < 0.02, `${video.quality}`);
  assert.is(video.strips[0].spans.length, 5);
  assert.equal(video.strips[1].spans, [{ start: 0, end: 9, label: "cut the onion", class: 31 }]);

  const cross = write("cross.jsonl", '{"task":"23521","video":"aaaaaaaaaaa","seconds":[3,4,5,6,7]}\n');
  const [steps] = await crossTaskExamples(join(folder, "crosstask", "annotations"), cross);
  assert.is(steps.quality, 0.5);

  const didemo = write("didemo.json", "[[[1,1],[2,2]]]");
  const [query] = await didemoExamples(files.didemo, didemo);
  assert.is(query.quality, (1 + 1 + 0.5 + 0) / 4);

  const moments = write(
    "qvh.jsonl",
    [1, 2].map((qid) => JSON.stringify({ qid, pred_relevant_windows: [[10, 20 - 5 * (qid - 1), 1]] })).join("\n"),
  );
  assert.equal(
    (await momentExamples(files.qvhighlights, moments)).map(({ quality }) => quality),
    [1, 0.5],
  );

  const choices = write("mc.jsonl", '{"vid_key":"msr9770","scores":[1,2,5,3,4]}\n');
  assert.is((await choiceExamples(files.msrvtt_qa, choices))[0].quality, 1);
});

test("a matrix becomes a picture: the lowest value is dark, the highest yellow, and a large matrix is averaged", () => {
  const bytes = Buffer.from(matrixBitmap([0, 1, 0.5, 0], [2, 2]));
  assert.is(bytes.readUInt32LE(2), bytes.length);
  const pixel = (row: number, column: number) => [
    ...bytes.subarray(54 + 8 * row + 3 * column, 57 + 8 * row + 3 * column),
  ];
  assert.equal(pixel(0, 0), [84, 1, 68]);
  assert.equal(pixel(0, 1), [37, 231, 253]);
  assert.equal(pixel(1, 0), [140, 145, 33]);
  const large = Buffer.from(matrixBitmap(new Float32Array(600 * 300), [600, 300]));
  assert.equal([large.readInt32LE(18), large.readInt32LE(22)], [256, -256]);
});

test("the best and the worst examples do not overlap, text is escaped, and a missing video is named", async () => {
  mkdirSync(join(folder, "videos"));
  await makeVideo(join(folder, "videos", "v1.mp4"), { seconds: 1, width: 64, height: 48 });
  const examples = Array.from({ length: 20 }, (_, i) => ({
    quality: i,
    title: `<b>${i}</b>`,
    lines: ["a & b"],
    video: `v${i}`,
    time: 0.5,
    strips: [{ name: "true", spans: [{ start: 0, end: 1, label: '"x"', class: 1 }] }],
    length: 2,
  }));
  const page = await reportPage({ title: "A <report>", metrics: { "R@1": 0.51234, more: { low: [0.1, 0.2] } }, curves: [{ name: "Recall", axis: "k", points: [[1, 0.2], [2, 0.5]] }], matrix: { values: [1, 2, 3, 4], shape: [2, 2] }, examples, pictures: join(folder, "videos") }); // prettier-ignore
  assert.match(page, "0.5123");
  assert.match(page, "0.1 to 0.2");
  assert.match(page, "A &lt;report&gt;");
  assert.ok(!page.includes("<b>") && !page.includes("<script"));
  const titles = [...page.matchAll(/&lt;b&gt;(\d+)/g)].map((match) => Number(match[1]));
  assert.equal(titles, [19, 18, 17, 16, 15, 14, 13, 12, 0, 1, 2, 3, 4, 5, 6, 7]);
  assert.is(page.match(/data:image\/jpeg/g)!.length, 1);
  assert.match(page, "No picture: there is no v19");
});

test("videoclip eval --html writes a report without a model", () => {
  const scores = join(folder, "scores.npy");
  writeFileSync(scores, npyBytes(Float32Array.of(1, 0, 0, 1), [2, 2], "f32"));
  const run = (...args: string[]) =>
    videoclip("eval", "msrvtt", "--truth", files.msrvtt_pairs, "--predictions", scores, ...args); // prettier-ignore
  const page = join(folder, "page.html");
  const { status, stderr } = run("--html", page);
  assert.is(status, 0, stderr);
  assert.match(readFileSync(page, "utf8"), "a person, cooking");
  writeFileSync(scores, npyBytes(new Float32Array(9), [3, 3], "f32"));
  assert.match(run("--html", page).stderr, /--predictions: expected \[2, 2\]/);
});

test.run();
