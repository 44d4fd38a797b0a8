// Previews of parts of videos: with both programs, time 0 is the moment that was asked for, the picture is upright and
// bounded, sound stays, and what cannot be decoded is an error with a code.
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoError } from "#lib/base/errors.js";
import { openVideo, resolvePreset } from "#lib/index.js";
import { previewAt } from "#lib/video/previews/preview.js";
import { findMakers } from "#lib/video/previews/preview_encoders.js";
import { previewRate } from "#lib/video/previews/preview_filters.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("video: previews");
const root = temporaryFolder("previews");
const [WIDTH, HEIGHT, RATE] = [96, 64, 10];
const makers = (await Promise.all([findMakers(["node-av"]), hasFfmpeg ? findMakers(["ffmpeg"]) : []])).flat();
if (!hasFfmpeg) process.stdout.write("SKIP previews by the ffmpeg program: there is no ffmpeg\n");
if (makers.length === 0) process.stdout.write("SKIP previews: there is no encoder for them\n");

/** Grey pictures, lighter in each second. */
const lightOf = (second: number): number => 40 + 15 * second;
const planes = (frame: number): Buffer =>
  Buffer.concat([
    Buffer.alloc(WIDTH * HEIGHT, lightOf(Math.floor(frame / RATE))),
    Buffer.alloc((WIDTH * HEIGHT) / 2, 128),
  ]);
const old = { codec: "mpeg4", width: WIDTH, height: HEIGHT, rate: RATE, seconds: 12, options: {}, planes };

/** The full-range light of a preview in the middle of each half second. */
async function lightsOf(path: string): Promise<{ lights: number[]; width: number; height: number; duration: number }> {
  const preset = resolvePreset("shapes", { fps: 2, frames: 1, stride: 1 });
  const video = await openVideo(path, { preset });
  const lights: number[] = [];
  for await (const { frames } of video) lights.push(frames[frames.length / 2]);
  return { lights, ...video.info };
}

let count = 0;
async function preview(source: string, seconds: number, maker: (typeof makers)[number], length = 5): Promise<string> {
  const path = join(root, `preview-${count++}.${maker.format}`);
  writeFileSync(path, await previewAt(source, seconds, { maker, length }));
  return path;
}

test("with each program and format, time 0 of a preview is the moment, and it has at most its length", async () => {
  const source = join(root, "old.avi");
  await makeVideo(source, old);
  for (const maker of makers) {
    const name = `${maker.program} ${maker.format}`;
    for (const [seconds, length] of [
      [3, 5],
      [0, 5],
      [9.5, 2.5],
    ] as const) {
      const { lights, duration, width, height } = await lightsOf(await preview(source, seconds, maker));
      assert.equal([width, height], [WIDTH, HEIGHT], name);
      assert.ok(Math.abs(duration - length) < 0.15, `${name} from ${seconds} s: ${duration} s`);
      lights.slice(0, 2 * Math.floor(length)).forEach((light, i) => {
        // near the change of a second, the frame before is as good
        const right = [-0.1, 0.1].map(
          (d) => ((lightOf(Math.floor(Math.max(0, seconds + i / 2 + d))) - 16) * 255) / 219,
        );
        const distance = Math.min(...right.map((value) => Math.abs(value - light)));
        assert.ok(distance < 7, `${name} from ${seconds} s: ${light} after ${i / 2} s, ${right.join(" or ")} is right`);
      });
    }
  }
});

test("a preview of a moment behind the end, of a damaged file, or of none, is an error with a code", async () => {
  const source = join(root, "short.avi");
  await makeVideo(source, { ...old, seconds: 2 });
  writeFileSync(join(root, "broken.avi"), Buffer.alloc(5000, 7));
  for (const maker of makers) {
    const codeOf = async (path: string, seconds: number) => {
      const error = await previewAt(path, seconds, { maker, length: 5 }).catch((cause: unknown) => cause);
      assert.instance(error, VideoError, `${maker.program} ${path}`);
      return (error as VideoError).code;
    };
    assert.is(await codeOf(source, 3), "ERR_VIDEO_NO_FRAMES");
    assert.is(await codeOf(join(root, "broken.avi"), 0), "ERR_VIDEO_FORMAT");
    assert.is(await codeOf(join(root, "missing.avi"), 0), "ERR_VIDEO_NOT_FOUND");
  }
});

