// Stills and clips share one time line, whatever the first time stamp of the stream: a still at the start of a clip
// shows the clip's first frame.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, stillAt } from "#lib/index.js";
import { tickAt } from "#lib/video/clips/clock.js";
import { nominalFrameDuration } from "#lib/video/decode/ending.js";
import { rawFacts } from "#lib/video/decode/raw_stream.js";
import type { DecoderName } from "#lib/video/types.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("time line");
const folder = temporaryFolder("time-line");
if (!hasFfmpeg) console.log("SKIP the ffmpeg decoder: no ffmpeg program on the path");
const decoders: DecoderName[] = hasFfmpeg ? ["node-av", "ffmpeg"] : ["node-av"];

/** One frame per clip. */
const preset = resolvePreset("x3d-xs", { fps: 25, frames: 1, size: 48, timeRule: "nearest" });
const grey = (pixels: Uint8Array) => pixels.reduce((sum, value) => sum + value, 0) / pixels.length;

async function clipsOf(path: string, decoder: DecoderName) {
  const clips = [];
  for await (const { start, frames } of await openVideo(path, { preset, decoder }))
    clips.push({ start, grey: grey(frames) });
  return clips;
}

async function sameAtStarts(path: string, decoder: DecoderName, lateness: number): Promise<void> {
  const clips = await clipsOf(path, decoder);
  assert.ok(Math.abs(clips[0].start - lateness) < 0.03, `starts at ${clips[0].start}`);
  for (const at of [13, clips.length - 1]) {
    const still = join(folder, "still.jpg");
    writeFileSync(still, await stillAt(path, clips[at].start, { decoder, width: 64 }));
    const [shown] = await clipsOf(still, "node-av");
    const away = clips.map((clip) => Math.abs(shown.grey - clip.grey));
    const nearest = away.indexOf(Math.min(...away));
    assert.is(nearest, at, `the still at the start of clip ${at}, ${clips[at].start} s, shows clip ${nearest}`);
  }
}

/** Makes 3 seconds whose grey level rises from frame to frame, starting at a time stamp in frames. */
async function rising(name: string, first: number): Promise<string> {
  const path = join(folder, name);
  const planes = (frame: number) =>
    Buffer.concat([Buffer.alloc(64 * 48, 16 + Math.floor(2.9 * frame)), Buffer.alloc(64 * 24, 128)]);
  const times = Array.from({ length: 75 }, (_, i) => first + i);
  await makeVideo(path, { width: 64, height: 48, times, planes, options: { preset: "ultrafast", g: "12", crf: "4" } });
  return path;
}

for (const decoder of decoders) {
  for (const container of ["ts", "mkv", "mp4"]) {
    test(`a stream that begins at 10 s has stills and clips on one time line, ${container}, by ${decoder}`, async () => {
      await sameAtStarts(await rising(`late.${container}`, 250), decoder, 0);
    });
  }
}

if (hasFfmpeg) {
  for (const container of ["mkv", "mp4"]) {
    test(`sound from 0 s and pictures from 0.6 s on have one time line, ${container}`, async () => {
      const path = join(folder, `sound.${container}`);
      const inputs = ["-itsoffset", "0.6", "-i", await rising("early.mkv", 0), "-f", "lavfi", "-i", "sine=duration=3"];
      const args = ["-v", "error", ...inputs, "-map", "0", "-map", "1", "-c:v", "copy", path];
      const { status, stderr } = spawnSync("ffmpeg", args, { encoding: "utf8" });
      assert.is(status, 0, stderr);
      for (const decoder of decoders) await sameAtStarts(path, decoder, 0.6);
    });
  }
}

test("times of stills are converted to ticks after the start of the container", () => {
  const timeBase = { num: 1, den: 90000 };
  const streamStart = { ticks: 180000, timeBase };
  assert.is(tickAt(0.5, { containerStart: 1_000_000, streamStart }, timeBase), 90000 + 45045);
  assert.is(tickAt(0.5, { streamStart }, timeBase), 180000 + 45045);
  assert.is(tickAt(0.0666, {}, { num: 1, den: 1000 }), 67, "to the nearest millisecond");
});

test("a header whose clock ticks every eleven hours is an error, and an endless frame duration is ignored", async () => {
  for (const decoder of decoders) {
    const error = await openVideo("test/fixtures/field/damaged_clock.ivf", { preset, decoder }).catch((e: Error) => e);
    assert.match((error as Error).message, /its header is damaged: one tick of its clock lasts 41943 seconds/);
    assert.is((error as { code?: string }).code, "ERR_VIDEO_CORRUPT");
  }
  assert.is(rawFacts(1e-6).rate, 25);
  assert.is(rawFacts(50).rate, 50);
  assert.is(nominalFrameDuration(1 / 41943, 1 / 41943, 335544, 8), 1 / 25);
  assert.is(nominalFrameDuration(0, 50, 0, 0), 1 / 50);
  assert.is(nominalFrameDuration(0, 90000, 10, 100), 1 / 10);
});

test.run();
