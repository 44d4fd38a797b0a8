// Trains VideoCLIP on packed features of generated videos: overlapping clips, batches of retrieved hard negatives.
import { join } from "node:path";
import type { SamplerOptions } from "../dist/data/sampler.js";
import { VideoClip } from "../dist/models/videoclip/videoclip.js";
import { WordPieceTokenizer } from "../dist/text/wordpiece.js";
import { type HardNegatives, PackedPairs } from "../dist/train/packed_pairs.js";
import { contrastiveTask } from "../dist/train/tasks/contrastive.js";
import { Trainer } from "../dist/train/trainer.js";

export interface PairsRun {
  /** Folder of the run: checkpoints, metrics, plans. Without one nothing is written. */
  folder?: string;
  pack: string;
  /** `vocab.txt`. */
  vocab: string;
  /** Weights of the video encoder, which the model is saved with. */
  encoder?: string;
  seed: number;
  steps: number;
  learningRate: number;
  /** Videos of a batch, and pairs of each. */
  videos: number;
  pairs: number;
  alignment: SamplerOptions["alignment"];
  retrieval: HardNegatives | false;
  threads?: number;
  signal?: AbortSignal;
  onStep?: (step: number, loss: number) => void;
}

/** The model before training. */
export function initialModel({
  vocab,
  encoder,
  seed,
  threads,
}: Pick<PairsRun, "vocab" | "encoder" | "seed" | "threads">) {
  const { size, pad, cls, sep } = WordPieceTokenizer.load(vocab);
  return VideoClip.initialize({
    device: "cpu",
    threads,
    seed,
    tokenizer: vocab,
    ...(encoder === undefined ? {} : { videoWeights: encoder }),
    config: {
      featureSize: 256,
      hiddenSize: 128,
      heads: 4,
      intermediateSize: 256,
      videoLayers: 2,
      textLayers: 2,
      vocabularySize: size,
      maxPositions: 34,
      maxVideoLength: 16,
      maxTextLength: 24,
      padId: pad,
      clsId: cls,
      sepId: sep,
      videoModel: { model: "s3d-tiny", output: "features", preset: "shapes" },
    },
  });
}

/** Trains to the last step, going on where an earlier run in the folder stopped. The caller disposes of the model. */
export async function trainPairs(run: PairsRun): Promise<VideoClip> {
  const { folder, pack, seed, steps, learningRate, videos, pairs, alignment, retrieval, signal, onStep } = run;
  const model = await initialModel(run);
  const data = new PackedPairs({
    model,
    pack,
    videosPerBatch: videos,
    pairsPerVideo: pairs,
    // an event lasts 3 to 5 s and a caption has 6 to 12 words: a text of one or two, a video of one to three
    sampling: { textTokens: [6, 16], videoSeconds: [3, 8], alignment },
    retrieval,
    seed,
    ...(folder === undefined ? {} : { folder }),
  });
  const trainer = new Trainer({
    device: model.device,
    task: contrastiveTask(model.config),
    data,
    optimizer: { kind: "adam", beta2: 0.98, maxNorm: 2 },
    schedule: { kind: "cosine", learningRate, warmup: Math.round(steps / 20), total: steps },
    steps,
    seed,
    ...(folder === undefined ? {} : { folder, resume: true }),
  });
  try {
    for await (const { step, loss } of trainer.run({ signal })) onStep?.(step, loss);
    if (folder !== undefined) await model.save(join(folder, "model"), { dtype: "f16" });
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    trainer.dispose();
    await data.close();
  }
}
