// The frames and pixels that a preset gives are those of the pipeline that it names; a part of pixels.full.test.ts.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DecoderName } from "../../dist/video/types.js";
import { compareWithGolden, goldenCases } from "./golden_pixels.js";

const test = suite("pixels of the reference");
const videos: [DecoderName, string[]][] = [
  ["node-av", ["odd25.mkv", "vfr.mp4", "late.mkv"]],
  ["ffmpeg", ["bt709.mp4", "late.mkv"]],
];
if (spawnSync("ffmpeg", ["-version"]).status !== 0) {
  console.log("SKIP: no ffmpeg program on the path");
  videos.pop();
}

for (const [decoder, names] of videos) {
  for (const golden of goldenCases.filter(({ video }) => names.includes(video))) {
    test(`${golden.preset}, ${golden.video}, ${decoder}`, async () => {
      assert.equal(await compareWithGolden(golden, decoder), []);
    });
  }
}

test.run();
