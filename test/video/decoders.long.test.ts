// Both decoders give the same bytes and times: formats, odd sides, sizes without scaling, rotation.
import { suite } from "uvu";
import { resolvePreset } from "#lib/index.js";
import { makePicture, sameInBoth } from "./both_decoders.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("both decoders, more");
const folder = temporaryFolder("decoders");

if (hasFfmpeg) {
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
    test(`two taps, ${format}: both decoders agree for even and odd sides`, async () => {
      await sameInBoth(makePicture(folder, format, 250, 190), twoTap);
      await sameInBoth(makePicture(folder, format, 251, 191), twoTap);
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
    test(`${name} at ${width}x${height}: both decoders agree without scaling`, async () => {
      await sameInBoth(makePicture(folder, "yuv420p", width, height), resolvePreset(name, { frames: 2 }));
    });
  }

  test("both decoders agree on rotated frames, with swscale and two taps", async () => {
    for (const rotate of [90, 180, 270]) {
      const turned = ["-c:v", "libx264", "-metadata:s:v", `rotate=${rotate}`];
      const path = makePicture(folder, "yuv420p", 240 + rotate / 90, 190, turned, "mp4");
      for (const name of ["x3d-xs", "s3dg-mmpt"]) await sameInBoth(path, resolvePreset(name, { frames: 2 }));
    }
  });

  test("both decoders agree on codecs whose decoders differ between FFmpeg's versions", async () => {
    for (const codec of ["msmpeg4v3", "mpeg4", "mjpeg"]) {
      const noisy = ["-vf", "noise=alls=40:allf=t", "-c:v", codec, "-q:v", "6"];
      const path = makePicture(folder, codec === "mjpeg" ? "yuvj420p" : "yuv420p", 352, 288, noisy, `${codec}.avi`);
      await sameInBoth(path, resolvePreset("s3d", { frames: 2 }));
    }
  });
} else {
  console.log("SKIP: no ffmpeg program on the path");
  test("nothing to compare", () => {});
}

test.run();
