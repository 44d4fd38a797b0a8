/// <reference lib="esnext.disposable" preserve="true" />
import { createHash } from "node:crypto";
import { join } from "node:path";
import { PackedDataset } from "../data/packed_dataset.js";
import { type PairBatch, type PairBatchOptions, shuffledGroups } from "../data/pair_batch.js";
import { PairLoader } from "../data/pair_loader.js";
import type { SamplerOptions } from "../data/sampler.js";
import { Skips } from "../data/skips.js";
import { DatasetError } from "../base/errors.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { wrongArgument } from "../base/wrong_argument.js";
import { RetrievalPlans } from "./retrieval_plans.js";
import { samplingFor } from "./sampling.js";
import type { Batch, TrainingData } from "./task.js";
import { contrastiveBatch } from "./tasks/contrastive.js";
import { embedVideos, fingerprint, pairsOf } from "./video_vectors.js";

/** Hard negatives: batches of similar videos (Xu et al. 2021, section 3.4), and the paper's ablations. */
export interface HardNegatives {
  /** Number of nearest videos from which a batch of k is drawn. Default 2k; k is the paper's "retrieve k". */
  candidates?: number | undefined;
  /**
   * Clips by which a video is embedded: the clip pairs drawn in the epoch (default, as in the paper), as many exactly
   * aligned pairs (as in fairseq's MMPT), or the first seconds (the paper's "use first 32 sec").
   */
  embedding?: "clips" | "exact" | "first" | undefined;
  /** Distance of two videos. Default `l2`, as in the paper's code. */
  metric?: "l2" | "dot" | undefined;
}

export interface PackedPairsOptions {
  /** The trained model: it defines the sizes and embeds the videos. */
  model: VideoClip;
  /** Folder of `videoclip data pack`. */
  pack: string;
  /** Videos of a batch, k. Default 32. */
  videosPerBatch?: number | undefined;
  /** Clip pairs per video. Default 16. */
  pairsPerVideo?: number | undefined;
  /**
   * How clips are drawn. Default: overlapping clips, with texts from 8 tokens and videos from 3 seconds up to the
   * model's limits.
   */
  sampling?: SamplerOptions | undefined;
  /** Batches of retrieved hard negatives (default), or of random videos (false). */
  retrieval?: HardNegatives | false | undefined;
  seed?: number | undefined;
  /** Folder of the run. Plans are kept in its `retrieval/`; without them a run cannot be resumed within an epoch. */
  folder?: string | undefined;
  /** Threads that read and draw. Default 0: the calling thread. The batches do not depend on it. */
  workers?: number | undefined;
  /** Batches that are prepared in advance; default 2 per worker. */
  prefetch?: number | undefined;
  /** Counts the videos that cannot be used, each once. */
  skips?: Skips | undefined;
  onProgress?: ((progress: PackedPairsProgress) => void) | undefined;
}

/** Work before the first batch of an epoch. */
export interface PackedPairsProgress {
  epoch: number;
  /** `embed` counts videos, `plan` counts batches. */
  stage: "embed" | "plan";
  done: number;
  total: number;
}

/** Videos of the batches of an epoch, and statistics. */
interface Epoch {
  groups: Int32Array[];
  statistics: Record<string, number>;
}

/** Counts a video once over all epochs. */
class OnceSkips extends Skips {
  readonly #seen = new Set<string>();

  constructor(readonly inner: Skips) {
    super(Infinity);
  }

