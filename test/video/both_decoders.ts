// Compares the output of both decoders for videos that the ffmpeg program generates.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openVideo, type Preset } from "#lib/index.js";
import type { DecoderName } from "#lib/video/types.js";

const clipsOf = async (path: string, preset: Preset, decoder: DecoderName) => {
  const clips = [];
  for await (const clip of await openVideo(path, { preset, decoder })) clips.push(clip);
  return clips;
};

/** Fails if the decoders differ in a byte or a time. */
export async function sameInBoth(path: string, preset: Preset): Promise<void> {
  const [ours, theirs] = await Promise.all([clipsOf(path, preset, "node-av"), clipsOf(path, preset, "ffmpeg")]);
  assert.ok(ours.length > 0);
  const plain = (clips: typeof ours) => clips.map(({ frames, ...rest }) => ({ ...rest, bytes: frames.length }));
  assert.equal(plain(ours), plain(theirs));
  ours.forEach(({ frames }, i) => {
    const at = frames.findIndex((value, k) => value !== theirs[i].frames[k]);
    assert.is(at, -1, `clip ${i} differs from byte ${at} on: ${frames[at]} and ${theirs[i].frames[at]}`);
  });
}

/** Makes a lossless video of half a second in `folder`, of this size and pixel format. */
export function makePicture(
  folder: string,
  format: string,
  width: number,
  height: number,
  more: string[] = [],
  container = "mkv",
): string {
  const path = join(folder, `${format}-${width}x${height}.${container}`);
  const source = ["-f", "lavfi", "-i", `testsrc2=size=${width}x${height}:rate=10:duration=0.5`];
  const codec = container === "mkv" ? ["-c:v", "ffv1"] : [];
  const { status, stderr } = spawnSync("ffmpeg", [
    "-v",
    "error",
    ...source,
    "-pix_fmt",
    format,
    ...codec,
    ...more,
    path,
  ]);
  assert.is(status, 0, String(stderr));
  return path;
}
