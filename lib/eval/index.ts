/** Evaluation: benchmarks with their files, predictions of a model for them, and metrics. */
export type { CoinVideo } from "../data/coin.js";
export type { CrossTask } from "../data/crosstask.js";
export type { DidemoQuery } from "../data/didemo.js";
export type { Features, FeatureSource } from "../data/feature_source.js";
export type { MsrvttQuestion } from "../data/msrvtt.js";
export type { Caption, VideoRecord } from "../data/record.js";
export type { VideoLists } from "../data/video_list.js";
export type { Device, DeviceName, DeviceOptions, Precision } from "../runtime/device.js";
export type { BorrowedModelOptions } from "../models/videoclip/borrow_model.js";
export type { VideoClip } from "../models/videoclip/videoclip.js";
export type { VideoFeatures } from "../models/videoclip/videoclip_input.js";
export type { VideoClipTokenizer } from "../models/videoclip/videoclip_types.js";
export type { PieceTokenizer } from "../text/piece_ids.js";
export type { UnknownWordsReport } from "../text/unknown_words.js";
export { windowStarts } from "../models/videoclip/videoclip_windows.js";
export type { BenchmarkFiles, RankingOptions, SelectionOptions } from "./benchmarks/benchmark.js";
export { captionsOf, predictRetrieval, retrievalExamples, type RetrievalPair } from "./benchmarks/captions.js";
export { coinExamples, predictCoin, scoreCoin } from "./benchmarks/coin.js";
export { crossTaskExamples, predictCrossTask, scoreCrossTask } from "./benchmarks/crosstask.js";
export { didemoExamples, predictDidemo, scoreDidemo } from "./benchmarks/didemo.js";
export { choiceExamples, predictChoices, scoreChoices } from "./benchmarks/msrvtt_qa.js";
export { momentExamples, predictQVHighlights } from "./benchmarks/qvhighlights.js";
export {
  type Chunks,
  type DidemoMetrics,
  didemoMetrics,
  didemoSegments,
  type MomentRanking,
  rankSegments,
} from "./didemo.js";
export type { Example, Span, Strip } from "./example.js";
export { type Interval, iou } from "./intervals.js";
export { orderedAssignment, type StepMetrics, stepMetrics, type StepVideo } from "./localisation.js";
export { type Choice, type ChoiceMetrics, choiceMetrics } from "./multiple_choice.js";
export type { PredictOptions } from "./predict_options.js";
export {
  evaluateQVHighlights,
  type HighlightMetrics,
  type MomentRetrievalMetrics,
  type QVHighlightsMetrics,
} from "./qvhighlights.js";
export {
  type MomentPrediction,
  type MomentTruth,
  readMomentPredictions,
  readMomentTruth,
} from "./qvhighlights_files.js";
export { type Curve, type Report, reportPage } from "./report.js";
export {
  type Rank,
  retrievalMetrics,
  type RetrievalMetrics,
  type RetrievalOptions,
  retrievalRanks,
  type Ties,
} from "./retrieval.js";
export {
  type BenchmarkInfo,
  type BenchmarkMetrics,
  type BenchmarkName,
  benchmarkPage,
  type BenchmarkPageOptions,
  evaluateBenchmark,
  type EvaluateBenchmarkOptions,
  listBenchmarks,
  predictBenchmark,
  type PredictBenchmarkOptions,
} from "./run_benchmark.js";
export {
  averageWindows,
  type LabelledSegment,
  secondLabels,
  type SegmentationMetrics,
  segmentationMetrics,
  zeroShotLabels,
} from "./segmentation.js";
export { readSimilarity, scoreRetrieval } from "./similarity.js";