test("an aborted preview ends with the reason, and no file is left", async () => {
  const temporary = temporaryFolder("previews-temporary");
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporary;
  try {
    const source = join(root, "long.avi");
    await makeVideo(source, { ...old, seconds: 20 });
    for (const maker of makers) {
      const reason = new Error("enough");
      const stop = new AbortController();
      const made = previewAt(source, 0, { maker, length: 20, signal: stop.signal }).catch((error: unknown) => error);
      await new Promise((done) => setTimeout(done, 60));
      stop.abort(reason);
      const ended = await made;
      assert.ok(ended === reason || ended instanceof Uint8Array, String(ended)); // a fast machine may be done
      assert.is(await previewAt(source, 0, { maker, length: 20, signal: stop.signal }).catch((e) => e), reason);
    }
    assert.equal(readdirSync(temporary), []);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

test("frames of a preview are evenly spaced parts or multiples of the video's", () => {
  for (const [rate, right] of [
    [30, 30],
    [25, 25],
    [24, 24],
    [60, 30],
    [50, 25],
    [120, 30],
    [10, 20],
    [1, 15],
    [15, 15],
  ] as const)
    assert.is(previewRate(rate), right, `${rate}`);
  for (const rate of [undefined, 0, -1, Number.NaN, Infinity, 90_000]) assert.is(previewRate(rate), 25, `${rate}`);
  assert.ok(Math.abs(previewRate(60000 / 1001) - 30000 / 1001) < 1e-9);
});

/** Width, height and rotation of a video. */
async function sizeOf(path: string): Promise<number[]> {
  const video = await openVideo(path, { preset: "shapes" });
  await video.close();
  const { width, height, rotation } = video.info;
  return [width, height, rotation];
}

/** Makes a video with the ffmpeg program. */
function make(name: string, ...args: string[]): string {
  const path = join(root, name);
  const { status, stderr } = spawnSync("ffmpeg", ["-v", "error", ...args, "-y", path]);
  assert.is(status, 0, String(stderr));
  return path;
}
const picture = (size: string, seconds: number) => ["-f", "lavfi", "-i", `testsrc2=s=${size}:r=25:d=${seconds}`];

test("a wide video is bounded, non-square pixels become square, a rotated one is upright, and sound stays", async () => {
  if (!hasFfmpeg) return void process.stdout.write("SKIP shapes of previews: there is no ffmpeg\n");
  const sound = ["-f", "lavfi", "-i", "sine=d=3", "-c:a", "pcm_s16le"];
  const wide = make("wide.avi", ...picture("1280x320", 3), ...sound, "-c:v", "mpeg4");
  const pal = make("pal.avi", ...picture("352x288", 1), "-vf", "setsar=64/45", "-c:v", "mpeg4");
  const flat = make("flat.mp4", ...picture("320x160", 1), "-c:v", "mpeg4");
  const tall = make("tall.mp4", "-i", flat, "-c", "copy", "-metadata:s:v", "rotate=90");
  const [, , rotation] = await sizeOf(tall);
  const streams = (path: string) =>
    spawnSync("ffprobe", ["-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", path])
      .stdout.toString()
      .trim()
      .split(/\s+/);
  for (const maker of makers) {
    const name = `${maker.program} ${maker.format}`;
    const one = await preview(wide, 1, maker);
    assert.equal(await sizeOf(one), [640, 160, 0], name);
    assert.equal(streams(one), maker.audio === undefined ? ["video"] : ["video", "audio"], name);
    assert.equal(await sizeOf(await preview(pal, 0, maker)), [500, 288, 0], name);
    if (rotation === 0) process.stdout.write("SKIP a rotated preview: this ffmpeg writes no rotation so\n");
    else assert.equal(await sizeOf(await preview(tall, 0, maker)), [160, 320, 0], name);
  }
});

test("a key frame far before the moment, and a raw stream, give the same moment", async () => {
  if (!hasFfmpeg) return void process.stdout.write("SKIP key frames of previews: there is no ffmpeg\n");
  const source = join(root, "grey.avi");
  await makeVideo(source, { ...old, seconds: 14 });
  // one key frame for all, without an index, and with 60 s of the last picture behind
  const far = make("far.mkv", "-i", source, "-vf", "tpad=start_mode=clone:start_duration=24", "-c:v", "mpeg4", "-g", "600", "-bf", "0", "-q:v", "3"); // prettier-ignore
  const raw = make("raw.m4v", "-i", source, "-c:v", "copy");
  for (const maker of makers) {
    for (const [path, seconds] of [
      [far, 30],
      [raw, 6],
    ] as const) {
      const { lights, duration } = await lightsOf(await preview(path, seconds, maker, 3));
      assert.ok(Math.abs(duration - 3) < 0.15, `${maker.program} ${path}: ${duration} s`);
      const right = ((lightOf(6) - 16) * 255) / 219;
      assert.ok(
        Math.abs(lights[1] - right) < 8,
        `${maker.program} ${maker.format} ${path}: ${lights[1]}, not ${right}`,
      );
    }
  }
});

test.run();
