import type { VideoLists } from "../../data/video_list.js";
import type { Example } from "../example.js";
import type { PredictOptions } from "../predict_options.js";
import type { Curve } from "../report.js";
import type { RetrievalOptions } from "../retrieval.js";

/** The files of a benchmark, with the lists of the videos that it is about. */
export interface BenchmarkFiles extends VideoLists {
  /** The ground truth, as its authors publish it. */
  truth: string;
  /** The submission. */
  predictions: string;
}

/** How the queries of a retrieval are ranked. */
export type RankingOptions = Pick<RetrievalOptions, "ties" | "bootstrap">;

/** What a prediction may take beside model and features. */
export interface SelectionOptions {
  /** COIN: folder or checkpoint with the classifier of a fine-tuned model. Without one, labels are predicted zero-shot. */
  classifier?: string | undefined;
  /** CrossTask: only videos of this list (videos.csv). */
  videos?: string | undefined;
  /** CrossTask: no videos of this list (trained_videos.csv of a fine-tuned model). */
  without?: string | undefined;
  /**
   * CrossTask: the test videos of fairseq's MMPT, drawn from videos.csv (less videos_val.csv) beside the annotations with NumPy's
   * seed 0, 30 of each primary task left for training. Videos without features are left out before the draw, as there.
   */
  split?: "mmpt" | undefined;
}

/** What a page shows of a benchmark beside its figures. */
export interface Illustrations {
  examples: Example[];
  curves?: readonly Curve[] | undefined;
  matrix?: { values: ArrayLike<number>; shape: readonly [number, number] } | undefined;
}

/** A benchmark whose ground truth and submissions are files. `M`: its figures. */
export interface Benchmark<M extends object = object> {
  /** What it measures, and its figures. */
  description: string;
  /** The file of the ground truth, in words. */
  truth: string;
  /** The format of a submission, in words. */
  predictions: string;
  /** Options of a command that scores a submission. */
  example: string;
  /** Which of the {@link SelectionOptions} and {@link RankingOptions} it takes. */
  takes?: readonly (keyof SelectionOptions | keyof RankingOptions)[] | undefined;
  /** Scores a submission. */
  score(files: BenchmarkFiles, options: RankingOptions): Promise<M>;
  /** Makes a model's predictions and writes them as a submission. */
  predict(files: BenchmarkFiles, options: PredictOptions & SelectionOptions): Promise<void>;
  /** Best and worst examples, curves. */
  illustrate(files: BenchmarkFiles, options: RankingOptions): Promise<Illustrations>;
}
