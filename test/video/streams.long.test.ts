// Streams without container and joined MPEG files are read as players show them, and both decoders agree.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, stillAt } from "#lib/index.js";
import { Clock } from "#lib/video/clips/clock.js";
import type { DecoderName } from "#lib/video/types.js";
import { sameInBoth } from "./both_decoders.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("streams");
const folder = temporaryFolder("streams");
const decoders: DecoderName[] = ["node-av", "ffmpeg"];
const preset = resolvePreset("shapes", { fps: 10, frames: 2, stride: 2 });

interface Made {
  rate?: number;
  seconds?: number;
  /** Options before the output file. */
  more?: string[];
}

/** Makes a video with B-frames in `folder` with the ffmpeg program. */
function make(name: string, codec: string, { rate = 25, seconds = 0.6, more = [] }: Made = {}): string {
  const source = ["-f", "lavfi", "-i", `testsrc2=size=64x48:rate=${rate}:duration=${seconds}`];
  const b = /264|mpeg2/.test(codec) ? ["-bf", "2", "-g", "6"] : [];
  const path = join(folder, name);
  const { status, stderr } = spawnSync("ffmpeg", ["-v", "error", "-y", ...source, "-c:v", codec, ...b, ...more, path]);
  assert.is(status, 0, String(stderr));
  return path;
}

function joined(name: string, ...paths: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(paths.map((each) => readFileSync(each))));
  return path;
}

async function read(path: string, decoder: DecoderName) {
  const video = await openVideo(path, { preset, decoder });
  for await (const clip of video) assert.ok(clip.frames.length > 0);
  const { framesDecoded, duration, assumedFps, width, broken } = video.info;
  return { frames: framesDecoded, duration: Math.round(1000 * duration) / 1000, assumedFps, width, broken };
}

/** Checks these facts with both decoders, and that they give the same clips by each time rule. */
async function is(path: string, frames: number, duration: number, assumedFps?: number, width = 64): Promise<void> {
  for (const decoder of decoders) {
    const expected = { frames, duration, assumedFps, width, broken: undefined };
    assert.equal(await read(path, decoder), expected, `${path}, ${decoder}`);
  }
  await sameInBoth(path, preset);
  await sameInBoth(path, resolvePreset("x3d-xs", { fps: 10, size: 32 }));
}

