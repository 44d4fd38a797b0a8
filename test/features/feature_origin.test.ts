// Features of another video encoder than the model's are refused or reported when they are indexed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashFile } from "#lib/data/pack.js";
import { npyBytes } from "#lib/weights/npy.js";
import { CLI } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("feature origin");
const root = temporaryFolder("origin");
const MODEL = "models/shapes";
const DIM = 256;

/** Indexes features whose manifest has these settings. */
function index(settings: object, ...more: string[]) {
  const folder = mkdtempSync(join(root, "features-"));
  writeFileSync(join(folder, "a.npy"), npyBytes(new Float32Array(4 * DIM).fill(0.1), [4, DIM], "f16"));
  const timestamps = [0, 1, 2, 3].map((at) => [at, at + 1]);
  const entry = { path: "/v/a.mp4", file: "a.npy", duration: 4, clips: 4, timestamps, padded_frames: 0, finished_at: "2026-01-01T00:00:00Z", settings: { dim: DIM, dtype: "f16", ...settings } }; // prettier-ignore
  writeFileSync(join(folder, "manifest.jsonl"), `${JSON.stringify(entry)}\n`);
  const args = [CLI, "index", folder, "--out", join(folder, "index"), "--model", MODEL, "--quiet"];
  return spawnSync(process.execPath, [...args, ...more], { encoding: "utf8" });
}

test("features of the model's encoder, or of unknown origin, are accepted", async () => {
  const weights = (await hashFile(join(MODEL, "video_model.safetensors"))).slice(0, 16);
  for (const settings of [{ model: "s3d-tiny", weights }, {}]) {
    const { status, stderr } = index(settings);
    assert.equal([status, stderr], [0, ""]);
  }
});

test("generated weights and other networks are refused with advice, unless the caller insists", () => {
  for (const settings of [
    { model: "s3d-tiny", weights: "random:1" },
    { model: "s3dg", weights: "0123456789abcdef" },
  ]) {
    const { status, stderr } = index(settings);
    assert.is(status, 2, stderr);
    assert.match(stderr, /extract them with --model models\/shapes, or add --any-weights/);
    assert.is(index(settings, "--any-weights").status, 0);
  }
});

test("another weight file is reported, because it may hold the same weights", () => {
  const { status, stderr } = index({ model: "s3d-tiny", weights: "0123456789abcdef" });
  assert.is(status, 0, stderr);
  assert.match(stderr, /made with weights 0123456789abcdef.*unless these are the same weights in another file/);
});

test.run();