  override add(reason: string, where: string): void {
    const key = `${reason}\n${where}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.inner.add(reason, where);
  }
}

/**
 * VideoCLIP's training data (Xu et al. 2021, algorithm 1). In each epoch the current model embeds all videos of a pack;
 * a batch is k random videos of the 2k nearest neighbours of a random video; and temporally overlapping clip pairs are
 * drawn from each video. Batches are those of {@link contrastiveBatch}. Everything depends on the seed, the pack and
 * the model alone; a resumed run reads the plan of its epoch from `folder`.
 */
export class PackedPairs implements TrainingData {
  /** Batches of an epoch: videos / k. */
  readonly batchesPerEpoch: number;
  /** Videos of the pack. */
  readonly videos: number;
  readonly #options: PackedPairsOptions;
  readonly #sampling: PairBatchOptions;
  readonly #loader: PairLoader;
  readonly #skips: OnceSkips;
  readonly #plans: RetrievalPlans | undefined;
  #epoch: ({ number: number } & Epoch) | undefined;
  #stream: { next: number; batches: ReturnType<PairLoader["epoch"]> } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @throws DatasetError for a folder that is not a pack; InvalidArgumentError for features of another width or too few
   * videos
   */
  constructor(options: PackedPairsOptions) {
    const { model, pack, videosPerBatch = 32, pairsPerVideo = 16, retrieval = {}, seed = 0 } = options;
    const { featureSize } = model.config;
    this.#options = options;
    this.#skips = new OnceSkips(options.skips ?? new Skips());
    const dataset = new PackedDataset(pack, { skips: this.#skips });
    this.videos = dataset.size;
    dataset.close();
    if (dataset.width !== featureSize) {
      throw wrongArgument(
        "pack",
        `features of width ${featureSize}, as the model takes`,
        `${dataset.width} in ${pack}`,
      );
    }
    this.batchesPerEpoch = Math.floor(this.videos / videosPerBatch);
    if (this.batchesPerEpoch < 1)
      throw wrongArgument("videosPerBatch", `at most the ${this.videos} of ${pack}`, videosPerBatch);
    this.#sampling = { ...samplingFor(model.config, options.sampling), pairsPerVideo, seed };
    this.#loader = this.#openLoader(this.#sampling);
    if (retrieval === false) return;
    this.#plans = new RetrievalPlans({
      folder: options.folder === undefined ? undefined : join(options.folder, "retrieval"),
      size: videosPerBatch,
      batches: this.batchesPerEpoch,
      candidates: retrieval.candidates ?? 2 * videosPerBatch,
      metric: retrieval.metric ?? "l2",
      seed,
      source: {
        pack: createHash("sha256").update(JSON.stringify(dataset.manifest.shards)).digest("hex"),
        sampling: this.#sampling,
        embedding: retrieval.embedding ?? "clips",
      },
    });
  }

  #openLoader(sampling: PairBatchOptions): PairLoader {
    const { pack, workers, prefetch } = this.#options;
    return new PairLoader({ folder: pack, sampling, workers, prefetch, skips: this.#skips });
  }

  /** Whether batch `index` begins an epoch of retrieval. */
  needsModel(index: number): boolean {
    return this.#plans !== undefined && index % this.batchesPerEpoch === 0;
  }

  batch(index: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Batch> {
    const batch = this.#last.then(() => this.#make(index, signal));
    this.#last = batch.catch(() => undefined);
    return batch;
  }

  async #make(index: number, signal: AbortSignal | undefined): Promise<Batch> {
    const { model } = this.#options;
    const [epoch, at] = [Math.floor(index / this.batchesPerEpoch), index % this.batchesPerEpoch];
    if (this.#epoch?.number !== epoch || (at === 0 && this.#plans)) {
      this.#stream = undefined;
      this.#epoch = { number: epoch, ...(await this.#plan(epoch, at, signal)) };
    }
    if (this.#stream?.next !== at) {
      this.#stream = { next: at, batches: this.#loader.epoch(this.#epoch.groups, epoch, { start: at }) };
    }
    const { value } = (await this.#stream.batches.next()) as { value: { batch: PairBatch } };
    this.#stream.next++;
    if (value.batch.pairs === 0) {
      throw new DatasetError("ERR_DATASET", `no video of batch ${index} can be used: ${this.#skips.inner.summary()}`);
    }
    const batch = contrastiveBatch(pairsOf(value.batch, model.config.featureSize), model.config);
    return { ...batch, measures: { epoch, ...(at === 0 ? this.#epoch.statistics : {}) } };
  }

  async #plan(epoch: number, at: number, signal: AbortSignal | undefined): Promise<Epoch> {
    const { model, videosPerBatch = 32, seed = 0, onProgress } = this.#options;
    if (!this.#plans) return { groups: shuffledGroups(this.videos, videosPerBatch, seed, epoch), statistics: {} };
    const report = (stage: "embed" | "plan") => (done: number, total: number) =>
      onProgress?.({ epoch, stage, done, total });
    const { groups, coverage, meanRepeats, mostRepeats } =
      at > 0
        ? this.#plans.resume(epoch)
        : await this.#plans.begin(epoch, fingerprint(model), () => this.#embed(epoch, signal, report("embed")), {
            signal,
            onProgress: report("plan"),
          });
    return { groups, statistics: { coverage, meanRepeats, mostRepeats } };
  }

  async #embed(epoch: number, signal: AbortSignal | undefined, onProgress: (done: number, total: number) => void) {
    const { model, retrieval } = this.#options;
    const { embedding = "clips" } = retrieval || {};
    const own: Partial<PairBatchOptions> = embedding === "first" ? { pairsPerVideo: 1 } : {};
    const loader =
      embedding === "clips" ? this.#loader : this.#openLoader({ ...this.#sampling, alignment: embedding, ...own });
    try {
      return await embedVideos(model, loader, this.videos, epoch, { signal, onProgress });
    } finally {
      if (loader !== this.#loader) await loader.close();
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await this.#loader.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
