import type { CoinVideo } from "../data/coin.js";
import type { CrossTask, CrossTaskStep } from "../data/crosstask.js";
import type { FeatureFolder } from "../data/feature_folder.js";
import { Skips } from "../data/skips.js";
import { DatasetError } from "../base/errors.js";
import type { VideoClipConfig } from "../models/videoclip/videoclip_config.js";
import { readFeatures, type VideoFeatures } from "../models/videoclip/videoclip_input.js";
import { windowStarts } from "../models/videoclip/videoclip_windows.js";
import { shuffledBatches } from "./batches.js";
import type { Batch, TrainingData } from "./task.js";
import { stepClassificationBatch, stepLocalisationBatch } from "./tasks/steps.js";

/** Options of the training data of long videos. */
export interface StepDataOptions {
  features: FeatureFolder;
  config: VideoClipConfig;
  /** Seconds between the windows of a video. MMPT: 8 for COIN, 16 for CrossTask. */
  step: number;
  seed?: number | undefined;
  skips?: Skips | undefined;
}

/**
 * Training data of benchmarks with annotated steps: videos with features, one per batch, in a new order every epoch. Videos
 * without features are counted and left out.
 */
export abstract class StepData<T extends { video: string }> implements TrainingData {
  readonly #videos: T[];
  readonly #order: (index: number) => number[];
  readonly #skips: Skips;

  /** @throws DatasetError when no video has features */
  constructor(
    videos: readonly T[],
    readonly options: StepDataOptions,
  ) {
    const { features, seed = 0, skips = new Skips() } = options;
    this.#skips = skips;
    this.#videos = videos.filter(({ video }) => {
      if (features.has(video)) return true;
      skips.add("a video without features", video);
      return false;
    });
    if (this.examples === 0) {
      throw new DatasetError("ERR_DATASET", `${features.folder}: none of the ${videos.length} videos has features`);
    }
    this.#order = shuffledBatches(this.examples, 1, seed);
  }

  get examples(): number {
    return this.#videos.length;
  }

  /** The batch of one video. A video that cannot be used is counted and replaced by the next one. */
  batch(index: number): Batch {
    const [first] = this.#order(index);
    for (let i = 0; i < this.examples; i++) {
      const entry = this.#videos[(first + i) % this.examples];
      try {
        return this.#read(entry);
      } catch (error) {
        if (!(error instanceof DatasetError)) throw error;
        this.#skips.add("a video that cannot be used", error.message);
      }
    }
    throw new DatasetError("ERR_DATASET", `no video can be used: ${this.#skips.summary()}`);
  }

  #read(entry: T): Batch {
    const { features, config, step } = this.options;
    const video = readFeatures(features.read(entry.video), 0, config);
    return this.make(entry, video, windowStarts(video.shape[0], config.maxVideoLength, step));
  }

  protected abstract make(entry: T, video: VideoFeatures, starts: readonly number[]): Batch;
}

/** COIN's videos with the class of each second; 0 is the background. */
export class CoinSteps extends StepData<CoinVideo> {
  protected make({ steps }: CoinVideo, video: VideoFeatures, starts: readonly number[]): Batch {
    const labels = new Int32Array(video.shape[0]);
    for (const { label, segment } of steps) labels.fill(label, Math.floor(segment[0]), Math.ceil(segment[1]));
    return stepClassificationBatch(video, labels, starts, this.options.config);
  }
}

/** A video of CrossTask with its task and annotated steps. */
export interface CrossTaskVideo {
  video: string;
  task: CrossTask;
  steps: readonly CrossTaskStep[];
}

/** CrossTask's videos with the seconds of the steps of their tasks. */
export class CrossTaskSteps extends StepData<CrossTaskVideo> {
  readonly #texts = new Map<string, number[][]>();

  /** @param pieces word pieces of a text, without [CLS] and [SEP] */
  constructor(
    videos: readonly CrossTaskVideo[],
    options: StepDataOptions,
    readonly pieces: (text: string) => readonly number[],
  ) {
    super(videos, options);
  }

  protected make({ task, steps, video: name }: CrossTaskVideo, video: VideoFeatures, starts: readonly number[]): Batch {
    const texts = this.#texts.get(task.id) ?? task.steps.map((text) => [...this.pieces(text)]);
    this.#texts.set(task.id, texts);
    const [seconds, K] = [video.shape[0], task.steps.length];
    const present = new Uint8Array(seconds * K);
    for (const { step, start, end } of steps) {
      if (step > K) {
        throw new DatasetError("ERR_DATASET", `${name}: step ${step} of task ${task.id}, which has ${K} steps`);
      }
      for (let t = Math.floor(start); t < Math.min(seconds, Math.ceil(end)); t++) present[t * K + step - 1] = 1;
    }
    return stepLocalisationBatch(video, texts, present, starts, this.options.config);
  }
}
