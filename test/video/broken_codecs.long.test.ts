// Broken data in other codecs and containers than H.264: both decoders omit the same clips and report the same spans.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset } from "#lib/index.js";
import type { DecoderName } from "#lib/video/types.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("broken data by codec");
const folder = temporaryFolder("broken-codecs");
const decoders: DecoderName[] = ["node-av", "ffmpeg"];

/**
 * Makes 40 frames at 10 per second with a key frame every 8 frames; returns the video and the positions of its packets.
 */
function make(name: string, codec: string[]) {
  const path = join(folder, name);
  const source = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=10:duration=4"];
  const made = spawnSync("ffmpeg", ["-v", "error", ...source, "-g", "8", ...codec, path]);
  assert.is(made.status, 0, String(made.stderr));
  const show = ["-select_streams", "v", "-show_entries", "packet=pos,size", "-of", "json"];
  const { packets } = JSON.parse(String(spawnSync("ffprobe", ["-v", "error", ...show, path]).stdout));
  return { bytes: readFileSync(path), packets: packets.map((each: Record<string, string>) => [+each.pos, +each.size]) };
}

/** Bytes that look random but are equal in every run. */
const noise = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * i * 167 + i * 59 + 201) & 255));

/** Writes a copy with `length` bytes overwritten from a position on. */
function damaged(name: string, bytes: Buffer, from: number, length: number): string {
  const copy = Buffer.from(bytes);
  noise(length).copy(copy, from);
  const path = join(folder, name);
  writeFileSync(path, copy);
  return path;
}

async function read(path: string, decoder: DecoderName) {
  const preset = resolvePreset("shapes", { fps: 10, frames: 2, stride: 2 });
  const video = await openVideo(path, { preset, decoder });
  const clips: [number, Buffer][] = [];
  for await (const { index, frames } of video) clips.push([index, Buffer.from(frames)]);
  const { broken, framesDecoded, duration } = video.info;
  const spans = broken?.map((span) => span.map((time) => Math.round(1000 * time) / 1000));
  return { clips, spans, frames: framesDecoded, duration };
}

if (hasFfmpeg) {
  for (const [name, codec, kind, span] of [
    ["mpeg2.ts", ["-c:v", "mpeg2video", "-bf", "2"], "data", [1.7, 2.1]],
    ["mpeg4.avi", ["-c:v", "mpeg4"], "data", [1.8, 2.4]],
    ["vp9.webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"], "head", [1.8, 2.4]],
    ["vp8.webm", ["-c:v", "libvpx"], "head", [1.8, 2.4]],
    ["av1.mkv", ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"], "head", [1.8, 2.4]],
  ] as const) {
    test(`${name}: the broken span lasts until the next key frame, and both decoders agree`, async () => {
      const { bytes, packets } = make(name, [...codec]);
      const [at, size] = packets[18];
      const from = kind === "head" ? at + 8 : at + (name.endsWith("ts") ? 208 : Math.floor(size / 3));
      const path = damaged(`broken-${name}`, bytes, from, kind === "head" ? 32 : Math.max(8, Math.floor(size / 3)));
      const [ours, theirs] = await Promise.all(decoders.map((decoder) => read(path, decoder)));
      assert.equal(ours.spans, [span]);
      assert.equal(theirs.spans, ours.spans);
      assert.equal([ours.frames, ours.duration], [theirs.frames, theirs.duration]);
      const whole = await read(join(folder, name), "node-av");
      const kept = whole.clips.filter(([index]) => (index + 1) / 5 <= span[0] + 1e-9 || index / 5 >= span[1] - 1e-9);
      for (const { clips } of [ours, theirs]) {
        assert.equal(clips.map(([index]) => index), kept.map(([index]) => index)); // prettier-ignore
        clips.forEach(([index, frames], i) => assert.ok(frames.equals(kept[i][1]), `clip ${index}`));
      }
    });
  }

  test("lost packets of a transport stream do not shift the times of other clips", async () => {
    const { bytes, packets } = make("gone.ts", ["-c:v", "mpeg2video", "-bf", "2"]);
    const [from, to] = [packets[18][0] + 40, packets[22][0] - 40];
    const copy = Buffer.from(bytes).fill(0, from, to);
    const path = join(folder, "zeros.ts");
    writeFileSync(path, copy);
    const [ours, theirs] = await Promise.all(decoders.map((decoder) => read(path, decoder)));
    assert.is(ours.duration, 4);
    assert.equal([theirs.duration, theirs.spans], [4, ours.spans]);
    assert.equal(ours.clips.map(([index]) => index), theirs.clips.map(([index]) => index)); // prettier-ignore
  });

  test("HEVC: neither decoder stops, hangs or fails, and clips before the damage are complete", async () => {
    for (const name of ["hevc.mkv", "hevc.mp4"]) {
      const { bytes, packets } = make(name, ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=0:keyint=8"]); // prettier-ignore
      const [at, size] = packets[18];
      const whole = await read(join(folder, name), "node-av");
      for (const [from, length] of [
        [at + 8, 32],
        [at + Math.floor(size / 3), Math.floor(size / 3)],
      ]) {
        const path = damaged(`broken-${from}-${name}`, bytes, from, length);
        for (const decoder of decoders) {
          const { clips, duration } = await read(path, decoder);
          assert.is(duration, 4, `${name}, ${decoder}`);
          // the packet before a broken one may be displayed after it
          for (const [index, frames] of clips.slice(0, 7)) assert.ok(frames.equals(whole.clips[index][1]));
          assert.is(clips.at(-1)![0], 19);
        }
      }
    }
  });
} else console.log("SKIP both decoders: no ffmpeg program on the path");

test.run();
