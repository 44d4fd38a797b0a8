import { existsSync } from "node:fs";
import { join } from "node:path";
import { PACK_FILE } from "../../data/pack.js";
import { PackedDataset } from "../../data/packed_dataset.js";
import { makePairBatch } from "../../data/pair_batch.js";
import { InvalidArgumentError } from "../../errors.js";
import { readFeatures } from "../../models/videoclip_input.js";
import type { VideoClip } from "../../models/videoclip.js";
import { CaptionPairs } from "../caption_pairs.js";
import { PackedPairs, type PackedPairsProgress } from "../packed_pairs.js";
import type { TrainingData } from "../task.js";
import type { VideoTextPair } from "../tasks/contrastive.js";
import { pairsOf } from "../video_vectors.js";
import { pairData, type PairLine, piecesOf, readPairs } from "./pairs.js";
import type { ContrastiveConfig } from "./schema.js";

export interface ContrastiveData {
  data: TrainingData;
  /** Examples of an epoch. */
  examples: number;
  close(): void;
}

/**
 * The training data of a contrastive run: lines of pairs, captions of a pack, or clip pairs of a pack.
 * @throws InvalidArgumentError unless the configuration says one of them
 */
export async function openContrastiveData(
  { data, batch, seed = 0, out }: ContrastiveConfig,
  model: VideoClip,
  path: (name: string) => string,
  onProgress: (progress: PackedPairsProgress) => void,
): Promise<ContrastiveData> {
  const given = (["train", "captions", "pack"] as const).filter((key) => data[key] !== undefined);
  if (given.length !== 1) {
    throw fail("data", "one of train, captions and pack", given.join(" and ") || "none");
  }
  const { train, captions, pack, pairsPerVideo = 16, sampling, retrieval, workers } = data;
  const stray = (["pairsPerVideo", "sampling", "retrieval", "workers"] as const).find((key) => data[key] !== undefined);
  if (pack === undefined && stray)
    throw fail(`data.${stray}`, "it beside data.pack alone", `it beside data.${given[0]}`);
  if (captions !== undefined) {
    const pairs = new CaptionPairs(path(captions), model.config, { size: batch, seed });
    return { data: pairs, examples: pairs.examples, close: () => pairs.close() };
  }
  if (pack !== undefined) {
    if (batch % pairsPerVideo !== 0) {
      throw fail("batch", `a multiple of data.pairsPerVideo, ${pairsPerVideo}`, batch);
    }
    const pairs = new PackedPairs({
      ...{ model, pack: path(pack), videosPerBatch: batch / pairsPerVideo, pairsPerVideo, sampling, retrieval },
      ...{ seed, workers, onProgress, folder: path(out) },
    });
    return { data: pairs, examples: pairs.batchesPerEpoch * batch, close: () => void pairs.close() };
  }
  const lines = await readPairs(path(train!));
  checkTokenizer(lines, model);
  if (lines.length < batch) throw fail("batch", `at most the ${lines.length} pairs of data.train`, batch);
  return { data: pairData(model, lines, batch, seed), examples: lines.length, close: () => undefined };
}

/**
 * Held-out pairs: those of a file of lines; of a pack all captions, or one pair of clips of every video (the same ones in every
 * evaluation), as the training data are.
 */
export async function readHeldOut(
  { data, seed = 0 }: ContrastiveConfig,
  model: VideoClip,
  path: (name: string) => string,
): Promise<VideoTextPair[]> {
  if (data.validation === undefined) return [];
  const held = path(data.validation);
  if (!existsSync(join(held, PACK_FILE))) {
    const lines = await readPairs(held);
    checkTokenizer(lines, model);
    return lines.map(({ features, text }, i) => ({
      video: readFeatures(features, i, model.config),
      text: piecesOf(model, text),
    }));
  }
  if (data.captions !== undefined) {
    const pairs = new CaptionPairs(held, model.config, { size: 1 });
    const all = pairs.all();
    pairs.close();
    return all;
  }
  const { featureSize, maxTextLength, maxVideoLength } = model.config;
  const dataset = new PackedDataset(held);
  const batch = makePairBatch(
    dataset,
    Int32Array.from({ length: dataset.size }, (_, i) => i),
    0,
    {
      textTokens: [Math.min(8, maxTextLength), maxTextLength],
      videoSeconds: [Math.min(3, maxVideoLength), maxVideoLength],
      ...data.sampling,
      pairsPerVideo: 1,
      seed,
    },
  );
  dataset.close();
  return pairsOf(batch, featureSize);
}

function checkTokenizer(lines: readonly PairLine[], model: VideoClip): void {
  if (model.tokenizer || lines.every(({ text }) => typeof text !== "string")) return;
  throw new InvalidArgumentError("model.tokenizer: texts are strings, so a tokenizer is needed", {
    argument: "model.tokenizer",
  });
}

const fail = (argument: string, expected: string, received: unknown) =>
  new InvalidArgumentError(`${argument}: expected ${expected}, received ${String(received)}`, {
    argument,
    expected,
    received,
  });
