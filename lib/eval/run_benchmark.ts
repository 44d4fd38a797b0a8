import type { FeatureSource } from "../data/feature_source.js";
import { InvalidArgumentError } from "../base/errors.js";
import { openFeatures } from "../features/open_features.js";
import { borrowModel, type BorrowedModelOptions } from "../models/videoclip/borrow_model.js";
import type { UnknownWordsReport } from "../text/unknown_words.js";
import { suggestion } from "../base/suggest.js";
import type { Benchmark, BenchmarkFiles, RankingOptions, SelectionOptions } from "./benchmarks/benchmark.js";
import { captionRetrieval } from "./benchmarks/captions.js";
import { COIN } from "./benchmarks/coin.js";
import { CROSSTASK } from "./benchmarks/crosstask.js";
import { DIDEMO } from "./benchmarks/didemo.js";
import { MSRVTT_QA } from "./benchmarks/msrvtt_qa.js";
import { QVHIGHLIGHTS } from "./benchmarks/qvhighlights.js";
import { reportPage } from "./report.js";

/** The benchmarks by name. @internal */
export const BENCHMARKS = {
  msrvtt: captionRetrieval("msrvtt", "MSRVTT_JSFUSION_test.csv: the 1k test"),
  youcook2: captionRetrieval(
    "youcook2",
    "youcookii_annotations_trainval.json: the clips of the validation videos",
    "validation",
  ),
  jsonl: captionRetrieval("jsonl", "lines {video or features, start, end, text}"),
  qvhighlights: QVHIGHLIGHTS,
  "msrvtt-qa": MSRVTT_QA,
  coin: COIN,
  crosstask: CROSSTASK,
  didemo: DIDEMO,
};

export type BenchmarkName = keyof typeof BENCHMARKS;

/** The metrics of a benchmark. */
export type BenchmarkMetrics<N extends BenchmarkName> = Awaited<ReturnType<(typeof BENCHMARKS)[N]["score"]>>;

export interface BenchmarkInfo {
  name: BenchmarkName;
  /** Description of the benchmark and its metrics. */
  description: string;
  /** The file of the ground truth. */
  truth: string;
  /** The format of a submission. */
  predictions: string;
}

/** All benchmarks, with their files. */
export const listBenchmarks = (): BenchmarkInfo[] =>
  Object.entries(BENCHMARKS).map(([name, { description, truth, predictions }]) => {
    return { name: name as BenchmarkName, description, truth, predictions };
  });

export interface EvaluateBenchmarkOptions extends BenchmarkFiles, RankingOptions {}

/**
 * Scores a submission from any program, like `videoclip eval`.
 * @throws DatasetError with file and line for files that do not fit; InvalidArgumentError for an unknown name or option
 */
export async function evaluateBenchmark<N extends BenchmarkName>(
  name: N,
  options: EvaluateBenchmarkOptions,
): Promise<BenchmarkMetrics<N>> {
  const benchmark = benchmarkOf(name, options);
  return (await benchmark.score(options, rankingOf(options))) as BenchmarkMetrics<N>;
}

export interface PredictBenchmarkOptions extends BenchmarkFiles, SelectionOptions, BorrowedModelOptions {
  /**
   * Features of the videos, or a folder with one .npy per video, one row per second. See `openFeatures` for other
   * sources.
   */
  features: FeatureSource | string;
  /**
   * A file for the names of videos without features, one per line, which are then left out. It is a list for `except`
   * when the predictions are scored. Default: a video without features is an error.
   */
  leftOut?: string | undefined;
  /** Called with the number of finished videos (or pairs) and the total. */
  onProgress?: ((progress: { done: number; total: number }) => void) | undefined;
}

/**
 * Makes a model's predictions and writes them as a submission in the benchmark's format. COIN is predicted by the
 * classifier of a fine-tuned model, if the path `model` has one or `classifier` is given.
 * @returns the words of the benchmark that the model does not know
 * @throws DatasetError for a video without features (unless `leftOut` is given); InvalidArgumentError; WeightsError;
 * the signal's reason
 */
export async function predictBenchmark(
  name: BenchmarkName,
  options: PredictBenchmarkOptions,
): Promise<{ unknown: UnknownWordsReport }> {
  const benchmark = benchmarkOf(name, options);
  const { features: from, signal, onProgress, videos, without, split, leftOut } = options;
  const { classifier = typeof options.model === "string" ? options.model : undefined } = options;
  const features = typeof from === "string" ? await openFeatures(from) : from;
  const { model, release } = await borrowModel(options);
  try {
    const before = model.unknownWords.count;
    const selection = { classifier, videos, without, split };
    await benchmark.predict(options, { model, features, signal, onProgress, leftOut, ...selection });
    const { count, examples } = model.unknownWords.report();
    return { unknown: { count: count - before, examples: count > before ? examples : [] } };
  } finally {
    release();
  }
}

export interface BenchmarkPageOptions extends EvaluateBenchmarkOptions {
  /** The metrics, if they are already computed. */
  metrics?: object | undefined;
  /** Folder of the videos, for pictures of the examples. */
  pictures?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A submission as a self-contained HTML page: its metrics, curves, the similarity matrix of a retrieval, best and worst
 * examples.
 * @throws as {@link evaluateBenchmark}
 */
export async function benchmarkPage(name: BenchmarkName, options: BenchmarkPageOptions): Promise<string> {
  const benchmark = benchmarkOf(name, options);
  const ranking = rankingOf(options);
  const { metrics = await benchmark.score(options, ranking), pictures, signal } = options;
  const title = benchmark.description.split(":")[0];
  return reportPage({
    title: benchmark.takes?.includes("bootstrap") ? `Text-to-video retrieval, ${name}` : title,
    metrics,
    ...(await benchmark.illustrate(options, ranking)),
    pictures,
    signal,
  });
}

const rankingOf = ({ ties, bootstrap }: RankingOptions): RankingOptions => ({ ties, bootstrap });

/**
 * The benchmark with this name, after a check of the options. @throws InvalidArgumentError for an option that it does
 * not have
 */
function benchmarkOf(name: string, options: Partial<SelectionOptions & RankingOptions>): Benchmark {
  const names = Object.keys(BENCHMARKS);
  if (!names.includes(name)) {
    throw new InvalidArgumentError(`benchmark: there is no ${name}${suggestion(name, names)}`, { argument: "benchmark", expected: names, received: name }); // prettier-ignore
  }
  const benchmark: Benchmark = BENCHMARKS[name as BenchmarkName];
  const stray = (["classifier", "videos", "without", "split", "ties", "bootstrap"] as const).find(
    (option) => options[option] !== undefined && !benchmark.takes?.includes(option),
  );
  if (stray === undefined) return benchmark;
  throw new InvalidArgumentError(`${stray}: ${name} has no such option`, { argument: stray, received: options[stray] });
}
