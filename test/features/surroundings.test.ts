// A fault of the machine ends a run with one line and is not recorded as a failure of a video, and the run can be
// resumed.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { faultyDisk } from "../support/faulty_disk.js";
import { bytes, extractTiny, makeVideos, tinyCases, tinyEncoder } from "./tiny_extraction.js";
import { CLI, jsonLines } from "../support/command_line.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("surroundings");
const root = temporaryFolder("surroundings");
const made = join(root, "made");
let encoder: VideoEncoder;

test.before(async () => {
  encoder = await tinyEncoder();
  await makeVideos(made, ["a.mp4", "b.mp4", "c.mp4"]);
});
test.after(() => encoder.dispose());

const setting = tinyCases(root, made, () => encoder);

test("a full disk ends the run with one line and exit code 1; every feature of the manifest is complete, and --resume finishes", async () => {
  const disk = faultyDisk(root);
  if (!disk) return console.log("SKIP: no C compiler");
  const { videos, out, at } = setting("a.mp4", "b.mp4", "c.mp4");
  const args = `--model s3d-tiny --preset shapes --random-weights 1 --frames 2 --stride 1 --save-dtype f32 --decoders 1 --batch 1 --out ${out}`;
  const command = [CLI, "extract", videos, ...args.split(" ")];
  const reference = join(at, "reference");
  assert.is(spawnSync(process.execPath, command.map((word) => (word === out ? reference : word))).status, 0); // prettier-ignore
  const size = statSync(join(reference, "a.npy")).size;
  for (const room of [size - 10, 2 * size + 900]) {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    const env = disk({ under: out, bytes: room });
    const run = spawnSync(process.execPath, command, { env, encoding: "utf8" });
    assert.is(run.status, 1, `${room} bytes: ${run.stderr}`);
    assert.match(
      run.stderr,
      /^videoclip: .*cannot be written \(ENOSPC\): no space is left on the device.*\[ERR_WRITE\]\n$/m,
    );
    assert.not.match(run.stderr, /\n +at /);
    assert.not.ok(
      readdirSync(out).some((name) => name.startsWith(".")),
      readdirSync(out).join(),
    );
    assert.not.ok(existsSync(join(out, "failures.jsonl")), "a full disk is not a failure of the videos");
    const lines = existsSync(join(out, "manifest.jsonl")) ? jsonLines(join(out, "manifest.jsonl")) : [];
    for (const { file } of lines) assert.is(statSync(join(out, file)).size, size);
    const again = spawnSync(process.execPath, [...command, "--resume"], { encoding: "utf8" });
    assert.is(again.status, 0, again.stderr);
    assert.equal(bytes(out), bytes(reference));
  }
});

test("a disk that becomes read-only ends the run with the write that failed, and what stays on it does not disturb --resume", async () => {
  const disk = faultyDisk(root);
  if (!disk) return console.log("SKIP: no C compiler");
  const { videos, out, at } = setting("a.mp4", "b.mp4", "c.mp4");
  const args = `--model s3d-tiny --preset shapes --random-weights 1 --frames 2 --stride 1 --decoders 1 --out ${out}`;
  const command = [CLI, "extract", videos, ...args.split(" ")];
  const reference = join(at, "reference");
  assert.is(spawnSync(process.execPath, command.map((word) => (word === out ? reference : word))).status, 0); // prettier-ignore
  for (const changes of [0, 1, 2, 3, 5, 8]) {
    rmSync(out, { recursive: true, force: true });
    const env = disk({ under: out, changes });
    const run = spawnSync(process.execPath, command, { env, encoding: "utf8" });
    assert.is(run.status, 1, `${changes} changes: ${run.stderr}`);
    const lines = run.stderr.split("\n").filter((line) => line.startsWith("videoclip: "));
    assert.is(lines.length, 1, run.stderr);
    assert.match(lines[0], /^videoclip: .*cannot be written \(EROFS\): the file system is read-only.*\[ERR_WRITE\]$/);
    const again = spawnSync(process.execPath, [...command, "--resume"], { encoding: "utf8" });
    assert.is(again.status, 0, again.stderr);
    assert.equal(bytes(out), bytes(reference));
  }
});

test("an input folder that disappears ends the run without failures; a deleted video is a failure", async () => {
  const { at, videos, out, run } = setting("a.mp4", "b.mp4", "c.mp4");
  // up to four batches of clips are decoded before the first event
  const copies = 6 * encoder.batch;
  for (let i = 0; i < copies; i++) copyFileSync(join(made, "a.mp4"), join(videos, `d${i}.mp4`));
  const away = join(at, "away");
  let seen = 0;
  const lose = () => {
    if (++seen === 1) renameSync(videos, away);
  };
  const error = await rejection(run({ decoders: 1, onEvent: lose }));
  assert.is(error.code, "ERR_INPUTS_LOST", error.message);
  assert.match(error.message, /its disk or mount was lost; what was finished is saved; go on with --resume/);
  assert.not.ok(existsSync(join(out, "failures.jsonl")));
  renameSync(away, videos);
  for (let i = 2; i < copies; i++) rmSync(join(videos, `d${i}.mp4`));
  const deleted = await run({ resume: true, decoders: 1 }, [videos, join(videos, "d9.mp4")]);
  assert.equal([deleted.failures, deleted.videos + deleted.skipped >= 5], [1, true]);
});

test("a missing decoder ends the run and is not recorded as a failure of videos", async () => {
  const { videos, out } = setting("a.mp4", "b.mp4");
  const args = [CLI, "extract", videos, "--model", "s3d-tiny", "--random-weights", "1", "--out", out];
  const run = spawnSync(process.execPath, [...args, "--decoder", "ffmpeg"], {
    env: { ...process.env, PATH: root },
    encoding: "utf8",
  });
  assert.is(run.status, 1);
  assert.match(run.stderr, /\[ERR_DECODER_MISSING\]/);
  assert.not.ok(existsSync(join(out, "failures.jsonl")));
  // failures that an earlier version recorded are tried again
  const note = { path: join(videos, "a.mp4"), code: "ERR_DECODER_MISSING", reason: "", failed_at: "2020" };
  writeFileSync(join(out, "failures.jsonl"), `${JSON.stringify(note)}\n`);
  const again = await extractTiny(encoder, [videos], out, { resume: true });
  assert.equal([again.videos, again.failures], [2, 0]);
});

test("an address is refused as a folder for features", async () => {
  const { videos } = setting("a.mp4");
  const error = await rejection(extractTiny(encoder, [videos], "gs://bucket/x"));
  assert.is(error.code, "ERR_INVALID_ARGUMENT");
  assert.match(error.message, /gs:\/\/bucket\/x is an address, and only folders of this machine are written to/);
  assert.not.ok(existsSync("gs:"));
});

test.run();
