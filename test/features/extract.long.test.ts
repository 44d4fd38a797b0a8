// Extraction into folders by the command line: good and bad files, resuming, interruption.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { relativeL2 } from "../support/numbers.js";
import { CLI, jsonLines, videoclip } from "../support/command_line.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("extract");
const folder = temporaryFolder("extract");
const videos = join(folder, "videos");
const flags = ["--model", "s3dg", "--random-weights", "1", "--frames", "8", "--size", "64", "--save-dtype", "f32"];

test.before(async () => {
  mkdirSync(join(videos, "more"), { recursive: true });
  await makeVideo(join(videos, "plain.mp4"), { seed: 1, seconds: 3 });
  await makeVideo(join(videos, "more/plain.mp4"), { seed: 2, seconds: 2 });
  await makeVideo(join(videos, "one_frame.mp4"), { seed: 3, frames: 1 });
  const times = Array.from({ length: 30 }, (_, i) => Math.round(i < 15 ? i : 15 + (i - 15) * 4));
  await makeVideo(join(videos, "variable.mkv"), { seed: 4, times });
  await makeVideo(join(videos, "hevc10.mkv"), { seed: 5, seconds: 1, codec: "libx265", format: "yuv420p10le" });
  await makeVideo(join(videos, "vp9.webm"), { seed: 6, seconds: 1, codec: "libvpx-vp9", options: {} });
  await makeVideo(join(videos, "odd444.mkv"), { seed: 7, seconds: 1, width: 161, height: 121, format: "yuv444p" });
  await makeVideo(join(videos, "cut.mkv"), { seed: 8, seconds: 6 });
  truncateSync(join(videos, "cut.mkv"), Math.floor(readFileSync(join(videos, "cut.mkv")).length / 2));
  await makeVideo(join(videos, "no_index.mp4"), { seed: 9, seconds: 2 });
  truncateSync(join(videos, "no_index.mp4"), 20_000);
  writeFileSync(join(videos, "empty.mp4"), "");
  writeFileSync(join(videos, "text.mp4"), "this is not a video\n".repeat(50));
  const wave = Buffer.alloc(44 + 16000); // one second of silence: sound without pictures
  wave.write("RIFF\0\0\0\0WAVEfmt ", 0, "latin1");
  wave.writeUInt32LE(36 + 16000, 4);
  wave.writeUInt32LE(16, 16);
  wave.writeUInt16LE(1, 20);
  wave.writeUInt16LE(1, 22);
  wave.writeUInt32LE(8000, 24);
  wave.writeUInt32LE(16000, 28);
  wave.writeUInt16LE(2, 32);
  wave.writeUInt16LE(16, 34);
  wave.write("data", 36, "latin1");
  wave.writeUInt32LE(16000, 40);
  writeFileSync(join(videos, "sound.mp4"), wave);
  mkdirSync(join(videos, "folder.mp4"));
  symlinkSync(join(folder, "nowhere"), join(videos, "dangling.mp4"));
});

test("good files are extracted, each bad file has its reason, and the exit code is 1", () => {
  const out = join(folder, "all");
  const run = videoclip("extract", videos, ...flags, "--out", out);
  assert.is(run.status, 1, run.stderr);
  const done = jsonLines(join(out, "manifest.jsonl"));
  const good = ["hevc10.mkv", "odd444.mkv", "one_frame.mp4", "plain.mp4", "plain.mp4", "variable.mkv", "vp9.webm"];
  assert.equal(done.map(({ path }) => basename(path)).sort(), good, run.stderr);
  assert.is(new Set(done.map(({ file }) => file)).size, good.length, "file names do not collide");
  for (const entry of done) {
    const file = readFileSync(join(out, entry.file));
    assert.is(file.length, 128 + entry.clips * 1024 * 4);
    assert.is(entry.timestamps.length, entry.clips);
    assert.ok(new Float32Array(file.buffer.slice(file.byteOffset + 128)).every(Number.isFinite));
  }
  assert.is(done.find(({ path }) => path.endsWith("one_frame.mp4")).padded_frames, 7);
  const reasons = Object.fromEntries(
    jsonLines(join(out, "failures.jsonl")).map(({ path, code }) => [basename(path), code]),
  );
  assert.equal(reasons, {
    "cut.mkv": "ERR_VIDEO_TRUNCATED",
    "dangling.mp4": "ERR_VIDEO_NOT_FOUND",
    "empty.mp4": "ERR_VIDEO_EMPTY",
    "folder.mp4": "ERR_VIDEO_UNREADABLE",
    "no_index.mp4": "ERR_VIDEO_TRUNCATED",
    "sound.mp4": "ERR_VIDEO_NO_STREAM",
    "text.mp4": "ERR_VIDEO_FORMAT",
  });
  assert.not.ok(
    readdirSync(out).some((name) => name.startsWith(".")),
    "no temporary file and no lock is left",
  );
});

