// npm run ablation:shapes -- [--run DIR] [--seeds 1,2,3,4,5]: what overlap and retrieved negatives do (Xu et al. 2021, section
// 5.4), on held-out combinations. Needs the encoder and the pack of npm run train:shapes.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { retrievalMetrics } from "../dist/eval/retrieval.js";
import { VideoEncoder } from "../dist/models/video/video_encoder.js";
import { type Features, videoFeatures } from "./features.js";
import { type PairsRun, trainPairs } from "./train_pairs.js";
import { heldOutCandidates } from "./videos.js";

const { values } = parseArgs({
  options: {
    run: { type: "string", default: "shapes/run" },
    seeds: { type: "string", default: "1,2,3,4,5" },
    steps: { type: "string", default: "300" },
    threads: { type: "string" },
  },
});
const threads = values.threads ? Number(values.threads) : undefined;
const weights = join(values.run, "encoder/encoder.safetensors");
const pack = join(values.run, "packed");
if (!existsSync(weights) || !existsSync(pack)) {
  process.stderr.write(`${values.run} has no encoder and pack: npm run train:shapes makes them\n`);
  process.exit(2);
}

const ARMS: Record<string, Pick<PairsRun, "alignment" | "retrieval">> = {
  "overlapped + retrieved": { alignment: "overlapped", retrieval: {} },
  overlapped: { alignment: "overlapped", retrieval: false },
  aligned: { alignment: "fixed", retrieval: false },
};

/** The videos that all runs are judged by: two sets of 256, of seeds that no other evaluation is tuned on. */
const JUDGED = [501, 502];
const encoder = await VideoEncoder.load(weights, { model: "s3d-tiny", device: "cpu", threads });
const sets: { texts: string[]; features: Features[] }[] = [];
for (const seed of JUDGED) {
  const videos = heldOutCandidates(seed);
  sets.push({ texts: videos.map(({ events: [{ text }] }) => text), features: await videoFeatures(encoder, videos) });
}
encoder.dispose();

/** Mean R@1 over the sets of one run. */
async function judge(arm: keyof typeof ARMS, seed: number): Promise<number> {
  const model = await trainPairs({
    ...ARMS[arm],
    pack,
    vocab: join(values.run, "vocab.txt"),
    seed,
    steps: Number(values.steps),
    learningRate: 1e-3,
    videos: 16,
    pairs: 4,
    threads,
  });
  const found: number[] = [];
  for (const { texts, features } of sets) {
    const { data: matrix } = await model.similarity(await model.encodeText(texts), await model.encodeVideo(features));
    found.push(retrievalMetrics(matrix, [texts.length, texts.length])["R@1"]);
  }
  model.dispose();
  return found.reduce((a, b) => a + b, 0) / found.length;
}

/** Half the width of the 95 % interval of a mean: Student's t for up to ten values. */
const T = [NaN, NaN, 12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26];
function summary(name: string, all: readonly number[]) {
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  const deviation = Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (all.length - 1));
  const half = (T[all.length] * deviation) / Math.sqrt(all.length);
  return { arm: name, "R@1": mean, interval: [mean - half, mean + half], runs: all };
}

const results: Record<string, number[]> = {};
for (const seed of values.seeds.split(",").map(Number)) {
  for (const arm of Object.keys(ARMS)) {
    const recall = await judge(arm, seed);
    (results[arm] ??= []).push(recall);
    process.stderr.write(`seed ${seed}, ${arm}: R@1 ${recall.toFixed(3)}\n`);
  }
}
for (const [arm, all] of Object.entries(results)) process.stdout.write(`${JSON.stringify(summary(arm, all))}\n`);
