import { PackedDataset } from "../data/packed_dataset.js";
import { captionPair, usable } from "../data/sampler.js";
import { Skips } from "../data/skips.js";
import { DatasetError, InvalidArgumentError, VideoClipError } from "../base/errors.js";
import type { VideoClipConfig } from "../models/videoclip/videoclip_config.js";
import { shuffledBatches } from "./batches.js";
import type { Batch, TrainingData } from "./task.js";
import { contrastiveBatch, type VideoTextPair } from "./tasks/contrastive.js";

export interface CaptionPairsOptions {
  /** Examples of a batch. */
  size: number;
  /** Seed of the order of the examples. Default 0. */
  seed?: number | undefined;
  /** Counts the captions that cannot be used. */
  skips?: Skips | undefined;
}

/**
 * Training data for retrieval of annotated clips (YouCook2, MSR-VTT): every caption of a pack and the features of its
 * seconds are an example. Features and word pieces are cut to the model's lengths. Each epoch is a new order of all
 * captions.
 */
export class CaptionPairs implements TrainingData {
  readonly #dataset: PackedDataset;
  readonly #config: VideoClipConfig;
  /** Video and caption of each example. */
  readonly #captions: Int32Array;
  readonly #order: (index: number) => number[];

  /**
   * @throws DatasetError for a folder that is not a pack; InvalidArgumentError for features of another width or too few
   * captions
   */
  constructor(pack: string, config: VideoClipConfig, { size, seed = 0, skips = new Skips() }: CaptionPairsOptions) {
    const dataset = new PackedDataset(pack, { skips });
    this.#dataset = dataset;
    this.#config = config;
    if (dataset.width !== config.featureSize) {
      throw new InvalidArgumentError(
        `pack: expected features of width ${config.featureSize}, as the model takes, received ${dataset.width} in ${pack}`,
        { argument: "pack", expected: config.featureSize, received: dataset.width },
      );
    }
    const at: number[] = [];
    for (let video = 0; video < dataset.size; video++) {
      const count = usable(dataset.captions(video), dataset.rows(video));
      for (let caption = 0; caption < count; caption++) at.push(video, caption);
    }
    this.#captions = Int32Array.from(at);
    if (this.examples < size) {
      throw new InvalidArgumentError(
        `batch: expected at most the ${this.examples} captions of ${pack}, received ${size}`,
        {
          argument: "batch",
          expected: this.examples,
          received: size,
        },
      );
    }
    this.#order = shuffledBatches(this.examples, size, seed);
  }

  get examples(): number {
    return this.#captions.length / 2;
  }

  /** Example number `index`, in the order of the pack. @throws WeightsError for features that are not finite */
  pair(index: number): VideoTextPair {
    const [video, caption] = this.#captions.subarray(2 * index);
    const { maxTextLength, maxVideoLength } = this.#config;
    const limits = { textTokens: [1, maxTextLength], videoSeconds: [1, maxVideoLength] } as const;
    const captions = this.#dataset.captions(video);
    const { ids, video: span } = captionPair(captions, caption, this.#dataset.rows(video), limits);
    const data = this.#dataset.features(video, ...span);
    return { video: { data, shape: [span[1] - span[0], this.#dataset.width] }, text: [...ids] };
  }

  /** All usable examples; the others are counted. */
  all(): VideoTextPair[] {
    return this.#usable(Array.from({ length: this.examples }, (_, i) => i));
  }

  #usable(indices: readonly number[]): VideoTextPair[] {
    return indices.flatMap((index) => {
      try {
        return [this.pair(index)];
      } catch (error) {
        if (!(error instanceof VideoClipError)) throw error;
        this.#dataset.skips.add("a caption whose features cannot be read", error.message);
        return [];
      }
    });
  }

  batch(index: number): Batch {
    const pairs = this.#usable(this.#order(index));
    if (pairs.length > 0) return contrastiveBatch(pairs, this.#config);
    throw new DatasetError("ERR_DATASET", `no caption of batch ${index} can be used: ${this.#dataset.skips.summary()}`);
  }

  close(): void {
    this.#dataset.close();
  }
}
