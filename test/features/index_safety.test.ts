// A failed `index` leaves no new index behind and an old one as it was; `--replace` takes another model in one step.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spawnSync } from "node:child_process";
import { DatasetError } from "#lib/base/errors.js";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { indexFeatures, type IndexFeaturesOptions } from "#lib/features/index_features.js";
import { videoClipTextEncoder } from "#lib/features/index_text_encoder.js";
import { searchText } from "#lib/features/search_text.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { npyBytes } from "#lib/weights/npy.js";
import { video } from "./indexed_videos.js";
import { CLI, videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { faultyDisk } from "../support/faulty_disk.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("failed and replaced indexes");
const root = temporaryFolder("index-safety");
const at = (...parts: string[]) => join(root, ...parts);
const DIM = 12;
const VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "stir", "the", "soup", "cut", "an", "onion"];
const config = {
  featureSize: DIM, hiddenSize: 32, heads: 2, intermediateSize: 64, videoLayers: 1, textLayers: 1,
  vocabularySize: VOCABULARY.length, maxPositions: 70, padId: 0, clsId: 2, sepId: 3,
}; // prettier-ignore
const model = (seed: number) => at(`model-${seed}`);

/** Writes features of videos as `videoclip extract` does. */
function writeFeatures(folder: string, videos: readonly string[], finished = "2020-01-01T00:00:00Z"): string {
  mkdirSync(folder, { recursive: true });
  const lines = videos.map((video, i) => {
    const data = Float32Array.from({ length: 20 * DIM }, (_, j) => Math.sin(i * 31 + video.length + j));
    writeFileSync(join(folder, `${i}.npy`), npyBytes(data, [20, DIM], "f32"));
    const timestamps = Array.from({ length: 20 }, (_, t) => [t, t + 1]);
    const settings = { model: "s3dg", dim: DIM, weights: "0123" };
    return JSON.stringify({ path: video, file: `${i}.npy`, duration: 20, clips: 20, timestamps, finished_at: finished, settings }); // prettier-ignore
  });
  writeFileSync(join(folder, "manifest.jsonl"), `${lines.join("\n")}\n`);
  return folder;
}

test.before(async () => {
  writeFileSync(at("vocab.txt"), `${VOCABULARY.join("\n")}\n`);
  for (const seed of [1, 2]) {
    const made = VideoClip.random(seed, { config, tokenizer: at("vocab.txt"), device: "cpu" });
    await made.save(model(seed));
    made.dispose();
  }
  writeFeatures(at("one"), ["/v/a.mp4", "/v/b.mp4"]);
  writeFeatures(at("more"), ["/v/c.mp4", "/v/d.mp4", "/v/e.mp4"]);
});

/** Indexes with a model of this seed. */
async function index(folders: string[], out: string, seed = 1, more: Partial<IndexFeaturesOptions> = {}) {
  const opened = await VideoClip.load(model(seed), { device: "cpu" });
  try {
    const text = videoClipTextEncoder(opened, model(seed));
    return await indexFeatures(folders, { out, model: opened, modelPath: model(seed), text, window: 8, ...more });
  } finally {
    opened.dispose();
  }
}

/** Everything that a reader of an index sees, with its manifest, in which an undone generation may be noted. */
async function content(out: string) {
  const opened = await FeatureIndex.open(out);
  const rows = await Promise.all(opened.videos().map(async (video) => [video, await opened.rowsOf(video)]));
  opened.dispose();
  const kept = existsSync(join(out, "fit.json")) ? readFileSync(join(out, "fit.json"), "utf8") : "";
  const manifest = readFileSync(join(out, "index.json"), "utf8").replace(/,\n {2}"undone": \d+/, "");
  return { rows, manifest, kept };
}