test("both decoders give the same features and the same reasons", () => {
  if (!hasFfmpeg) {
    console.log("SKIP: no ffmpeg program on the path");
    return;
  }
  const out = join(folder, "ffmpeg");
  assert.is(videoclip("extract", videos, ...flags, "--decoder", "ffmpeg", "--out", out).status, 1);
  for (const name of ["manifest.jsonl", "failures.jsonl"]) {
    const of = (dir: string) => jsonLines(join(folder, dir, name)).map(({ path, code }) => `${path} ${code}`).sort(); // prettier-ignore
    assert.equal(of("ffmpeg"), of("all"), name);
  }
  const read = (dir: string, file: string) => {
    const bytes = readFileSync(join(folder, dir, file));
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset + 128));
  };
  for (const { file } of jsonLines(join(out, "manifest.jsonl"))) {
    const [a, b] = [read("all", file), read("ffmpeg", file)];
    assert.is(a.length, b.length);
    const error = relativeL2(b, a);
    assert.ok(error < 1e-2, `${file}: relative L2 ${error}`);
  }
});

test("a folder with features is changed only with --resume and the same settings", () => {
  const out = join(folder, "all");
  assert.is(videoclip("extract", videos, ...flags, "--out", out).status, 2);
  const other = videoclip("extract", videos, ...flags, "--out", out, "--resume", "--fps", "5");
  assert.is(other.status, 2);
  assert.match(other.stderr, /preset/);
  const before = readFileSync(join(out, "manifest.jsonl"));
  assert.is(videoclip("extract", videos, ...flags, "--out", out, "--resume").status, 1);
  assert.equal(readFileSync(join(out, "manifest.jsonl")), before);
});

test("--keep-partial keeps and marks the clips before the cut", () => {
  const out = join(folder, "partial");
  assert.is(videoclip("extract", join(videos, "cut.mkv"), ...flags, "--out", out, "--keep-partial").status, 1);
  const [entry] = jsonLines(join(out, "manifest.jsonl"));
  assert.is(entry.partial, true);
  assert.ok(entry.clips > 0);
  assert.ok(entry.duration < 3 && entry.duration >= entry.timestamps.at(-1)[1], `${entry.duration}`);
});

test("with broken data, clips are omitted and recorded, or the video stops or fails at that point", () => {
  const broken = "test/fixtures/field/broken_frame.mkv";
  const run = (name: string, ...more: string[]) => {
    const { status, stdout } = videoclip("extract", broken, ...flags, "--json", "--out", join(folder, name), ...more);
    return { status, summary: JSON.parse(stdout.trim().split("\n").at(-1)!) };
  };
  const skipped = run("skipped");
  assert.is(skipped.status, 0);
  assert.equal([skipped.summary.videos, skipped.summary.broken], [1, 1]);
  const [entry] = jsonLines(join(folder, "skipped/manifest.jsonl"));
  assert.equal(entry.broken, [[2, 3]]);
  assert.not.ok(entry.timestamps.some(([start, end]: number[]) => start < 3 && end > 2));
  assert.is(run("stopped", "--on-error", "stop").status, 1);
  const [partial] = jsonLines(join(folder, "stopped/manifest.jsonl"));
  assert.equal([partial.partial, partial.duration], [true, 2]);
  assert.is(jsonLines(join(folder, "stopped/failures.jsonl"))[0].code, "ERR_VIDEO_CORRUPT");
  const again = run("stopped", "--retry-failed", "--on-error", "skip");
  assert.equal([again.status, again.summary.videos], [0, 1]);
  assert.is(run("failed", "--on-error", "fail").status, 1);
  assert.not.ok(readdirSync(join(folder, "failed")).includes("manifest.jsonl"));
});

