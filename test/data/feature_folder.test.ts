// Features are found by the names that datasets give to videos, and an ambiguous name is refused.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { NamedFiles } from "#lib/data/named_files.js";
import { npyData, npyHeader } from "#lib/weights/npy.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("feature folder");
const root = temporaryFolder("features");
let cases = 0;

function folder(...names: string[]): string {
  const at = join(root, `case-${cases++}`);
  for (const name of names) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), Buffer.concat([npyHeader([1, 2], "f32"), npyData(Float32Array.of(1, 2), "f32")]));
  }
  return at;
}
const record = (path: string, file: string, finished = "2026") =>
  `${JSON.stringify({ path, file, clips: 1, timestamps: [[0, 1]], settings: {}, finished_at: finished })}\n`;
/** The file that a name finds, relative to the folder. */
const finds = (at: string, video: string) => {
  const path = new FeatureFolder(at).path(video);
  return path === undefined ? undefined : relative(at, path);
};

test("two videos of the same name are found by their paths when the manifest has them", () => {
  const at = folder("000-aaaaaaaa.npy", "000-bbbbbbbb.npy", "unique.npy");
  writeFileSync(
    join(at, "manifest.jsonl"),
    record("/data/dog/000.mp4", "000-aaaaaaaa.npy") + record("/data/cat/000.mp4", "000-bbbbbbbb.npy") + "{}\n",
  );
  writeFileSync(join(at, "manifest.0-of-2.jsonl"), record("/data/dog/unique.v2.mkv", "unique.npy"));
  for (const name of ["dog/000.mp4", "/data/dog/000.mp4", "dog/000", "/elsewhere/dog/000.mp4", "dog\\000.mp4"])
    assert.is(finds(at, name), "000-aaaaaaaa.npy", name);
  assert.is(finds(at, "cat/000.mp4"), "000-bbbbbbbb.npy");
  for (const name of ["unique.v2.mkv", "unique.v2", "videos/unique.v2.mp4"]) assert.is(finds(at, name), "unique.npy");
  assert.is(finds(at, "unique"), undefined);
  for (const name of ["000", "000.mp4", "bird/000.mp4"])
    assert.throws(
      () => finds(at, name),
      /000.* may be .*000-aaaaaaaa\.npy or .*000-bbbbbbbb\.npy: name it with more of its path/,
    );
});

test("of two records of one path, or of one file, the last is used", () => {
  const at = folder("a.npy", "b.npy");
  writeFileSync(
    join(at, "manifest.jsonl"),
    record("/old/a.mp4", "a.npy") + record("/new/moved.mp4", "a.npy") + record("/x/b.mp4", "c.npy") + record("/x/b.mp4", "b.npy"), // prettier-ignore
  );
  assert.is(finds(at, "moved.mp4"), "a.npy");
  assert.is(finds(at, "/x/b.mp4"), "b.npy");
});

test("without a manifest, features are found by file name, with or without the video's ending before .npy", () => {
  const at = folder("ID.mp4.npy", "a.b.npy", "plain.npy", "train/x.npy", "test/x.npy", "train/y.npy");
  for (const name of ["ID", "ID.mp4", "videos/ID.mp4", "ID.webm"]) assert.is(finds(at, name), "ID.mp4.npy", name);
  for (const name of ["a.b", "a.b.mp4"]) assert.is(finds(at, name), "a.b.npy", name);
  assert.is(finds(at, "a"), undefined);
  assert.is(finds(at, "/anywhere/plain.mkv"), "plain.npy");
  assert.is(finds(at, "y.mp4"), "train/y.npy");
  assert.is(finds(at, "train/x.mp4"), "train/x.npy");
  assert.throws(() => finds(at, "x"), /x may be .*test\/x\.npy or .*train\/x\.npy/);
  assert.is(new FeatureFolder(at).size, 6);
});

test("linked folders are entered, each once", () => {
  const elsewhere = folder("deep/far.npy");
  const at = folder("near.npy");
  symlinkSync(elsewhere, join(at, "link"));
  symlinkSync(join(elsewhere, "deep"), join(at, "other"));
  symlinkSync(at, join(at, "loop"));
  assert.is(new FeatureFolder(at).size, 2);
  assert.is(finds(at, "far"), "link/deep/far.npy");
});

test("a file name with the video's ending is preferred to one without", () => {
  const files = new NamedFiles("videos");
  files.add("a.mp4", "/v/a.mp4");
  files.add("a.mkv", "/v/a.mkv");
  assert.is(files.find("a.mkv"), "/v/a.mkv");
  assert.throws(() => files.find("a"), /may be/);
  assert.is(files.find("b"), undefined);
  assert.is(files.find(""), undefined);
});

test.run();
