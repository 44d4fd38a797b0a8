// Features of another video encoder than the model's are refused when they are indexed or packed.
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashFile } from "#lib/data/pack.js";
import { npyBytes } from "#lib/weights/npy.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("feature origin");
const root = temporaryFolder("origin");
const MODEL = "models/shapes";
const DIM = 256;

/** A folder of features whose manifest has these settings. */
function features(settings: object): string {
  const folder = mkdtempSync(join(root, "features-"));
  writeFileSync(join(folder, "a.npy"), npyBytes(new Float32Array(4 * DIM).fill(0.1), [4, DIM], "f16"));
  const timestamps = [0, 1, 2, 3].map((at) => [at, at + 1]);
  const entry = { path: "/v/a.mp4", file: "a.npy", duration: 4, clips: 4, timestamps, padded_frames: 0, finished_at: "2026-01-01T00:00:00Z", settings: { dim: DIM, dtype: "f16", ...settings } }; // prettier-ignore
  writeFileSync(join(folder, "manifest.jsonl"), `${JSON.stringify(entry)}\n`);
  return folder;
}

/** Indexes such features. */
function index(settings: object, ...more: string[]) {
  const folder = features(settings);
  return videoclip("index", folder, "--out", join(folder, "index"), "--model", MODEL, "--quiet", ...more);
}

test("features of the model's encoder, or of unknown origin, are accepted", async () => {
  const weights = (await hashFile(join(MODEL, "video_model.safetensors"))).slice(0, 16);
  for (const settings of [{ model: "s3d-tiny", weights }, {}]) {
    const { status, stderr } = index(settings);
    assert.equal([status, stderr], [0, ""]);
  }
});

const OTHERS = [
  { model: "s3d-tiny", weights: "random:1" },
  { model: "s3dg", weights: "0123456789abcdef" },
  { model: "s3d-tiny", weights: "0123456789abcdef" },
];

test("generated weights, other networks and other weights are refused with advice, unless the caller insists", () => {
  for (const settings of OTHERS) {
    const { status, stderr } = index(settings);
    assert.is(status, 2, stderr);
    assert.match(
      stderr,
      /made with (model|weights) \S+, and the video encoder in models\/shapes has \S+: extract them/,
    );
    assert.match(stderr, /extract them with --model models\/shapes, or add --any-weights/);
  }
  assert.is(index(OTHERS[2], "--any-weights").status, 0);
});

test("so they are when they are packed with the tokenizer in a model's folder", async () => {
  const weights = (await hashFile(join(MODEL, "video_model.safetensors"))).slice(0, 16);
  const pack = (settings: object, tokenizer: string, ...more: string[]) => {
    const folder = features(settings);
    const captions = join(folder, "captions.jsonl");
    writeFileSync(captions, `${JSON.stringify({ video: "/v/a.mp4", start: 0, end: 2, text: "a red star" })}\n`);
    const out = mkdtempSync(join(root, "packed-"));
    return videoclip("data", "pack", "jsonl", captions, "--features", folder, "--tokenizer", tokenizer, "--out", out, "--quiet", ...more); // prettier-ignore
  };
  for (const settings of [{ model: "s3d-tiny", weights }, {}]) assert.is(pack(settings, MODEL).status, 0);
  const { status, stderr } = pack(OTHERS[2], MODEL);
  assert.is(status, 2, stderr);
  assert.match(stderr, /made with weights 0123456789abcdef, and the video encoder in models\/shapes has/);
  assert.is(pack(OTHERS[2], MODEL, "--any-weights").status, 0);
  assert.is(pack(OTHERS[2], join(MODEL, "tokenizer.json")).status, 0, "a file names no model");
});

test("files without a manifest have no origin and are taken", () => {
  const folder = mkdtempSync(join(root, "plain-"));
  writeFileSync(join(folder, "a.npy"), npyBytes(new Float32Array(4 * DIM).fill(0.1), [4, DIM], "f16"));
  const { status, stderr } = videoclip("index", folder, "--out", join(folder, "index"), "--model", MODEL, "--seconds", "1", "--quiet"); // prettier-ignore
  assert.is(status, 0, stderr);
});

test.run();
