import type { VideoLists } from "../../data/video_list.js";
import type { Example } from "../example.js";
import type { PredictOptions } from "../predict_options.js";
import type { Curve } from "../report.js";
import type { RetrievalOptions } from "../retrieval.js";

/** The files of a benchmark, and lists that select its videos. */
export interface BenchmarkFiles extends VideoLists {
  /** The ground truth, as its authors publish it. */
  truth: string;
  /** The submission. */
  predictions: string;
}

/** How the queries of a retrieval are ranked. */
export type RankingOptions = Pick<RetrievalOptions, "ties" | "bootstrap">;

/** Options of a prediction besides model and features. */
export interface SelectionOptions {
  /** COIN: folder or checkpoint with the classifier of a fine-tuned model. Without one, labels are predicted zero-shot. */
  classifier?: string | undefined;
  /** CrossTask: only videos of this list (videos.csv). */
  videos?: string | undefined;
  /** CrossTask: no videos of this list (trained_videos.csv of a fine-tuned model). */
  without?: string | undefined;
  /**
   * CrossTask: the test videos of fairseq's MMPT, drawn from videos.csv (without videos_val.csv) next to the
   * annotations, with NumPy's seed 0 and 30 videos of each primary task for training. As in MMPT, videos without
   * features are removed before the draw.
   */
  split?: "mmpt" | undefined;
}

/** Parts of a benchmark's page besides its metrics. */
export interface Illustrations {
  examples: Example[];
  curves?: readonly Curve[] | undefined;
  matrix?: { values: ArrayLike<number>; shape: readonly [number, number] } | undefined;
}

/** A benchmark whose ground truth and submissions are files. `M`: its metrics. */
export interface Benchmark<M extends object = object> {
  /** Description of the benchmark and its metrics. */
  description: string;
  /** The file of the ground truth, in words. */
  truth: string;
  /** The format of a submission, in words. */
  predictions: string;
  /** Options of a command that scores a submission. */
  example: string;
  /** The {@link SelectionOptions} and {@link RankingOptions} that it has. */
  takes?: readonly (keyof SelectionOptions | keyof RankingOptions)[] | undefined;
  /** Scores a submission. */
  score(files: BenchmarkFiles, options: RankingOptions): Promise<M>;
  /** Makes a model's predictions and writes them as a submission. */
  predict(files: BenchmarkFiles, options: PredictOptions & SelectionOptions): Promise<void>;
  /** Best and worst examples, curves. */
  illustrate(files: BenchmarkFiles, options: RankingOptions): Promise<Illustrations>;
}
