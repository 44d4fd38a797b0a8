// From features on disk to hits for a sentence by the command line: VideoCLIP and S3D-G's joint space.
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { windowsOf } from "#lib/features/embed_folder.js";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { searchText } from "#lib/features/search_text.js";
import { zeroShotClassify } from "#lib/features/zero_shot.js";
import { S3DTextEncoder } from "#lib/models/text/s3d_text.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { npyBytes, npyStrings } from "#lib/weights/npy.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("search");
const root = temporaryFolder("search");
const at = (...parts: string[]) => join(root, ...parts);

const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "stir", "the", "soup", "cut", "an", "onion"];
const config = {
  featureSize: 12,
  hiddenSize: 32,
  heads: 2,
  intermediateSize: 64,
  videoLayers: 1,
  textLayers: 2,
  vocabularySize: WORDS.length,
  maxPositions: 64,
  clsId: 2,
  sepId: 3,
};

/** Writes a folder as `videoclip extract` does: `lengths[i]` features of video i, `step` seconds apart. */
function writeFeatures(folder: string, dim: number, lengths: number[], settings: object, step = 1): void {
  mkdirSync(folder, { recursive: true });
  const entries = lengths.map((length, i) => {
    const file = `video-${i}.npy`;
    writeFileSync(
      join(folder, file),
      npyBytes(hashValues("search", `${folder} ${i}`, length * dim), [length, dim], "f32"),
    );
    const timestamps = Array.from({ length }, (_, t) => [t * step, (t + 1) * step]);
    return { path: `/videos/${i}.mp4`, file, duration: length * step, clips: length, timestamps, settings };
  });
  writeFileSync(join(folder, "manifest.jsonl"), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
}

const settings = { model: "s3dg", output: "video_embedding", dim: 12, weights: "0123", l2: false, preset: { fps: 30 } };
const lengths = [40, 5, 16, 17, 1];

test.before(async () => {
  writeFeatures(at("features"), 12, lengths, settings);
  writeFileSync(at("vocab.txt"), `${WORDS.join("\n")}\n`);
  const model = VideoClip.random(3, { config, tokenizer: at("vocab.txt"), device: "cpu" });
  await model.save(at("model"));
  model.dispose();
});

test("windows cover every feature, and the last window ends with the last feature", () => {
  assert.equal(windowsOf(1, 16, 8), [[0, 1]]);
  assert.equal(windowsOf(16, 16, 8), [[0, 16]]);
  assert.equal(windowsOf(17, 16, 8), [[0, 16], [1, 17]]); // prettier-ignore
  assert.equal(windowsOf(40, 16, 8), [[0, 16], [8, 24], [16, 32], [24, 40]]); // prettier-ignore
});

test("VideoCLIP: the commands index and search give the same as embedding and multiplying", async () => {
  const run = videoclip(
    "index",
    at("features"),
    "--out",
    at("index"),
    "--model",
    at("model"),
    "--dtype",
    "f32",
    "--json",
  );
  assert.is(run.status, 0, run.stderr);
  assert.equal({ ...run.lines()[0], seconds: 0 }, { videos: 5, skipped: 0, rows: 9, seconds: 0 });

  const model = await VideoClip.load(at("model"), { device: "cpu" });
  const { rows: query } = await model.encodeText("Stir the soup");
  const expected: { video: string; start: number; end: number; score: number }[] = [];
  for (const [i, length] of lengths.entries()) {
    const data = hashValues("search", `${at("features")} ${i}`, length * 12);
    for (const [start, end] of windowsOf(length, 16, 8)) {
      const shape = [end - start, 12] as const;
      const { rows } = await model.encodeVideo({ data: data.slice(start * 12, end * 12), shape });
      expected.push({
        video: `/videos/${i}.mp4`,
        start,
        end,
        score: rows.reduce((sum, v, d) => sum + v * query[d], 0),
      });
    }
  }
  model.dispose();
  expected.sort((a, b) => b.score - a.score);
  const found = videoclip("search", "Stir the soup", "--index", at("index"), "--top", "9", "--json");
  assert.is(found.status, 0, found.stderr);
  assert.is(found.lines().length, 9);
  for (const [i, { rank, score, fits, ...hit }] of found.lines().entries()) {
    const { score: direct, ...place } = expected[i];
    assert.type(fits, "boolean");
    assert.is(rank, i + 1);
    assert.equal(hit, place);
    assert.ok(Math.abs(score - direct) < 1e-4, `${score} ${direct}`);
  }
  const once = videoclip("search", "Stir the soup", "--index", at("index"), "--per-video", "1", "--json").lines();
  assert.equal(
    once.map(({ video }) => video).sort(),
    lengths.map((_, i) => `/videos/${i}.mp4`),
  );
  assert.is(once[0].video, expected[0].video);
  const one = videoclip("search", "Stir the soup", "--index", at("index"), "--video", "/0.mp4", "--json").lines();
  assert.equal([...new Set(one.map(({ video }) => video))], ["/videos/0.mp4"]);
  assert.is(one.length, 4);
  const plain = videoclip("search", "Stir the soup", "--index", at("index"), "--top", "1");
  assert.match(plain.stdout, /^ {2}1 +-?\d+\.\d{4} {2}\d:\d\d\.\d-\d:\d\d\.\d {2}\/videos\/\d\.mp4\n$/);
});

test("an index is extended only with the same settings, and its model may move", async () => {
  const index = (...more: string[]) => videoclip("index", at("features"), "--out", at("index"), ...more);
  const again = index("--model", at("model"), "--json");
  assert.is(again.status, 0, again.stderr);
  assert.equal({ ...again.lines()[0], seconds: 0 }, { videos: 0, skipped: 5, rows: 9, seconds: 0 });
  const replaced = index("--model", at("model"), "--replace", "--json");
  assert.equal({ ...replaced.lines()[0], seconds: 0 }, { videos: 5, skipped: 0, rows: 9, seconds: 0 });
  const refused: [string[], number, RegExp][] = [
    [["--model", at("model"), "--window", "8"], 1, /made with window 16, these rows have 8: use another --out/],
    [["--model", at("model"), "--dtype", "f16"], 1, /made with dtype "f32", these rows have "f16"/],
    [[], 1, /made with dim 32, these rows have 12/],
    [["--model", at("model"), "--window", "33"], 2, /window: expected 1 to 32 features, received 33/],
    [["--model", at("nowhere")], 1, /nowhere/],
  ];
  for (const [flags, code, pattern] of refused) {
    const run = index(...flags);
    assert.match(run.stderr, pattern);
    assert.is(run.status, code);
  }
  renameSync(at("model"), at("moved"));
  const search = (...more: string[]) => videoclip("search", "cut an onion", "--index", at("index"), ...more);
  const lost = search();
  assert.match(lost.stderr, /model: .*model is not there: say where it is with --model/);
  assert.is(lost.status, 2);
  assert.is(search("--model", at("moved")).status, 0);
  const other = VideoClip.random(4, { config, tokenizer: at("vocab.txt"), device: "cpu" });
  await other.save(at("other"));
  other.dispose();
  const wrong = search("--model", at("other"));
  assert.match(wrong.stderr, /these are not the weights that the rows belong to/);
  assert.is(wrong.status, 1);
  renameSync(at("moved"), at("model"));
});

test("features without a manifest need the option --seconds; bad folders are refused", () => {
  mkdirSync(at("plain"));
  writeFileSync(at("plain", "a.npy"), npyBytes(new Float32Array(24), [2, 12], "f16"));
  const index = (folder: string, ...more: string[]) => videoclip("index", folder, "--out", at("plain-index"), ...more);
  assert.match(index(at("plain")).stderr, /has no manifest beside it: say how many seconds/);
  writeFeatures(at("wide"), 16, [3], settings);
  const misfit = videoclip("index", at("wide"), "--out", at("plain-index"), "--model", at("model"));
  assert.match(misfit.stderr, /the model takes features of 12 values, these have 16/);
  assert.not.ok(existsSync(at("plain-index")), "no empty index is left, which would refuse the correct call");
  const run = index(at("plain"), "--seconds", "2");
  assert.is(run.status, 0, run.stderr);
  assert.match(run.stderr, /searched by vectors only/);
  const search = videoclip("search", "soup", "--index", at("plain-index"));
  assert.match(search.stderr, /no text model belongs to this index/);
  assert.is(search.status, 2);
  mkdirSync(at("empty"));
  assert.match(index(at("empty")).stderr, /there are no features/);
  assert.match(index(at("nowhere")).stderr, /is not a folder/);
  cpSync(at("features"), at("mixed"), { recursive: true });
  writeFeatures(at("mixed-2"), 12, [3], { ...settings, weights: "4567" });
  const mixed = videoclip("index", at("features"), at("mixed-2"), "--out", at("mixed-index"));
  assert.match(mixed.stderr, /features of different kinds: weights "0123" and "4567"/);
  writeFileSync(at("mixed", "video-1.npy"), npyBytes(new Float32Array(36), [3, 12], "f32"));
  const torn = videoclip("index", at("mixed"), "--out", at("mixed-index"));
  assert.match(torn.stderr, /3 features, but the manifest has 5 timestamps/);
});

test("S3D-G: its text tower searches video_embedding directly", async () => {
  const words = ["stir", "soup", "onion", "cut"];
  writeFileSync(at("words.npy"), npyStrings(words));
  writeFeatures(at("joint"), 512, [3, 2], { ...settings, dim: 512, weights: "random:5" }, 3.2);
  const index = (...more: string[]) =>
    videoclip("index", at("joint"), "--out", at("joint-index"), "--words", at("words.npy"), ...more);
  assert.match(index("--random-weights", "6").stderr, /needs features with weights random:6, these have random:5/);
  const run = index("--random-weights", "5", "--dtype", "f32");
  assert.is(run.status, 0, run.stderr);
  const encoder = S3DTextEncoder.random(5, { vocabulary: words, device: "cpu" });
  const { data: vector } = await encoder.encode(["stir the soup"]);
  encoder.dispose();
  const opened = await FeatureIndex.open(at("joint-index"));
  const expected = await opened.search({ vector });
  const result = await searchText(opened, "stir the soup");
  assert.equal(result.hits, expected);
  assert.equal(result.vector, vector);
  opened.dispose();
  const found = videoclip("search", "stir the soup", "--index", at("joint-index"), "--json").lines();
  assert.equal(
    found.map(({ start, end, score }) => [start, end, score]),
    expected.map(({ start, end, score }) => [start, end, score]),
  );
});

test("embed writes the rows of texts and videos; classify ranks labels by the mean of their sentences", async () => {
  writeFileSync(at("labels.txt"), "soup\nonion\n\n");
  const model = ["--model", at("model")];
  const run = videoclip(
    "embed",
    at("features"),
    ...model,
    "--text",
    "cut the onion",
    "--out",
    at("embedded"),
    "--json",
  );
  assert.is(run.status, 0, run.stderr);
  assert.equal(run.lines()[0], { texts: 1, rows: 9 });
  const open = await VideoClip.load(at("model"), { device: "cpu" });
  const array = (name: string) => {
    const file = readFileSync(at("embedded", name));
    return new Float32Array(Uint8Array.from(file.subarray(128)).buffer);
  };
  assert.equal(array("text.npy"), (await open.encodeText("cut the onion")).rows);
  assert.is(array("video.npy").length, 9 * 32);
  const lines = readFileSync(at("embedded", "video.jsonl"), "utf8").trim().split("\n"); // prettier-ignore
  assert.equal(JSON.parse(lines[1]), { row: 1, video: "/videos/0.mp4", start: 8, end: 24 });

  const templates = ["cut the {}", "stir {} {}"];
  const flags = templates.flatMap((template) => ["--template", template]);
  const classified = videoclip("classify", at("features"), ...model, "--labels", at("labels.txt"), ...flags, "--json");
  assert.is(classified.status, 0, classified.stderr);
  const data = hashValues("search", `${at("features")} 1`, 5 * 12);
  const videos = await open.encodeVideo({ data, shape: [5, 12] });
  const text = { encode: (texts: readonly string[]) => open.encodeText(texts) };
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const raw = ["soup", "onion"].map(async (label) => {
    const [one, two] = [`cut the ${label}`, `stir ${label} ${label}`].map((sentence) => open.encodeText(sentence));
    return { label, score: (dot(videos.rows, (await one).rows) + dot(videos.rows, (await two).rows)) / 2 };
  });
  const expected = (await Promise.all(raw)).sort((a, b) => b.score - a.score);
  const [scores] = await zeroShotClassify(videos, ["soup", "onion"], { text, templates });
  assert.equal(classified.lines()[1], { video: "/videos/1.mp4", labels: scores });
  scores.forEach(({ label, score }, i) => {
    assert.is(label, expected[i].label);
    assert.ok(Math.abs(score - expected[i].score) < 1e-4);
  });
  const deprecated = { embed: async (texts: readonly string[]) => (await open.encodeText(texts)).data };
  assert.equal(await zeroShotClassify(videos, ["soup", "onion"], { text: deprecated, templates }), [scores]);
  const [cosines] = await zeroShotClassify(videos, ["soup", "onion"], { text, templates, normalize: true });
  assert.ok(cosines.every(({ score }) => Math.abs(score) <= 1 + 1e-6));
  open.dispose();
  for (const [labels, wrong, pattern] of [
    [[], {}, /labels: expected at least one/],
    [["a", "a"], {}, /labels: expected each once/],
    [["a"], { templates: ["no place"] }, /templates: expected sentences with \{\}, received no place/],
  ] as const) {
    try {
      await zeroShotClassify(videos, labels, { text, ...wrong });
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, pattern);
    }
  }
  assert.match(videoclip("embed", ...model, "--out", at("x")).stderr, /expected feature folders, --text or --texts/);
});

test.run();
