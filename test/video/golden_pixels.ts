// Videos whose frames encode their number, and the output of the published pipelines for them, recorded from the
// pipelines.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openVideo, type Preset, resolvePreset } from "#lib/index.js";
import type { DecoderName } from "#lib/video/types.js";
import { root } from "../../scripts/lint/syntax.js";

const folder = join(root, "test/fixtures/pixels");

interface GoldenArray {
  at: number;
  shape: [number, number, number, number];
  /** 256 if the values are uint16 (256 times a level); 1 if they are uint8. */
  scale: number;
}

/** The output of a pipeline for the first two clips of a video. */
export interface GoldenCase {
  video: string;
  preset: string;
  stage: "uint8" | "float32";
  /** The number of every frame of each clip. */
  indices: number[][];
  /** Clip and position of the frames whose pixels are stored. */
  frames: [number, number][];
  /** Row, column and side of the stored square. */
  window: [number, number, number];
  /** More than one entry if versions of the pipeline differ. */
  arrays: Record<string, GoldenArray>;
}

interface Manifest {
  cases: GoldenCase[];
  tolerance: Record<GoldenCase["stage"], { mean: number; max: number }>;
  /** Row, column and side of the block of each bit of the number. */
  videos: Record<string, { size: [number, number]; bits: [number, number, number][] }>;
}

const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Manifest;
const values = gunzipSync(readFileSync(join(folder, "pixels.bin.gz")));

export const goldenCases = manifest.cases;
export const goldenVideo = (name: string): string => join(folder, name);

/** Describes the differences of the package's clips from a case; empty if there are none. */
export async function compareWithGolden(golden: GoldenCase, decoder: DecoderName): Promise<string[]> {
  const preset = resolvePreset(golden.preset.replace("/", "-"));
  const clips: { frames: Uint8Array; taken: number }[] = [];
  for await (const { frames, paddedFrames } of await openVideo(goldenVideo(golden.video), { preset, decoder })) {
    clips.push({ frames, taken: preset.frames - paddedFrames });
    if (clips.length === 2) break;
  }
  const bytes = preset.crop ** 2 * 3;
  const picture = (clip: number, place: number) => clips[clip].frames.subarray(place * bytes, (place + 1) * bytes);
  const wrong: string[] = [];
  golden.indices.forEach((indices, clip) =>
    indices.slice(0, clips[clip]?.taken ?? 0).forEach((index, place) => {
      const read = numberIn(picture(clip, place), golden.video, preset);
      if (read !== index % 256) wrong.push(`clip ${clip}, frame ${place}: number ${read}, expected ${index}`);
    }),
  );
  const there = golden.frames
    .map(([clip, place], i) => ({ clip, place, i }))
    .filter(({ clip, place }) => place < (clips[clip]?.taken ?? 0));
  if (there.length === 0) wrong.push("no stored frame is in the clips");
  const limit = manifest.tolerance[golden.stage];
  const found = Object.values(golden.arrays).map((array) => {
    const differences = there.flatMap(({ clip, place, i }) =>
      differencesOf(picture(clip, place), preset, golden.window, array, i),
    );
    return { mean: differences.reduce((sum, d) => sum + d, 0) / differences.length, max: Math.max(...differences) };
  });
  if (!found.some(({ mean, max }) => mean <= limit.mean && max <= limit.max)) wrong.push(JSON.stringify(found));
  return wrong;
}

function differencesOf(
  picture: Uint8Array,
  { crop }: Preset,
  [top, left, side]: GoldenCase["window"],
  { at, shape, scale }: GoldenArray,
  index: number,
): number[] {
  const row = side * 3;
  const first = index * shape[1] * row;
  return Array.from({ length: side * row }, (_, i) => {
    const [y, x] = [Math.floor(i / row), i % row];
    const want = scale === 1 ? values[at + first + i] : values.readUInt16LE(at + 2 * (first + i)) / scale;
    return Math.abs(picture[((top + y) * crop + left) * 3 + x] - want);
  });
}

/** Reads the number from the blocks of a frame after the preset's resize and crop. */
function numberIn(picture: Uint8Array, video: string, { resize, resizeMode, crop }: Preset): number {
  const { size, bits } = manifest.videos[video];
  const [width, height] = size;
  const short = Math.min(width, height);
  const to = size.map((side) => (resizeMode === "exact" ? resize : Math.floor((side * resize) / short)));
  return bits.reduce((value, [row, column, block], bit) => {
    const x = Math.floor(((column + block / 2) * to[0]) / width - (to[0] - crop) / 2);
    const y = Math.floor(((row + block / 2) * to[1]) / height - (to[1] - crop) / 2);
    let sum = 0;
    for (let dy = -1; dy < 2; dy++) for (let c = -3; c < 6; c++) sum += picture[((y + dy) * crop + x) * 3 + c];
    return value | (Number(sum / 27 > 128) << bit);
  }, 0);
}
