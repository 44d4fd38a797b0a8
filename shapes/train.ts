// npm run train:shapes -- [--out DIR] [--seed N]: makes the model that ships, from nothing. A stopped run goes on.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { VideoEncoder } from "../dist/models/video/video_encoder.js";
import { makeDataset, writeVocabulary } from "./dataset.js";
import { writeLog } from "./log.js";
import { trainEncoder } from "./train_encoder.js";
import { trainPairs } from "./train_pairs.js";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "shapes/run" },
    seed: { type: "string", default: "1" },
    threads: { type: "string" },
  },
});
const seed = Number(values.seed);
const threads = values.threads ? Number(values.threads) : undefined;
const { out } = values;
mkdirSync(out, { recursive: true });
const abort = new AbortController();
process.once("SIGINT", () => abort.abort(new Error("interrupted: run it again to go on")));
const { signal } = abort;
const say = (text: string) => process.stderr.write(`${text}\n`);
const every =
  (count: number, text: (n: number, loss: number) => string) =>
  (n: number, loss = 0) => {
    if (n % count === 0) say(text(n, loss));
  };

const vocab = join(out, "vocab.txt");
writeVocabulary(vocab);

say("1 of 3: video encoder, on single clips");
const accuracies = await trainEncoder({
  folder: join(out, "encoder"),
  seed,
  steps: 3000,
  batch: 32,
  learningRate: 3e-3,
  threads,
  signal,
  onStep: every(100, (step, loss) => `  step ${step} of 3000, loss ${loss.toFixed(3)}`),
});
say(`  right on clips of other videos: ${JSON.stringify(accuracies)}`);

say("2 of 3: features of the training videos");
const weights = join(out, "encoder/encoder.safetensors");
const encoder = await VideoEncoder.load(weights, { model: "s3d-tiny", device: "cpu", threads });
const onVideo = every(250, (done) => `  ${done} videos`);
const pack = await makeDataset(encoder, out, { seed, count: 2000, vocab, onVideo });
encoder.dispose();

say("3 of 3: VideoCLIP, on overlapping clips and retrieved hard negatives");
const model = await trainPairs({
  folder: join(out, "videoclip"),
  pack,
  vocab,
  encoder: weights,
  seed,
  steps: 1000,
  learningRate: 1e-3,
  videos: 16,
  pairs: 8,
  alignment: "overlapped",
  retrieval: {},
  threads,
  signal,
  onStep: every(100, (step, loss) => `  step ${step} of 1000, loss ${loss.toFixed(3)}`),
});
model.dispose();
cpSync(join(out, "videoclip/model"), join(out, "model"), { recursive: true });
writeLog(join(out, "model/log.jsonl"), { encoder: join(out, "encoder"), videoclip: join(out, "videoclip") });
say(`The model is in ${join(out, "model")}; npm run eval:shapes -- --model ${join(out, "model")} judges it`);
