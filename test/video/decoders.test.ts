// Both decoders give the same bytes and times, also with an older ffmpeg program. See decoders.long.test.ts for more
// cases.
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { resolvePreset } from "#lib/index.js";
import { root } from "../../scripts/lint/syntax.js";
import { makePicture, sameInBoth } from "./both_decoders.js";
import { goldenVideo } from "./golden_pixels.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("both decoders");
const folder = temporaryFolder("decoders");

if (hasFfmpeg) {
  test("both decoders agree with two taps, without scaling, and on a rotated frame", async () => {
    await sameInBoth(makePicture(folder, "yuv420p", 251, 191), resolvePreset("x3d-xs", { frames: 2 }));
    await sameInBoth(makePicture(folder, "yuv420p", 301, 224), resolvePreset("s3dg", { frames: 2 }));
    await sameInBoth(makePicture(folder, "yuv420p", 64, 64), resolvePreset("shapes", { frames: 2 }));
    const turned = ["-c:v", "libx264", "-metadata:s:v", "rotate=90"];
    const path = makePicture(folder, "yuv420p", 240, 190, turned, "mp4");
    await sameInBoth(path, resolvePreset("s3dg-mmpt", { frames: 2 }));
  });

  test("both decoders agree on frames and pictures of exactly the preset's size", async () => {
    const shapes = resolvePreset("shapes", { frames: 2 });
    await sameInBoth(join(root, "test/fixtures/field/same64.mp4"), shapes);
    const one = ["-frames:v", "1"];
    await sameInBoth(makePicture(folder, "yuvj420p", 64, 64, one, "jpg"), shapes);
    await sameInBoth(makePicture(folder, "yuv420p", 64, 64, one, "webp"), shapes);
    const wide = makePicture(folder, "yuv420p", 320, 224, ["-c:v", "libx264"], "mp4");
    await sameInBoth(wide, resolvePreset("s3dg", { frames: 2 }));
  });

  test("both decoders agree on frames that are scaled along one axis only", async () => {
    const shapes = resolvePreset("shapes", { frames: 2 });
    for (const format of ["yuv420p", "yuvj420p", "yuv422p"]) {
      await sameInBoth(makePicture(folder, format, 96, 64), shapes);
      await sameInBoth(makePicture(folder, format, 64, 96), shapes);
    }
  });

  test("an ffmpeg program without -fps_mode receives -vsync instead", async () => {
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
