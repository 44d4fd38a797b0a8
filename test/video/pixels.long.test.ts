// Frames and pixels equal every recorded output of the published pipelines, with both decoders.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DecoderName } from "#lib/video/types.js";
import { compareWithGolden, goldenCases } from "./golden_pixels.js";
import { hasFfmpeg } from "../support/ffmpeg.js";

const test = suite("pixels of the reference, all");
const decoders: DecoderName[] = ["node-av", "ffmpeg"];
if (!hasFfmpeg) {
  console.log("SKIP: no ffmpeg program on the path");
  decoders.pop();
}

for (const decoder of decoders) {
  for (const golden of goldenCases) {
    test(`${golden.preset}, ${golden.video}, ${decoder}: frames and pixels equal the pipeline's`, async () => {
      assert.equal(await compareWithGolden(golden, decoder), []);
    });
  }
}

test.run();