/** Runs `work` with a clock on which every look is a minute later, so that an append commits after each video. */
async function hurried(work: () => Promise<unknown>) {
  const { now } = Date;
  let time = now();
  Date.now = () => (time += 60_000);
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

const stop = new Error("stop");
/** Options with which work fails, by the moment. */
const FAILURES: Record<string, () => Partial<IndexFeaturesOptions>> = {
  "the text encoder does not fit": () => ({ text: { dim: 7 } as IndexFeaturesOptions["text"] }),
  "the first video": () => ({
    onProgress: () => {
      throw stop;
    },
  }),
  "the second video": () => ({
    onProgress: ({ videos }) => {
      if (videos === 2) throw stop;
    },
  }),
};

test("whenever a new index fails, nothing of it is left", async () => {
  for (const [moment, options] of Object.entries(FAILURES)) {
    for (const commits of [false, true]) {
      const out = at("failed");
      const work = () => index([at("one"), at("more")], out, 1, options());
      await refusedBy(() => (commits ? hurried(work) : work()));
      assert.not.ok(existsSync(out), `${moment}, with commits: ${commits}`);
    }
  }
  // a folder that was there stays, with what else is in it
  mkdirSync(at("kept"));
  writeFileSync(at("kept", "notes.txt"), "mine");
  await refusedBy(() => index([at("one")], at("kept"), 1, FAILURES["the first video"]()));
  assert.equal(readdirSync(at("kept")), ["notes.txt"]);
  // the list of failures cannot be written
  mkdirSync(at("kept", "failures.jsonl", "full"), { recursive: true });
  await refusedBy(() => index([at("one")], at("kept")));
  assert.equal(readdirSync(at("kept")).sort(), ["failures.jsonl", "notes.txt"]);
});

test("whenever the work on an existing index fails, it is as it was", async () => {
  const out = at("existing");
  await index([at("one")], out);
  const before = await content(out);
  const again = writeFeatures(at("again"), ["/v/a.mp4", "/v/b.mp4"], "2999-01-01T00:00:00Z");
  for (const [moment, options] of Object.entries(FAILURES)) {
    for (const commits of [false, true]) {
      for (const [folders, seed, replace] of [
        [[at("more")], 1, false],
        [[again, at("more")], 1, false],
        [[at("one"), at("more")], 1, true],
        [[at("one"), at("more")], 2, true],
      ] as const) {
        // prettier-ignore
        const work = () => index([...folders], out, seed, { replace, ...options() });
        await refusedBy(() => (commits ? hurried(work) : work()));
        assert.equal(await content(out), before, `${moment}, with commits: ${commits}, ${folders.length} ${seed} ${replace}`); // prettier-ignore
      }
    }
  }
  mkdirSync(join(out, "failures.jsonl", "full"), { recursive: true });
  await refusedBy(() => index([at("one"), at("more")], out, 2, { replace: true }));
  await refusedBy(() => index([at("more")], out));
  assert.equal(await content(out), before);
  rmSync(join(out, "failures.jsonl"), { recursive: true });
  // and it can be written
  assert.is((await index([at("more")], out)).videos, 3);
  const names = readdirSync(out).filter((name) => name.endsWith(".bin"));
  assert.is(names.length, 4, names.join());
});

test("a reader that was opened before videos were taken back keeps their rows", async () => {
  const out = at("undone");
  const opened = await FeatureIndex.create(out, { dim: DIM, dtype: "f32" });
  await opened.append([video("a", 3, DIM)]);
  const readers: { reader: FeatureIndex; name: string }[] = [];
  const generation = () => JSON.parse(readFileSync(join(out, "index.json"), "utf8")).generation;
  /** Adds videos, of which a reader sees the first, and fails. */
  async function* failing(name: string) {
    yield video(name, 4, DIM);
    readers.push({ reader: await FeatureIndex.open(out, { threads: 1 }), name });
    throw stop;
  }
  const written = (name: string) => Array.from(video(name, 4, DIM).rows);
  const failed = ({ message }: Error): never => {
    throw new Error(message);
  };
  const check = async () => {
    for (const { reader, name } of readers) {
      const { rows } = await reader.rowsOf(name).catch(failed);
      assert.equal(Array.from(rows), written(name));
      assert.equal(reader.videos(), ["a", name]);
    }
  };
  for (const [i, name] of ["b", "c"].entries()) {
    await refusedBy(() => hurried(() => opened.write(failing(name), { undo: "changes" })));
    assert.is(readers.length, i + 1);
    assert.equal(opened.videos(), ["a"]);
    await check();
  }
  const before = generation();
  opened.setText({ kind: "other" });
  await check();
  assert.is(generation(), before);
  assert.is(await opened.append([video("d", 5, DIM), video("e", 1, DIM)]), 2);
  await check();
  assert.ok(generation() > 1, "the generation of the second undone append is not used again");
  assert.equal(opened.videos(), ["a", "d", "e"]);
  assert.equal(Array.from((await opened.rowsOf("a")).rows), Array.from(video("a", 3, DIM).rows));
  assert.equal(Array.from((await opened.rowsOf("d")).rows), Array.from(video("d", 5, DIM).rows));
  assert.not.match(readFileSync(join(out, "index.json"), "utf8"), /undone/);
  // the next append stays in its generation
  const now = generation();
  await opened.append([video("f", 2, DIM)]);
  assert.is(generation(), now);
  assert.is(readdirSync(out).filter((name) => name.endsWith(".bin")).length, 4);
  for (const { reader } of readers) reader.dispose();
  opened.dispose();
});

test("a full disk leaves no new index, and an old one as it was", async () => {
  const faulty = faultyDisk(root);
  if (!faulty) {
    console.log("SKIP a full disk: no C compiler or no LD_PRELOAD");
    return;
  }
  const old = at("old");
  await index([at("one")], old);
  const before = await content(old);
  const run = (out: string, bytes: number, ...more: string[]) =>
    spawnSync(
      process.execPath,
      [CLI, "index", at("one"), at("more"), "--out", out, "--model", model(more.length > 0 ? 2 : 1), "--window", "8", "--quiet", ...more], // prettier-ignore
      { encoding: "utf8", env: faulty({ under: out, bytes }) },
    );
  for (const bytes of [10, 300, 900, 1800]) {
    const fresh = run(at("full"), bytes);
    assert.is(fresh.status, 1, `${bytes}: ${fresh.stderr}`);
    assert.match(fresh.stderr, /ENOSPC|no space/);
    assert.not.ok(existsSync(at("full")), `${bytes}: ${existsSync(at("full")) && readdirSync(at("full")).join()}`);
    const replaced = run(old, bytes, "--replace");
    assert.is(replaced.status, 1, replaced.stderr);
    assert.equal(await content(old), before, `${bytes}`);
  }
});

test("an interrupted new index keeps its videos, and none without a video is left", async () => {
  const out = at("interrupted");
  const abort = new AbortController();
  const first = () =>
    index([at("one"), at("more")], out, 1, { signal: abort.signal, onProgress: () => abort.abort(stop) });
  await refusedBy(first);
  const opened = await FeatureIndex.open(out);
  assert.equal(opened.videos(), ["/v/a.mp4"]);
  opened.dispose();
  assert.equal((await index([at("one"), at("more")], out)).videos, 4);
});

test("--replace takes other weights, windows and types in one step; without it they are refused", async () => {
  const out = at("replaced");
  await index([at("one"), at("more")], out);
  const before = await content(out);
  const { id } = JSON.parse(before.manifest);
  const pattern = /made with weights ".*", these rows have ".*": use another --out, or --replace to embed/;
  await refused(() => index([at("one"), at("more")], out, 2), pattern);
  const reader = await FeatureIndex.open(out);
  const summary = await index([at("one"), at("more")], out, 2, { replace: true });
  assert.equal([summary.videos, summary.skipped], [5, 0]);
  // a reader that was open goes on with what it had
  assert.is((await reader.rowsOf("/v/a.mp4")).spans.length, 4);
  reader.dispose();
  await index([at("one"), at("more")], at("fresh"), 2);
  const [now, fresh] = [await content(out), await content(at("fresh"))];
  assert.equal(now.rows, fresh.rows);
  assert.not.equal(now.rows, before.rows);
  const [manifest, expected] = [now, fresh].map((each) => JSON.parse(each.manifest));
  assert.equal([manifest.id, manifest.settings, manifest.text], [id, expected.settings, expected.text]);
  assert.is(readdirSync(out).filter((name) => name.endsWith(".bin")).length, 4);
  const opened = await FeatureIndex.open(out);
  assert.is((await searchText(opened, "stir the soup")).hits.length, 10);
  opened.dispose();
  await index([at("one"), at("more")], out, 2, { replace: true, window: 4, dtype: "f32" });
  const changed = JSON.parse(readFileSync(join(out, "index.json"), "utf8"));
  assert.equal([changed.settings.window, changed.dtype], [4, "f32"]);
  // the same settings replace the named videos only
  await index([at("one")], out, 2, { replace: true, window: 4 });
  assert.is(JSON.parse(readFileSync(join(out, "index.json"), "utf8")).videos, 5);
});

test("an index of another model is not replaced by fewer videos, and the command says so", async () => {
  const out = at("fewer");
  await index([at("one"), at("more")], out);
  const before = await content(out);
  const run = videoclip("index", at("one"), "--out", out, "--model", model(2), "--replace");
  assert.is(run.status, 2);
  assert.match(run.stderr, /3 videos of the index in .*fewer have no features here \(first: \/v\/c\.mp4\)/);
  assert.equal(await content(out), before);
  cpSync(at("one"), at("torn"), { recursive: true });
  for (const name of ["0.npy", "1.npy"]) writeFileSync(at("torn", name), "nothing");
  await index([at("one")], at("two"));
  const two = await content(at("two"));
  await refusedBy(() => index([at("torn")], at("two"), 2, { replace: true }));
  assert.equal(await content(at("two")), two);
});

test("an index is not replaced as a whole without the videos whose features cannot be used", async () => {
  const out = at("unusable");
  const folder = writeFeatures(at("damaged"), ["/v/a.mp4", "/v/b.mp4", "/v/c.mp4"]);
  await index([folder], out);
  const before = await content(out);
  const broken = npyBytes(new Float32Array(20 * DIM).fill(NaN), [20, DIM], "f32");
  const whole = readFileSync(join(folder, "0.npy"));
  for (const name of ["1.npy", "2.npy"]) writeFileSync(join(folder, name), broken);
  const pattern = /features of 2 videos of the index in .*unusable cannot be used \(\/v\/b\.mp4, \/v\/c\.mp4\): .*NaN/;
  for (const commits of [false, true]) {
    for (const [seed, more] of [
      [1, { dtype: "f32" }],
      [2, {}],
    ] as const) {
      const work = () => index([folder], out, seed, { ...more, replace: true });
      await refused(() => (commits ? hurried(work) : work()), pattern, DatasetError);
      assert.equal(await content(out), before);
    }
  }
  assert.not.ok(existsSync(join(out, "failures.jsonl")));
  writeFileSync(join(folder, "0.npy"), broken);
  await refused(() => index([folder], out, 2, { replace: true }), /features of 3 videos of the index/, DatasetError);
  assert.equal(await content(out), before);
  // the two ways that the message names
  writeFileSync(join(folder, "0.npy"), whole);
  writeFileSync(join(folder, "1.npy"), whole);
  const opened = await FeatureIndex.open(out);
  assert.is(await opened.remove(["/v/c.mp4"]), 1);
  opened.dispose();
  const summary = await index([folder], out, 2, { replace: true });
  assert.equal([summary.videos, summary.failures], [2, 1]);
});

test("the window of an index holds for its own model only", async () => {
  const out = at("windows");
  await index([at("one")], out);
  await index([at("more")], out, 1, { window: undefined });
  const settings = () => JSON.parse(readFileSync(join(out, "index.json"), "utf8")).settings;
  assert.equal([settings().window, settings().hop], [8, 4]);
  // a model that takes no window of 8 features
  const made = VideoClip.random(3, { config: { ...config, maxVideoLength: 4 }, tokenizer: at("vocab.txt"), device: "cpu" }); // prettier-ignore
  await made.save(model(3));
  made.dispose();
  const both = [at("one"), at("more")];
  await refused(() => index(both, out, 3, { window: undefined }), /it was made with .*, or --replace to embed/);
  await index(both, out, 3, { window: undefined, replace: true });
  const { weights, ...fallback } = settings();
  assert.equal([fallback.window, fallback.hop], [4, 2]);
  await index(both, out, 1, { replace: true });
  writeFileSync(join(model(3), "search.json"), JSON.stringify({ weights, window: 3, hop: 1, levels: [] }));
  await index(both, out, 3, { window: undefined, replace: true });
  assert.equal([settings().window, settings().hop], [3, 1]);
});

/** Work that must fail, with an error of any kind. */
async function refusedBy(work: () => Promise<unknown>): Promise<void> {
  let failed = false;
  try {
    await work();
  } catch {
    failed = true;
  }
  assert.ok(failed, "the work did not fail");
}

test.run();
