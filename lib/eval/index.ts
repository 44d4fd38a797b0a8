/** Metrics of the benchmarks, over scores or over submissions as files. */
export { windowStarts } from "../models/videoclip_windows.js";
export { type Chunks, type DidemoMetrics, didemoMetrics, didemoSegments, type MomentRanking } from "./didemo.js";
export {
  choiceExamples,
  coinExamples,
  crossTaskExamples,
  didemoExamples,
  type Example,
  momentExamples,
  retrievalExamples,
  type Span,
  type Strip,
} from "./examples.js";
export { type Curve, type Report, reportPage } from "./report.js";
export { type Interval, iou } from "./intervals.js";
export { orderedAssignment, type StepMetrics, stepMetrics, type StepVideo } from "./localisation.js";
export { type Choice, type ChoiceMetrics, choiceMetrics } from "./multiple_choice.js";
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
export { predictDidemo, predictQVHighlights } from "./predict/moments.js";
export type { PredictOptions } from "./predict/options.js";
export { predictCoin, predictCrossTask } from "./predict/steps.js";
export { captionsOf, predictChoices, predictRetrieval, type RetrievalPair } from "./predict/text.js";
export {
  type Rank,
  retrievalMetrics,
  type RetrievalMetrics,
  type RetrievalOptions,
  retrievalRanks,
  type Ties,
} from "./retrieval.js";
export { scoreChoices, scoreCoin, scoreCrossTask, scoreDidemo, scoreRetrieval } from "./score_files.js";
export {
  averageWindows,
  type LabelledSegment,
  secondLabels,
  type SegmentationMetrics,
  segmentationMetrics,
  zeroShotLabels,
} from "./segmentation.js";
