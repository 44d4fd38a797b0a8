// node --import tsx bench/int8/inputs.ts FOLDER: clips and sentences for accuracy.py, to calibrate with (of the combinations
// that the model in the package was trained on) and to test with (of those that were held out), as .npy files.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../dist/base/random.js";
import { npyBytes } from "../../dist/weights/npy.js";
import { openShapes } from "../../shapes/model.js";
import { heldOutCandidates, renderFrames, trainingVideo } from "../../shapes/videos.js";
import { describe, EVENTS, isHeldOut } from "../../shapes/world.js";

const [folder] = process.argv.slice(2);
const COUNT = 256;
const [FRAMES, SIZE, LENGTH] = [8, 64, 24];

function save(name: string, shape: number[], data: Float32Array): void {
  writeFileSync(join(folder, `${name}.npy`), npyBytes(data, shape, "f32"));
}

/** One clip of each video, normalised, [COUNT, 3, FRAMES, SIZE, SIZE]. */
function saveClips(name: string, clipOf: (i: number) => Uint8Array): void {
  const pixels = FRAMES * SIZE * SIZE;
  const data = new Float32Array(COUNT * 3 * pixels);
  for (let i = 0; i < COUNT; i++) {
    const clip = clipOf(i);
    for (let p = 0; p < pixels; p++) {
      for (let c = 0; c < 3; c++) data[(i * 3 + c) * pixels + p] = clip[p * 3 + c] / 127.5 - 1;
    }
  }
  save(name, [COUNT, 3, FRAMES, SIZE, SIZE], data);
}

mkdirSync(folder, { recursive: true });
const heldOut = heldOutCandidates(901);
saveClips("video_calibration_video", (i) => {
  const video = trainingVideo(1, i);
  const first = new Random(77, 5, i).integer(0, video.seconds * FRAMES - FRAMES);
  return renderFrames(video, first, first + FRAMES) as Uint8Array;
});
saveClips("video_test_video", (i) => renderFrames(heldOut[i], FRAMES, 2 * FRAMES) as Uint8Array);

const { model } = await openShapes();
const random = new Random(78, 6, 0);
const trained = random.sample(
  EVENTS.filter((event) => !isHeldOut(event)),
  COUNT,
);
const sentences = {
  calibration: trained.map((event) => describe(event, random)),
  test: heldOut.slice(0, COUNT).map(({ events }) => events[0].text),
};
for (const [name, texts] of Object.entries(sentences)) {
  const ids = new Float32Array(COUNT * LENGTH);
  const mask = new Float32Array(COUNT * LENGTH);
  texts.forEach((text, i) => {
    const tokens = model.tokenizer!.encode(text).ids;
    ids.set(Float32Array.from(tokens), i * LENGTH);
    mask.fill(1, i * LENGTH, i * LENGTH + tokens.length);
  });
  save(`text_${name}_ids`, [COUNT, LENGTH], ids);
  save(`text_${name}_mask`, [COUNT, LENGTH], mask);
}
model.dispose();
