// Both decoders give the same bytes and times: formats, odd sides, sizes that need no scaling, rotation, old ffmpeg programs.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, type Preset, resolvePreset } from "../../dist/index.js";
import type { DecoderName } from "../../dist/video/types.js";
import { root } from "../support/syntax.js";
import { goldenVideo } from "./golden_pixels.js";

const test = suite("both decoders");
const folder = mkdtempSync(join(tmpdir(), "videoclip-decoders-"));
test.after(() => rmSync(folder, { recursive: true }));

const clipsOf = async (path: string, preset: Preset, decoder: DecoderName) => {
  const clips = [];
  for await (const clip of await openVideo(path, { preset, decoder })) clips.push(clip);
  return clips;
};

async function same(path: string, preset: Preset): Promise<void> {
  const [ours, theirs] = await Promise.all([clipsOf(path, preset, "node-av"), clipsOf(path, preset, "ffmpeg")]);
  assert.ok(ours.length > 0);
  const plain = (clips: typeof ours) => clips.map(({ frames, ...rest }) => ({ ...rest, bytes: frames.length }));
  assert.equal(plain(ours), plain(theirs));
  ours.forEach(({ frames }, i) => {
    const at = frames.findIndex((value, k) => value !== theirs[i].frames[k]);
    assert.is(at, -1, `clip ${i} differs from byte ${at} on: ${frames[at]} and ${theirs[i].frames[at]}`);
  });
}

/** A test picture of this size and pixel format, without loss. */
function makePicture(format: string, width: number, height: number, more: string[] = [], container = "mkv"): string {
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

if (spawnSync("ffmpeg", ["-version"]).status === 0) {
  const twoTap = resolvePreset("x3d-xs", { frames: 2 });

  for (const format of [
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv411p",
    "yuva420p",
    "yuv420p10le",
    "gray",
    "bgr0",
    "gbrp10le",
  ]) {
    test(`two taps, ${format}, even and odd sides`, async () => {
      await same(makePicture(format, 250, 190), twoTap);
      await same(makePicture(format, 251, 191), twoTap);
    });
  }

  for (const [name, width, height] of [
    ["s3dg", 224, 224],
    ["s3dg", 301, 224],
    ["s3dg-mmpt", 398, 224],
    ["s3d", 256, 256],
    ["x3d-xs-slowfast", 324, 182],
    ["x3d-m-slowfast", 257, 256],
    ["shapes", 64, 64],
  ] as const) {
    test(`${name} at ${width}x${height}, where nothing is scaled`, async () => {
      await same(makePicture("yuv420p", width, height), resolvePreset(name, { frames: 2 }));
    });
  }

  test("swscale and two taps of frames that are turned", async () => {
    for (const rotate of [90, 180, 270]) {
      const turned = ["-c:v", "libx264", "-metadata:s:v", `rotate=${rotate}`];
      const path = makePicture("yuv420p", 240 + rotate / 90, 190, turned, "mp4");
      for (const name of ["x3d-xs", "s3dg-mmpt"]) await same(path, resolvePreset(name, { frames: 2 }));
    }
  });

  test("an ffmpeg program without -fps_mode is told by -vsync", async () => {
    const real = spawnSync("which", ["ffmpeg"], { encoding: "utf8" }).stdout.trim();
    const old = join(folder, "ffmpeg");
    const refuse = `for a in "$@"; do [ "$a" = -fps_mode ] && { echo "Unrecognized option 'fps_mode'." >&2; exit 1; }; done`;
    writeFileSync(old, `#!/bin/sh\n${refuse}\nexec ${real} "$@"\n`);
    chmodSync(old, 0o755);
    const program = `
      import { openVideo, resolvePreset } from ${JSON.stringify(pathToFileURL(join(root, "dist/index.js")).href)};
      const video = await openVideo(process.argv[1], { preset: resolvePreset("s3dg"), decoder: "ffmpeg" });
      let count = 0;
      for await (const clip of video) count += clip.frames.length > 0 ? 1 : 0;
      console.log(count);`;
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const args = ["--input-type=module", "-e", program, goldenVideo("short.mp4")];
    const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
    assert.is(stdout.trim(), "1", stderr);
  });
} else {
  console.log("SKIP: no ffmpeg program on the path");
  test("nothing to compare", () => {});
}

test.run();