test("HDR is tone-mapped by default, and the manifest records the choice", () => {
  const run = (name: string, ...more: string[]) => {
    const out = join(folder, name);
    const { status, stderr } = videoclip("extract", "test/fixtures/field/hdr_pq.mp4", ...flags, "--out", out, ...more);
    assert.is(status, 0, stderr);
    const [{ hdr, file }] = jsonLines(join(out, "manifest.jsonl"));
    return { hdr, features: readFileSync(join(out, file)) };
  };
  const mapped = run("mapped");
  const kept = run("kept", "--hdr", "keep");
  assert.equal([mapped.hdr, kept.hdr], ["pq, tone-mapped", "pq, kept"]);
  assert.not.equal(mapped.features, kept.features);
});

test("shards share a folder and cover every video once", () => {
  const out = join(folder, "shards");
  const good = ["plain.mp4", "more/plain.mp4", "vp9.webm"].map((name) => join(videos, name));
  for (const shard of ["0/2", "1/2"])
    assert.is(videoclip("extract", ...good, ...flags, "--out", out, "--shard", shard).status, 0);
  const done = [".0-of-2", ".1-of-2"].flatMap((suffix) => jsonLines(join(out, `manifest${suffix}.jsonl`)));
  assert.equal(done.map(({ path }) => path).sort(), [...good].sort());
});

test("an interrupted run exits with 130, and --resume completes it with the same bytes", async () => {
  const good = ["plain.mp4", "more/plain.mp4", "variable.mkv"].map((name) => join(videos, name));
  const reference = join(folder, "reference");
  assert.is(videoclip("extract", ...good, ...flags, "--out", reference).status, 0);
  const out = join(folder, "interrupted");
  const child = spawn(process.execPath, [
    CLI,
    "extract",
    ...good,
    ...flags,
    "--out",
    out,
    "--decoders",
    "1",
    "--batch",
    "1",
    "--json",
  ]);
  child.stdout.once("data", () => child.kill("SIGINT"));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.is(code, 130);
  assert.is(videoclip("extract", ...good, ...flags, "--out", out, "--resume").status, 0);
  for (const name of readdirSync(reference).filter((file) => file.endsWith(".npy"))) {
    assert.equal(readFileSync(join(out, name)), readFileSync(join(reference, name)), name);
  }
});

test("every model has a preset, and so does s3d-tiny", () => {
  const args = ["--model", "s3d-tiny", "--random-weights", "1"];
  const out = join(folder, "tiny");
  const run = videoclip("extract", join(videos, "one_frame.mp4"), ...args, "--out", out);
  assert.is(run.status, 0, run.stderr);
  const [{ settings }] = jsonLines(join(out, "manifest.jsonl"));
  assert.equal([settings.model, settings.dim, settings.preset.name], ["s3d-tiny", 256, "shapes"]);
  const onnx = join(folder, "tiny.onnx");
  const converted = videoclip("convert", "--onnx", onnx, ...args);
  assert.is(converted.status, 0, converted.stderr);
  // the encoder of a model's folder is the same network with the weights of that folder
  const own = videoclip(
    "extract",
    join(videos, "one_frame.mp4"),
    "--model",
    "models/shapes",
    "--out",
    join(folder, "own"),
  );
  assert.is(own.status, 0, own.stderr);
  const [entry] = jsonLines(join(folder, "own/manifest.jsonl"));
  assert.equal(entry.settings.preset, settings.preset);
  assert.not.match(entry.settings.weights, /random/);
});

test("usage errors exit with 2 and say how to mend the call", () => {
  for (const args of [
    ["extract"],
    ["extract", videos],
    ["extract", videos, "--out", folder],
    ["nonsense"],
    ["extract", videos, "--out", "x", "--batch", "0"],
    ["extract", videos, "--out", "x", "--timeout", "-1"],
  ]) {
    const run = videoclip(...args);
    assert.is(run.status, 2, args.join(" "));
    assert.ok(run.stderr.length > 0);
  }
  assert.is(videoclip("--help").status, 0);
  assert.is(videoclip("doctor", "--json").status, 0);
  assert.match(videoclip("inspect", "--model", "s3d").stdout, /8,320,048 parameters, 17\.979 G/);
});

test.run();