if (hasFfmpeg) {
  test("raw streams play at the rate of their headers, and the result reports it", async () => {
    await is(make("a.h264", "libx264", { rate: 10 }), 6, 0.6, 10);
    await is(make("a.hevc", "libx265", { rate: 30, more: ["-x265-params", "log-level=0"] }), 18, 0.6, 30);
    await is(make("a.m2v", "mpeg2video", { rate: 30 }), 18, 0.6, 30);
    await is(make("a.m1v", "mpeg1video", { rate: 30 }), 18, 0.6, 30);
    await is(make("a.m4v", "mpeg4", { rate: 15, more: ["-f", "m4v"] }), 9, 0.6, 15);
  });

  test("raw streams without a rate in their headers play at 25 frames per second", async () => {
    await is(make("a.obu", "libaom-av1", { rate: 10, more: ["-cpu-used", "8"] }), 6, 0.24, 25);
    await is(make("a.mjpeg", "mjpeg", { rate: 10 }), 6, 0.24, 25);
  });

  test("a still of a raw stream shows the requested time", async () => {
    const path = make("moments.h264", "libx264", { rate: 10, seconds: 2, more: ["-crf", "4"] });
    const pixels = async (file: string) => {
      const clips = [];
      const one = resolvePreset("shapes", { fps: 10, frames: 1, stride: 1 });
      for await (const { frames } of await openVideo(file, { preset: one, decoder: "node-av" })) clips.push(frames);
      return clips;
    };
    const frames = await pixels(path);
    for (const decoder of decoders) {
      for (const [seconds, frame] of [
        [0, 0],
        [0.75, 7],
        [1.5, 15],
        [100, 19],
      ]) {
        const still = join(folder, `still-${decoder}-${frame}.jpg`);
        writeFileSync(still, await stillAt(path, seconds, { width: 64, decoder }));
        const [shown] = await pixels(still);
        const away = frames.map((each) => each.reduce((sum, value, i) => sum + Math.abs(value - shown[i]), 0));
        assert.is(away[frame], Math.min(...away), `${seconds} s, ${decoder}: ${away}`);
      }
    }
  });

  test("joined MPEG streams play one after the other, even short ones", async () => {
    const a = make("a.ts", "libx264");
    const b = make("b.ts", "libx264", { rate: 50 });
    await is(joined("twice.ts", a, a, a), 45, 1.8);
    await is(joined("rates.ts", a, b), 45, 1.2);
    const m2ts = make("a.mts", "libx264", { more: ["-f", "mpegts", "-mpegts_m2ts_mode", "1"] });
    await is(joined("twice.mts", m2ts, m2ts), 30, 1.2);
    const late = make("late.ts", "mpeg2video", { more: ["-output_ts_offset", "100"] });
    const early = make("early.ts", "mpeg2video");
    await is(joined("back.ts", late, early), 30, 1.2);
    for (const [name, format] of [
      ["a.mpg", "mpeg"],
      ["a.vob", "vob"],
    ]) {
      const part = make(name, "mpeg2video", { more: ["-f", format] });
      await is(part, 15, 0.6);
      await is(joined(`twice-${name}`, part, part), 30, 1.2);
    }
  });

  test("a second program that begins later is one of the streams to choose from", async () => {
    const [small, large] = [make("small.ts", "libx264"), make("large.ts", "libx264", { more: ["-vf", "scale=96:64"] })];
    const both = join(folder, "both.ts");
    const programs = ["-map", "0", "-map", "1", "-c", "copy", "-program", "st=0", "-program", "st=1"];
    const made = spawnSync("ffmpeg", ["-v", "error", "-i", small, "-i", large, ...programs, both]);
    assert.is(made.status, 0, String(made.stderr));
    await is(both, 15, 0.6, undefined, 96);
    await is(joined("later.ts", small, both), 15, 0.6, undefined, 96);
  });

  test("IVF plays at the rate of its header", async () => {
    await is(make("vp9.ivf", "libvpx-vp9", { rate: 10 }), 6, 0.6);
    await is(make("vp8.ivf", "libvpx", { rate: 30 }), 18, 0.6);
  });
} else console.log("SKIP both decoders: no ffmpeg program on the path");

test("in MPEG streams, a step back of two frames is a joint, and one of one frame is jitter", () => {
  const timeBase = { num: 1, den: 90000 };
  const times = (isJoinable: boolean) => {
    const clock = new Clock(1 / 25, { isJoinable });
    const taken: number[] = [];
    for (const stamp of [0, 3000, 6000, 9000, 6000, 12000, 3000, 6000]) {
      if (clock.push(stamp, timeBase)) taken.push(clock.ticks);
    }
    return taken;
  };
  assert.equal(times(true), [0, 3000, 6000, 9000, 12000, 15000, 18000]);
  assert.equal(times(false), [0, 3000, 6000, 9000, 12000]);
});

test("a single wrong time stamp, as after broken data, is not a joint", () => {
  for (const isJoinable of [true, false]) {
    const clock = new Clock(1 / 30, { isJoinable });
    const taken: number[] = [];
    const stamps = [500_000, 503_000, 506_000, 300_000, 512_000, 515_000, 9e9, 521_000, 524_000];
    for (const stamp of stamps) if (clock.push(stamp, { num: 1, den: 90000 })) taken.push(clock.ticks);
    assert.equal(taken, [0, 3000, 6000, 9000, 12000, 15000, 18000, 21000, 24000], String(isJoinable));
  }
});

test.run();
