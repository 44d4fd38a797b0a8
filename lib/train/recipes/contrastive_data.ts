import { existsSync } from "node:fs";
import { join } from "node:path";
import { FeatureFolder } from "../../data/feature_folder.js";
import { PACK_FILE } from "../../data/pack.js";
import { PackedDataset } from "../../data/packed_dataset.js";
import { makePairBatch } from "../../data/pair_batch.js";
import { InvalidArgumentError } from "../../base/errors.js";
import type { VideoClip } from "../../models/videoclip/videoclip.js";
import { pieceIds } from "../../text/piece_ids.js";
import { shuffledBatches } from "../batches.js";
import { CaptionPairs } from "../caption_pairs.js";
import { PackedPairs } from "../packed_pairs.js";
import { samplingFor } from "../sampling.js";
import type { TrainingData } from "../task.js";
import { contrastiveBatch, type VideoTextPair } from "../tasks/contrastive.js";
import { pairsOf } from "../video_vectors.js";
import { equalCaptionsOfPack, equalTexts } from "./equal_captions.js";
import { type PairLine, readPairs } from "./pairs.js";
import type { RunContext } from "./prepared_run.js";
import { wrongArgument } from "../../base/wrong_argument.js";
import type { ContrastiveConfig } from "./schema.js";

export interface ContrastiveData {
  data: TrainingData;
  /** Examples per epoch. */
  examples: number;
  /** Sentences about the examples. */
  warnings: string[];
  close(): void;
}

/**
 * Opens the training data of a contrastive run: lines of pairs, captions of a pack, or clip pairs of a pack.
 * @throws InvalidArgumentError unless the configuration has exactly one of them
 */
export async function openContrastiveData(
  config: ContrastiveConfig,
  model: VideoClip,
  { path, onProgress }: RunContext,
): Promise<ContrastiveData> {
  const { data, batch, seed = 0, out } = config;
  const { train, captions, pack, pairsPerVideo = 16, sampling, retrieval, workers } = data;
  checkSource(config);
  if (captions !== undefined) {
    const pairs = new CaptionPairs(path(captions), model.config, { size: batch, seed });
    const warnings = equalCaptionsOfPack("data.captions", path(captions), model.tokenizer);
    return { data: pairs, examples: pairs.examples, warnings, close: () => pairs.close() };
  }
  if (pack !== undefined) {
    if (batch % pairsPerVideo !== 0) {
      throw wrongArgument("batch", `a multiple of data.pairsPerVideo, ${pairsPerVideo}`, batch);
    }
    const videos = videosOf(path(pack));
    if (batch > videos * pairsPerVideo) {
      throw wrongArgument("batch", `at most ${videos * pairsPerVideo}: data.pairsPerVideo, ${pairsPerVideo}, of each of the ${videos} videos of data.pack`, batch); // prettier-ignore
    }
    const pairs = new PackedPairs({
      ...{ model, pack: path(pack), videosPerBatch: batch / pairsPerVideo, pairsPerVideo, sampling, retrieval },
      ...{ seed, workers, onProgress, folder: path(out) },
    });
    const warnings = equalCaptionsOfPack("data.pack", path(pack), model.tokenizer);
    return { data: pairs, examples: pairs.batchesPerEpoch * batch, warnings, close: () => void pairs.close() };
  }
  const pair = pairOf(model);
  const lines = await readLines(path(train!), data, model, path);
  if (lines.length < batch) throw wrongArgument("batch", `at most the ${lines.length} pairs of data.train`, batch);
  const order = shuffledBatches(lines.length, batch, seed);
  return {
    data: { batch: (index) => contrastiveBatch(order(index).map((i) => pair(lines[i])), model.config) }, // prettier-ignore
    examples: lines.length,
    warnings: textWarnings("data.train", lines, model),
    close: () => undefined,
  };
}

/** The videos of a pack that can be read. */
function videosOf(pack: string): number {
  const dataset = new PackedDataset(pack);
  dataset.close();
  return dataset.size;
}

/** Warnings of sentences that became equal. */
function textWarnings(key: string, lines: readonly PairLine[], { tokenizer }: VideoClip): string[] {
  const texts = lines.flatMap(({ text }) => (typeof text === "string" ? text : []));
  return tokenizer ? equalTexts(key, texts, tokenizer) : [];
}

/** @throws InvalidArgumentError unless there is one source of examples, with keys that belong to it */
function checkSource({ data, metric, patience }: ContrastiveConfig): void {
  const given = (["train", "captions", "pack"] as const).filter((key) => data[key] !== undefined);
  if (given.length !== 1) {
    throw wrongArgument("data", "one of train, captions and pack", given.join(" and ") || "none");
  }
  const stray = (["pairsPerVideo", "sampling", "retrieval", "workers"] as const).find((key) => data[key] !== undefined);
  if (data.pack === undefined && stray) {
    throw wrongArgument(`data.${stray}`, "it beside data.pack alone", `it beside data.${given[0]}`);
  }
  if (data.validation === undefined && (metric ?? patience) !== undefined) {
    const key = metric === undefined ? "patience" : "metric";
    throw wrongArgument(key, "it beside data.validation, on which it is evaluated", `${metric ?? patience}`);
  }
  if (data.features !== undefined && data.train === undefined && data.validation === undefined) {
    throw wrongArgument("data.features", "it beside lines that name videos", `it beside data.${given[0]}`);
  }
}

/**
 * Held-out pairs: those of a file of lines; or of a pack all captions or one clip pair per video (the same in every
 * evaluation), like the training data.
 * @param warnings receives sentences about the pairs
 */
export async function readHeldOut(
  { data, seed = 0 }: ContrastiveConfig,
  model: VideoClip,
  { path }: RunContext,
  warnings: string[],
): Promise<VideoTextPair[]> {
  if (data.validation === undefined) return [];
  const held = path(data.validation);
  if (!existsSync(join(held, PACK_FILE))) {
    const lines = await readLines(held, data, model, path);
    const known = data.train !== undefined && path(data.train) === held; // said of the training already
    if (!known) warnings.push(...textWarnings("data.validation", lines, model));
    return lines.map(pairOf(model));
  }
  if (data.captions !== undefined) {
    const pairs = new CaptionPairs(held, model.config, { size: 1 });
    const all = pairs.all();
    pairs.close();
    return all;
  }
  const dataset = new PackedDataset(held);
  const all = Int32Array.from({ length: dataset.size }, (_, i) => i);
  const batch = makePairBatch(dataset, all, 0, { ...samplingFor(model.config, data.sampling), pairsPerVideo: 1, seed });
  dataset.close();
  return pairsOf(batch, model.config.featureSize);
}

/** Reads lines of pairs for a model. Sentences need the model's tokenizer. */
async function readLines(
  file: string,
  { features }: ContrastiveConfig["data"],
  { config, tokenizer }: VideoClip,
  path: RunContext["path"],
): Promise<PairLine[]> {
  const lines = await readPairs(file, config, features === undefined ? undefined : new FeatureFolder(path(features)));
  if (tokenizer || lines.every(({ text }) => typeof text !== "string")) return lines;
  throw new InvalidArgumentError("model.tokenizer: texts are strings, so a tokenizer is needed", {
    argument: "model.tokenizer",
  });
}

/** Reads the features of a line, and splits its text into word pieces. */
const pairOf =
  ({ tokenizer }: VideoClip) =>
  ({ video, text }: PairLine): VideoTextPair => ({
    video: video(),
    text: typeof text === "string" ? pieceIds(tokenizer!, text) : text,
  });
