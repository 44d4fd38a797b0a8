// A preset gives the frames and pixels of the pipeline that it names. pixels.long.test.ts has all cases.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DecoderName } from "#lib/video/types.js";
import { compareWithGolden, goldenCases } from "./golden_pixels.js";
import { hasFfmpeg } from "../support/ffmpeg.js";

const test = suite("pixels of the reference");
const decoders: [DecoderName, string[]][] = [
  ["node-av", ["vfr.mp4", "odd25.mkv", "late.mkv", "ntsc.mp4"]],
  ["ffmpeg", ["late.mkv", "bt709.mp4", "vfr.mp4", "slow12.mp4"]],
];
if (!hasFfmpeg) {
  console.log("SKIP: no ffmpeg program on the path");
  decoders.pop();
}

// each preset with one of the videos
const presets = [...new Set(goldenCases.map(({ preset }) => preset))];
for (const [decoder, videos] of decoders) {
  presets.forEach((preset, i) => {
    const golden = goldenCases.find((each) => each.preset === preset && each.video === videos[i % videos.length])!;
    test(`${preset}, ${golden.video}, ${decoder}: frames and pixels equal the pipeline's`, async () => {
      assert.equal(await compareWithGolden(golden, decoder), []);
    });
  });
}

test.run();
